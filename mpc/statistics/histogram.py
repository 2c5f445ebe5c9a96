"""Histograms: counts of a column in public bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from mpc.encoding import Words
from mpc.errors import PlanInvalid
from mpc.statistics import dates, plots
from mpc.statistics.outcome import Outcome, Value
from mpc.statistics.parameters import growing, whole_number
from mpc.statistics.results import Result, frame_of, key_of, places, unwrap
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.statistic import Opened, Quantity, Statistic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DEFAULT_BINS: Final = 10
MAX_BINS: Final = 1000


class HistogramResult(Result):
    """Counts a bin. `edges`: column -> its public edges, one more than bins."""

    @property
    def edges(self) -> dict[str, tuple[float, ...]]:
        """In the column's unit; of a column of dates in days."""
        return {one.columns[0]: _edges_of(one) for one in self.outcomes}

    @property
    def value(self) -> Any:
        """{bin: count} without groups, else {group: {bin: count}}."""
        made = {unwrap(key_of(one, self.several)): _bins(one) for one in self.outcomes}
        return made if self.group_by or self.several else next(iter(made.values()))

    def to_pandas(self) -> pd.DataFrame:
        """One row a bin of each group and column."""
        rows = {
            (*key_of(one, self.several), name): {"count": value}
            for one in self.outcomes
            for name, value in _bins(one).items()
        }
        return frame_of(rows, [*self.group_by, *(["column"] if self.several else []), "bin"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Bars over the bins, groups overlaid; bins that stayed closed are marked."""
        drawn = plots.axes(ax, self.title)
        for place, one in enumerate(self.outcomes):
            counts, label = list(one.values.values()), ", ".join(places(one))
            plots.histogram(_edges_of(one), counts, drawn, label, place)
            if one.of_dates:
                drawn.xaxis_date()
        drawn.set_xlabel(", ".join(dict.fromkeys(one.columns[0] for one in self.outcomes)))
        if len(self.outcomes) > 1:
            drawn.legend()
        return drawn


def _edges_of(one: Outcome) -> tuple[float, ...]:
    if not isinstance(one.statistic, Histogram):
        raise TypeError("the outcome is of another statistic")
    return tuple(float(edge) for edge in one.statistic.edges)


def _bins(one: Outcome) -> dict[str, Value]:
    """Bin -> count."""
    if not one.of_dates:
        return dict(one.values)
    return dict(zip(dates.bin_names(_edges_of(one)), one.values.values(), strict=True))


class Histogram(Statistic):
    """Counts of a column in bins [edge, next edge), the last one closed, as numpy.histogram has them.

    `bins` equal bins over the column's public range (10 by default), or between public `edges`.
    """

    kind = "histogram"
    example = "histogram:age:10 or histogram:age:0,50,100"
    parameters: ClassVar = {"bins": whole_number(1, MAX_BINS), "edges": growing(2, MAX_BINS + 1)}
    result = HistogramResult

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, given)
        (self.column,) = columns
        if len(self.given) > 1:
            raise PlanInvalid("A histogram takes bins or edges, not both.", remedy="Leave one of them out.")
        self.edges: tuple[Fraction, ...] = self.given.get("edges") or self._equal_bins()

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:
        """One number: bins; several: edges, for a column of dates ISO dates."""
        return {"bins": numbers[0]} if len(numbers) == 1 else {"edges": tuple(numbers)}

    def _equal_bins(self) -> tuple[Fraction, ...]:
        bins = self.given.get("bins", DEFAULT_BINS)
        factor = self.column.scale.factor
        low, high = Fraction(self.column.lo, factor), Fraction(self.column.hi, factor)
        return tuple(low + (high - low) * Fraction(step, bins) for step in range(bins + 1))

    def quantities(self) -> tuple[Quantity, ...]:
        """One count a bin."""
        return tuple(Quantity(name) for name in self._names)

    @property
    def _names(self) -> list[str]:
        ends = [")"] * (len(self.edges) - 2) + ["]"]
        return [
            f"[{float(low):g}, {float(high):g}{end}"
            for (low, high), end in zip(pairwise(self.edges), ends, strict=True)
        ]

    def cohorts(self, rows: Rows) -> list[Mask]:
        """The rows of each bin."""
        words = rows.words[self.column.name]
        limits, last = self._limits()
        found = np.searchsorted(limits, words, side="right") - 1
        found[~rows.present[self.column.name] | (words > last)] = -1
        return [found == place for place in range(len(limits))]

    def cuts(self) -> Mapping[str, Sequence[int]]:
        """Where a bin begins, and where the last one ends."""
        limits, last = self._limits()
        return {self.column.name: [*map(int, limits), last + 1]}

    def _limits(self) -> tuple[Words, int]:
        """The least word of each bin and the greatest of the last one.

        word >= edge * factor in integers is word >= its ceiling. Edges beyond the column's range move to just
        outside it, which no word can tell.
        """
        low, high, factor = self.column.lo, self.column.hi, self.column.scale.factor
        least = [min(max(math.ceil(edge * factor), low), high + 1) for edge in self.edges[:-1]]
        last = min(max(math.floor(self.edges[-1] * factor), low - 1), high)
        return np.array(least, dtype=np.int64), last

    def finish(self, opened: Opened) -> dict[str, Value]:
        """The counts by bin."""
        return {name: opened[name] for name in self._names}
