"""What the answers should be: pandas on the pooled files, after the joint queries, and never before.

It also applies the rules to plain data, so that a cell which should stay closed is known to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Final

import pandas as pd

from parties.demo.queries import AGE_EDGES, DESCRIBED

PERCENTS: Final = (5, 25, 50, 75, 95)
#: Of means, variances and correlations, times the larger of the value and the pooled standard deviation.
RELATIVE_TOLERANCE: Final = 1e-9
#: Of percentiles, which are exact but for the rounding of one float operation here and there.
ROUNDING: Final = 4 * 2.0**-52
_LEVELS: Final[Mapping[str, Sequence[str]]] = {
    "horTh": ("no", "yes"),
    "menostat": ("Pre", "Post"),
    "tgrade": ("I", "II", "III"),
}
_YOUNG: Final = 35


@dataclass(frozen=True)
class Expected:
    """One cell: its pooled value (None if it must stay closed) and how far the joint one may be off."""

    value: float | int | None
    tolerance: float = 0.0

    def error(self, joint: float | int | None) -> float:
        """How far `joint` is off; infinite if one is open and the other is not."""
        if joint is None or self.value is None:
            return 0.0 if joint is self.value else math.inf
        if math.isnan(joint) or math.isnan(self.value):
            return 0.0 if math.isnan(joint) and math.isnan(self.value) else math.inf
        return abs(joint - self.value)

    def accepts(self, joint: float | int | None) -> bool:
        """Whether `joint` is right."""
        return self.error(joint) <= self.tolerance


Cells = dict[str, Expected]


class Oracle:
    """Pooled statistics of all parts, under a minimum count of `minimum`."""

    def __init__(self, parts: Sequence[pd.DataFrame], minimum: int) -> None:
        self._pooled = pd.concat(
            [part.assign(hospital=place) for place, part in enumerate(parts)], ignore_index=True
        )
        self._minimum = minimum

    @classmethod
    def of_files(cls, paths: Iterable[Path], minimum: int) -> Oracle:
        """Reads the hospitals' own files."""
        return cls([pd.read_csv(path) for path in paths], minimum)

    def expected(self, name: str) -> Cells:
        """The cells of the query called `name`."""
        return self._table[name]()

    @property
    def _table(self) -> Mapping[str, Callable[[], Cells]]:
        return {
            "count": lambda: {"count": self._count(self._all)},
            "describe": self._describe,
            "mean tsize by horTh, menostat": self._mean_by_group,
            "histogram age": self._histogram,
            "correlation": self._correlation,
            "filtered count": self._filtered,
            "small cells": self._small_cells,
        }

    @property
    def _all(self) -> pd.Series:
        return pd.Series(True, index=self._pooled.index)

    def _opens(self, mask: pd.Series) -> bool:
        """The rule: the pooled count, less the largest hospital's contribution, is at least the minimum."""
        by_hospital = self._pooled[mask].groupby("hospital").size()
        return int(by_hospital.sum() - by_hospital.max()) >= self._minimum if len(by_hospital) else False

    def _count(self, mask: pd.Series) -> Expected:
        return Expected(int(mask.sum()) if self._opens(mask) else None)

    def _support(self, mask: pd.Series, column: str) -> Cells:
        present = self._pooled[column].notna()
        missing = int((mask & ~present).sum()) if self._opens(mask & present) else None
        return {f"{column} n": self._count(mask & present), f"{column} missing": Expected(missing)}

    def _moment(self, mask: pd.Series, column: str, statistic: str) -> Expected:
        values = self._pooled.loc[mask, column]
        if not self._opens(mask & self._pooled[column].notna()):
            return Expected(None)
        value = float(values.agg(statistic))
        return Expected(value, RELATIVE_TOLERANCE * max(abs(value), float(self._pooled[column].std())))

    def _describe(self) -> Cells:
        cells: Cells = {}
        for column in DESCRIBED:
            cells |= self._support(self._all, column)
            cells |= {f"{column} {name}": self._moment(self._all, column, name) for name in ("mean", "std")}
            cells |= {f"{column} {percent}%": self._percentile(column, percent) for percent in PERCENTS}
        return cells

    def _percentile(self, column: str, percent: int) -> Expected:
        """Open only with the minimum count of records on each side of it."""
        values = self._pooled[column].dropna()
        below = (len(values) - 1) * percent // 100
        sides = min(below, len(values) - 2 - below)
        if sides < self._minimum or not self._opens(self._pooled[column].notna()):
            return Expected(None)
        value = float(values.quantile(percent / 100))
        return Expected(value, ROUNDING * abs(value))

    def _mean_by_group(self) -> Cells:
        cells: Cells = {}
        for therapy, status in product(_LEVELS["horTh"], _LEVELS["menostat"]):
            mask = (self._pooled.horTh == therapy) & (self._pooled.menostat == status)
            here = {**self._support(mask, "tsize"), "tsize mean": self._moment(mask, "tsize", "mean")}
            cells |= {f"horTh={therapy} menostat={status} {name}": cell for name, cell in here.items()}
        return cells

    def _histogram(self) -> Cells:
        masks: dict[str, pd.Series] = {}
        for low, high in pairwise(AGE_EDGES):
            last = high == AGE_EDGES[-1]
            mask = (self._pooled.age >= low) & (self._pooled.age <= high if last else self._pooled.age < high)
            masks[f"age [{low}, {high}{']' if last else ')'}"] = mask
        return {
            label: self._count(mask) if label in self._kept(masks) else Expected(None)
            for label, mask in masks.items()
        }

    def _kept(self, masks: Mapping[str, pd.Series]) -> frozenset[str]:
        """The open ones of cells that exclude each other, where the number of all patients is known.

        What they leave of these has to pass the minimum count too, else the smallest is closed (rule
        `complementary`).
        """
        kept = [label for label, mask in masks.items() if self._opens(mask)]
        rest = self._all
        for label in kept:
            rest &= ~masks[label]
        if kept and not self._opens(rest):
            kept.remove(min(kept, key=lambda label: int(masks[label].sum())))
        return frozenset(kept)

    def _correlation(self) -> Cells:
        matrix = self._pooled[list(DESCRIBED)].corr()
        cells: Cells = {}
        for x, y in combinations(DESCRIBED, 2):
            both = self._pooled[x].notna() & self._pooled[y].notna()
            value = float(matrix.loc[x, y]) if self._opens(both) else None
            cells[f"{x}~{y}"] = Expected(value, RELATIVE_TOLERANCE)
        return cells

    def _filtered(self) -> Cells:
        return {"count": self._count((self._pooled.age >= 50) & (self._pooled.tgrade == "III"))}

    def _small_cells(self) -> Cells:
        young = self._pooled.age < _YOUNG
        return {
            f"horTh={therapy} tgrade={grade} count": self._count(
                young & (self._pooled.horTh == therapy) & (self._pooled.tgrade == grade)
            )
            for therapy, grade in product(_LEVELS["horTh"], _LEVELS["tgrade"])
        }
