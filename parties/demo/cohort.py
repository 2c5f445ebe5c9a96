"""The cohort, and how it comes to lie at five hospitals: unevenly, and not alike.

German Breast Cancer Study Group 2: 686 patients, `data/gbsg2.csv`; `data/SOURCE.md` names the source.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mpc.errors import ConfigError

DATA_FOLDER: Final = Path(__file__).parent / "data"
COHORT_FILE: Final = DATA_FOLDER / "gbsg2.csv"
SCHEMA_FILE: Final = DATA_FOLDER / "gbsg2.schema.toml"
DATASET: Final = "gbsg2"
#: Hospital -> its part of the cohort in percent. The first three also compute; the last two only hold data.
SHARES_PERCENT: Final[Mapping[str, int]] = {
    "lindenhof": 41,
    "marien-hospital": 27,
    "st-gertrud": 17,
    "seeklinik": 11,
    "waldkrankenhaus": 4,
}
COMPUTE: Final = tuple(SHARES_PERCENT)[:3]
_SEED: Final = 20250327
#: How much a patient's age, from 0 for the youngest to 1, weighs against chance in the choice of a hospital.
_AGE_PULL: Final = 0.6


def split(cohort: Path, folders: Mapping[str, Path], *, seed: int = _SEED) -> dict[str, Path]:
    """Writes each hospital's part of `cohort` as `DATASET.csv` into its folder and returns the paths.

    Parts follow `SHARES_PERCENT`. Rows are interleaved by a seeded draw in which older patients tend to the
    later hospitals, so that no part resembles the whole. Each row goes to exactly one hospital.
    """
    header, rows = _read(cohort)
    order = _interleaved(rows, header.index("age"), random.Random(seed))  # noqa: S311  # no secret: a demo's split
    parts = _cut(order)
    paths = {name: folder / f"{DATASET}.csv" for name, folder in folders.items()}
    for name, path in paths.items():
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows[index] for index in sorted(parts[name]))
    return paths


def _read(cohort: Path) -> tuple[list[str], list[list[str]]]:
    if not cohort.is_file():
        raise ConfigError(
            f"The cohort {cohort} is missing.",
            remedy="Install Triune again: the file is part of the package.",
        )
    with cohort.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def _interleaved(rows: Sequence[Sequence[str]], age: int, draw: random.Random) -> list[int]:
    ages = [float(row[age]) for row in rows]
    youngest, oldest = min(ages), max(ages)
    keys = [draw.random() + _AGE_PULL * (value - youngest) / (oldest - youngest) for value in ages]
    return sorted(range(len(rows)), key=keys.__getitem__)


def _cut(order: Sequence[int]) -> dict[str, Sequence[int]]:
    parts: dict[str, Sequence[int]] = {}
    start = percent = 0
    for name, share in SHARES_PERCENT.items():
        percent += share
        end = round(len(order) * percent / 100)
        parts[name] = order[start:end]
        start = end
    return parts
