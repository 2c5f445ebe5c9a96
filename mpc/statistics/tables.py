"""Histograms: counts of a column in public bins."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from mpc.encoding import Words
from mpc.errors import PlanInvalid
from mpc.statistics.base import Opened, Quantity, Statistic, StatisticRequest, Value
from mpc.statistics.parameters import exact_number
from mpc.statistics.rows import ColumnSpec, Mask, Rows

DEFAULT_BINS = 10
MAX_BINS = 1000


def bin_edges(request: StatisticRequest, column: ColumnSpec) -> tuple[Fraction, ...]:
    """Public edges: those the plan names, or equal bins over the column's public range."""
    if "edges" in request.parameters:
        what = f"An edge of the histogram of {column.name}"
        return tuple(exact_number(edge, what) for edge in request.parameters["edges"])
    bins = request.parameters.get("bins", DEFAULT_BINS)
    if not isinstance(bins, int) or not 1 <= bins <= MAX_BINS:
        raise PlanInvalid(
            f"The histogram of {column.name} needs 1 to {MAX_BINS} bins.", remedy="Give a whole number."
        )
    low, high = (Fraction(word, column.scale.factor) for word in (column.lo, column.hi))
    return tuple(low + (high - low) * Fraction(step, bins) for step in range(bins + 1))


class Histogram(Statistic):
    """Counts in half-open bins [edge, next edge), the last one closed, as numpy.histogram has them."""

    kind = "histogram"

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        self.columns = request.columns
        self.column = columns[request.columns[0]]
        self.edges = bin_edges(request, self.column)
        if not 2 <= len(self.edges) <= MAX_BINS + 1 or any(a >= b for a, b in pairwise(self.edges)):
            raise PlanInvalid(
                f"The histogram of {self.column.name} has edges that do not grow, or over {MAX_BINS} bins.",
                remedy="Give strictly increasing edges.",
            )

    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(Quantity(f"bin {place}") for place in range(len(self.edges) - 1))

    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        words = rows.words[self.column.name][mask & rows.present[self.column.name]]
        limits, last = self._limits()
        inside = words[(words >= limits[0]) & (words <= last)]
        places = np.searchsorted(limits, inside, side="right") - 1
        return [int(count) for count in np.bincount(places, minlength=len(limits))]

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
        return {
            f"[{float(low):g}, {float(high):g}{']' if place == len(self.edges) - 2 else ')'}": opened[
                f"bin {place}"
            ]
            for place, (low, high) in enumerate(pairwise(self.edges))
        }
