"""The analyst of the demo, as a process of its own: asks through the public SDK and writes what it got.

`python -m parties.demo.queries --config analyst.toml --output answers.json`. It sees no data file.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from mpc.statistics.results import Result
from parties.client import connect
from parties.client.dataset import Dataset
from parties.demo.cohort import DATASET, SHARES_PERCENT

DESCRIBED: Final = ("age", "tsize", "pnodes", "progrec", "estrec")
AGE_EDGES: Final = (20, 30, 40, 50, 60, 70, 80, 90)
PLOT_INCHES: Final = (6.4, 3.6)


@dataclass(frozen=True)
class Query:
    """One question. `ask` runs it; `name` is what the report and the JSON file call it."""

    name: str
    title: str
    ask: Callable[[Dataset], Result]


def _older_grade_three(gbsg: Dataset) -> Result:
    result: Result = gbsg.where('age >= 50 and tgrade == "III"').count()
    return result


def _young_by_grade(gbsg: Dataset) -> Result:
    result: Result = gbsg.where(gbsg.age < 35).group_by("horTh", "tgrade").count()
    return result


QUERIES: Final = (
    Query("count", "All patients", lambda gbsg: gbsg.count()),
    Query("describe", "Five measurements described", lambda gbsg: gbsg.describe(*DESCRIBED)),
    Query(
        "mean tsize by horTh, menostat",
        "Mean tumour size by hormone therapy and menopausal status",
        lambda gbsg: gbsg.group_by("horTh", "menostat").mean("tsize"),
    ),
    Query("histogram age", "Age", lambda gbsg: gbsg.histogram("age", edges=AGE_EDGES)),
    Query("correlation", "Correlations", lambda gbsg: gbsg.correlation(*DESCRIBED)),
    Query("filtered count", 'Patients with age >= 50 and tgrade == "III"', _older_grade_three),
    Query("small cells", "Patients under 35 by therapy and grade: small cells stay closed", _young_by_grade),
)


def flat(result: Result) -> dict[str, float | int | None]:
    """Every cell of a result under one label, as `horTh=no menostat=Pre tsize mean`; None where closed."""
    cells: dict[str, float | int | None] = {}
    for outcome in result.outcomes:
        places = [f"{name}={level}" for name, level in outcome.group]
        places += outcome.columns if len(outcome.columns) == 1 else ()
        cells |= {" ".join([*places, name]): value for name, value in outcome.values.items()}
    return cells


def drawing(result: Result) -> str:
    """The result's own plot as SVG text."""
    figure = Figure(figsize=PLOT_INCHES, layout="constrained")
    result.plot(figure.add_subplot())
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def answer(query: Query, dataset: Dataset) -> dict[str, Any]:
    """One query's answer as plain JSON."""
    result = query.ask(dataset)
    cost = result.cost
    return {
        "name": query.name,
        "title": query.title,
        "joint": flat(result),
        "seconds": cost.seconds,
        "rounds": cost.rounds,
        "bytes_sent_per_party": dict(cost.bytes_sent_per_party),
        "holders": list(result.holders),
        "svg": drawing(result),
    }


def ask_all(config: Path) -> list[Mapping[str, Any]]:
    """Every query's answer, in order."""
    with connect(config) as space:
        dataset = space.dataset(DATASET, holders=tuple(SHARES_PERCENT))
        return [answer(query, dataset) for query in QUERIES]


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    given.output.write_text(json.dumps(ask_all(given.config)), encoding="utf-8")


if __name__ == "__main__":
    main()
