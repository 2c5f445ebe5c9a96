"""The distribution function of a column at public points: how many records are not above each.

Holders count their rows between neighbouring points. Which points open is decided on shares, so that enough
records lie between any two (rule `steps`); what opens there is the number of records up to the point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

import mpc
from mpc.encoding import INTEGER, Words
from mpc.privacy import rounding, steps
from mpc.privacy.terms import Terms
from mpc.statistics import dates, plots, ranges
from mpc.statistics.moments import N
from mpc.statistics.outcome import Outcome, Value
from mpc.statistics.parameters import whole_number
from mpc.statistics.program import Block, CountedTarget, Given, RowFacts, RowProgram, Wanted
from mpc.statistics.results import Result, frame_of, key_of, places, unwrap
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.statistic import Opened, Quantity, Statistic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mpc.session import Session
    from mpc.tensor import SecretTensor

DEFAULT_STEPS: Final = 32
MAX_STEPS: Final = 64
#: A place on the column's axis, in its unit.
Point = int | float | date


class Curves(RowProgram):
    """All distribution functions of a query."""

    name = "distribution"

    def __init__(self, wanted: Sequence[Wanted], facts: RowFacts) -> None:
        super().__init__(wanted, facts)
        keys = [(one.target.edges, one.target.column.name, one.group) for one in wanted]
        #: the distinct curves, those of one length side by side
        self.curves = sorted(dict.fromkeys(keys), key=lambda key: len(key[0]))
        ends = np.cumsum([0, *(len(edges) for edges, *_ in self.curves)])
        starts = dict(zip(self.curves, ends.tolist(), strict=False))
        self._places = [starts[key] + one.target.place for key, one in zip(keys, wanted, strict=True)]
        self.points = int(ends[-1])

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """Its counts between the points."""
        return (Block("counts", self.points, "arithmetic"),)

    def at_holder(self, rows: Rows, holder: int) -> dict[str, Words]:
        """Those counts, curve by curve."""
        members = self.facts.members(rows)
        counts = []
        for edges, name, group in self.curves:
            words = rows.words[name][members(group) & rows.present[name]]
            counts.append(np.bincount(np.searchsorted(edges, words), minlength=len(edges)))
        return {"counts": np.concatenate(counts).astype(np.int64)}

    def on_shares(
        self, session: Session, given: Sequence[Given], counts: SecretTensor, terms: Terms
    ) -> tuple[SecretTensor, SecretTensor]:
        """Flags (without the minimum count's) and records up to each point. About 20 rounds, however many.

        Nothing opens if a holder's counts are not such as its registered rows allow.
        """
        most = self.facts.rows_at_most
        words = mpc.stack([session.secret(one["counts"], INTEGER, max(most)) for one in given])
        low, high = ranges.of_counts(most, self.points)
        made: list[Any] = session.gather(
            partial(_unbroken, session, words, low, high),
            *(partial(_curves, words[:, start:stop], size, self.facts.total_rows, terms)
              for start, stop, size in self._batches()),
        )  # fmt: skip
        sound, *parts = made
        flags, values = (mpc.concat([part[side] for part in parts])[self._places] for side in (0, 1))
        return flags * sound, values

    def _batches(self) -> list[tuple[int, int, int]]:
        """Where the curves of each length start and stop among the points, and that length."""
        found, start = [], 0
        lengths = [len(edges) for edges, *_ in self.curves]
        for size in dict.fromkeys(lengths):
            stop = start + size * lengths.count(size)
            found.append((start, stop, size))
            start = stop
        return found

    @property
    def sentence(self) -> str:
        """What runs, for `explain`."""
        return (
            f"Distributions run on shared counts; curves: {len(self.curves)}, points: {self.points}; "
            "nobody sees which of them open before they do."
        )


def _unbroken(session: Session, words: SecretTensor, low: Words, high: Words) -> SecretTensor:
    """1 if each holder's counts are within those ends, else 0."""
    mpc.assume_bound(words, high, least=low, source="catalogue", what=ranges.WHY)
    broken = session.settle()
    return words.lift(1) if broken is None else (1 - broken).view(bound=1)


def _curves(words: SecretTensor, size: int, rows: int, terms: Terms) -> tuple[SecretTensor, SecretTensor]:
    """Flat flags and cumulative counts of curves of `size` points, from `[holders, curves * size]` counts."""
    counts = words.reshape(words.shape[0], -1, size)
    flags = steps.passes(counts, terms)
    up_to = mpc.cumulative_sum(counts.sum(0), 1).view(bound=rows)
    return flags.reshape(-1), rounding.nearest(up_to, terms.round_to).reshape(-1)


@dataclass(frozen=True)
class UpTo(CountedTarget):
    """The number of records that are not above `edges[place]`, the greatest word of its step."""

    column: ColumnSpec
    edges: tuple[int, ...]
    place: int
    program = Curves
    rule = steps.RULE
    learnable = "between which two points that open its value lies"

    def cohort(self, rows: Rows) -> Mask:
        """The rows up to it."""
        name = self.column.name
        upto: Mask = rows.present[name] & (rows.words[name] <= self.edges[self.place])
        return upto

    @property
    def condition(self) -> str:
        """Beside the minimum count."""
        return f"points only so far apart that as many records lie between any two (rule {steps.RULE})"


class DistributionResult(Result):
    """Shares of records up to the points that opened."""

    @property
    def value(self) -> Any:
        """{point: share of records up to it} without groups, else {group: {point: share}}."""
        made = {unwrap(key_of(one, self.several)): dict(_opened(one)) for one in self.outcomes}
        return made if self.group_by or self.several else next(iter(made.values()))

    def to_pandas(self) -> pd.DataFrame:
        """One row a point of each group and column; n beside them."""
        rows = {
            (*key_of(one, self.several), str(edge)): {"share": share, N: one.values[N]}
            for one in self.outcomes
            for edge, share in _curve(one)
        }
        return frame_of(rows, [*self.group_by, *(["column"] if self.several else []), "up to"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """A stepped line a group through the points that opened."""
        drawn = plots.axes(ax, self.title)
        for place, one in enumerate(self.outcomes):
            plots.steps(_opened(one), drawn, ", ".join(places(one)), place)
        drawn.set_xlabel(", ".join(dict.fromkeys(one.columns[0] for one in self.outcomes)))
        drawn.set_ylabel("share of records")
        if len(self.outcomes) > 1:
            drawn.legend()
        return drawn


def _curve(one: Outcome) -> list[tuple[Point, Value]]:
    """Points and shares."""
    if not isinstance(one.statistic, Distribution):
        raise TypeError("the outcome is of another statistic")
    shares = [value for name, value in one.values.items() if name != N]
    return list(zip(one.statistic.edges, shares, strict=True))


def _opened(one: Outcome) -> list[tuple[Point, float]]:
    """Those that opened."""
    return [(edge, share) for edge, share in _curve(one) if share is not None]


class Distribution(Statistic):
    """The share of a column's values up to each of at most 64 points, of those that open.

    `steps` equal steps of the column's public range (32 by default), rounded down to values that it has.
    """

    kind = "distribution"
    example = "distribution:age or distribution:age:16"
    parameters: ClassVar = {"steps": whole_number(1, MAX_STEPS)}
    result = DistributionResult

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, given)
        (self.column,) = columns
        width = self.column.hi - self.column.lo
        count = max(1, min(self.given.get("steps", DEFAULT_STEPS), width))  # a step is not below one word
        self.words = tuple(self.column.lo + width * step // count for step in range(1, count + 1))

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:
        """`distribution:age:16`."""
        return {"steps": numbers[0]} if len(numbers) == 1 else super().of_numbers(numbers)

    @property
    def edges(self) -> tuple[Point, ...]:
        """The points in the column's unit, of a column of dates as dates."""
        factor = self.column.scale.factor
        if self.column.kind == "date":
            return tuple(dates.EPOCH + timedelta(word) for word in self.words)
        return tuple(word if factor == 1 else word / factor for word in self.words)

    @property
    def _names(self) -> list[str]:
        return [f"<= {edge}" for edge in self.edges]

    def quantities(self) -> tuple[Quantity, ...]:
        """How many values there are."""
        return (Quantity(N, values=(self.column.name,)),)

    def cohorts(self, rows: Rows) -> list[Mask]:
        """The rows with a value."""
        return [rows.present[self.column.name]]

    def cuts(self) -> Mapping[str, Sequence[int]]:
        """Beyond each point."""
        return {self.column.name: [word + 1 for word in self.words]}

    def targets(self) -> tuple[UpTo, ...]:
        """One a point."""
        return tuple(
            UpTo(name, N, extreme=False, column=self.column, edges=self.words, place=place)
            for place, name in enumerate(self._names)
        )

    def finish(self, opened: Opened) -> dict[str, Value]:
        """n, and the share up to each point."""
        n = opened[N]
        found = {name: opened[name] for name in self._names}
        return {N: n} | {
            name: count / n if n and count is not None else None for name, count in found.items()
        }
