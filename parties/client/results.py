"""What an analyst gets: values, which of them stayed closed, what they cost, who contributed.

    Result
    ├── TableResult         counts, sums, means, percentiles, describe: one row a group or column
    ├── HistogramResult     counts a bin
    └── CorrelationResult   a matrix

A cell that did not open is None in `value`, missing in pandas and "suppressed" in print.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mpc.statistics.base import StatisticOutcome, Value
from parties.client import dates, plots
from parties.client.dates import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUPPRESSED: Final = "suppressed"
#: Values that tell how many records stand behind a statistic, not the statistic itself.
_SUPPORT: Final = ("n", "missing")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """What a computation cost: wall seconds and rounds of the slowest party, bytes sent by each one."""

    seconds: float
    rounds: int
    bytes_sent_per_party: Mapping[str, int]

    def __str__(self) -> str:
        most = max(self.bytes_sent_per_party.values(), default=0)
        return f"{self.seconds:.2f} s, {self.rounds} rounds, at most {most / 1000:.1f} kB sent by a party"


@dataclass(frozen=True)
class Facts:
    """What is known of a result beside its values: cost, holders, accuracy, which columns are dates."""

    cost: Cost
    holders: tuple[str, ...]
    plan_hash: str = ""
    accuracy: tuple[str, ...] = ()
    dates: frozenset[str] = frozenset()


class Result(ABC):
    """Outcomes of one statistic (or of one `agg`), as values, as a table, as a plot."""

    def __init__(
        self, title: str, outcomes: Sequence[StatisticOutcome], group_by: Sequence[str], facts: Facts
    ) -> None:
        self.title = title
        self.outcomes = tuple(outcomes)
        self.group_by = tuple(group_by)
        self.facts = facts

    @property
    @abstractmethod
    def value(self) -> Any:
        """The number, or a mapping of numbers; None where a cell stayed closed."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame; closed cells are missing, and `attrs["suppressed"]` lists them as (row, column)."""

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes:
        """A matplotlib plot, drawn into `ax` or into a new figure."""

    @property
    def cost(self) -> Cost:
        """Seconds, rounds and bytes."""
        return self.facts.cost

    @property
    def holders(self) -> tuple[str, ...]:
        """Those whose records contributed."""
        return self.facts.holders

    @property
    def accuracy(self) -> tuple[str, ...]:
        """What the numbers rest on: how exact they are, and what was checked on shares on the way."""
        return self.facts.accuracy

    @property
    def missing(self) -> Any:
        """How many records were excluded because a value is missing: a number, or a mapping.

        It is a count like every other: None while under the minimum count. Histograms and correlations,
        which open no such number, answer None.
        """
        found = {_key(outcome, self._several): outcome.values["missing"] for outcome in self._with_missing}
        if len(found) > 1:
            return {_unwrap(key): value for key, value in found.items()}
        return next(iter(found.values()), None)

    @property
    def suppressed(self) -> tuple[str, ...]:
        """The cells that stayed closed, in words, as `horTh=yes: mean`."""
        return tuple(
            f"{', '.join(_places(outcome)) or self.title}: {name}"
            for outcome in self.outcomes
            for name in outcome.suppressed
        )

    @property
    def _with_missing(self) -> list[StatisticOutcome]:
        return [outcome for outcome in self.outcomes if "missing" in outcome.values]

    @cached_property
    def _several(self) -> bool:
        """Whether rows are told apart by column, and not only by group."""
        return len({outcome.columns for outcome in self.outcomes}) > 1

    def __repr__(self) -> str:
        frame = self.to_pandas()
        text = frame.astype(object).where(frame.notna(), "NaN")
        for row, column in frame.attrs["suppressed"]:
            text.at[row, column] = SUPPRESSED
        holders = ", ".join(self.holders)
        table = text.to_string(formatters=dict.fromkeys(text.columns, _number))
        return f"{self.title}\n{table}\n[{self.cost}; holders: {holders}]"


class TableResult(Result):
    """One row a group (or column, for several columns), one column a value."""

    def __init__(
        self,
        title: str,
        outcomes: Sequence[StatisticOutcome],
        group_by: Sequence[str],
        facts: Facts,
        labels: Sequence[str] = (),
    ) -> None:
        """`labels`: the names that `agg` gave, one an outcome of each group."""
        super().__init__(title, outcomes, group_by, facts)
        self.labels = tuple(labels)

    @cached_property
    def rows(self) -> dict[Key, dict[str, Shown]]:
        """Row key -> {value name: value}."""
        if not self.labels:
            return {_key(outcome, self._several): self._shown(outcome) for outcome in self.outcomes}
        rows: dict[Key, dict[str, Shown]] = {}
        for place, outcome in enumerate(self.outcomes):
            label = self.labels[place % len(self.labels)]
            main = {name: value for name, value in self._shown(outcome).items() if name not in _SUPPORT}
            named = {label if len(main) == 1 else f"{label} {name}": value for name, value in main.items()}
            rows.setdefault(_key(outcome, several=False), {}).update(named)
        return rows

    def _shown(self, outcome: StatisticOutcome) -> dict[str, Shown]:
        if outcome.columns and outcome.columns[0] in self.facts.dates:
            return {name: dates.shown(name, value) for name, value in outcome.values.items()}
        return dict(outcome.values)

    @property
    def value(self) -> Any:
        """A number, or {group: number}; {name: number} in place of a number for describe and agg.

        Of a date column a mean, a percentile, a minimum and a maximum are dates.
        """
        made = {_unwrap(key): self._main(values) for key, values in self.rows.items()}
        return next(iter(made.values())) if list(self.rows) == [()] else made

    def _main(self, values: Mapping[str, Shown]) -> Any:
        main = {name: value for name, value in values.items() if name not in _SUPPORT}
        return next(iter(main.values())) if len(main) == 1 and not self.labels else dict(values)

    def to_pandas(self) -> pd.DataFrame:
        index = _index(list(self.rows), self._row_names())
        names = list(dict.fromkeys(name for values in self.rows.values() for name in values))
        series = {
            name: pd.Series(
                [values.get(name) for values in self.rows.values()],
                index=index,
                dtype=_dtype(name, self.rows),
            )
            for name in names
        }
        frame = pd.DataFrame(series, index=index)
        closed = [
            (index[place], name)
            for place, values in enumerate(self.rows.values())
            for name, value in values.items()
            if value is None
        ]
        frame.attrs["suppressed"] = closed
        return frame

    def _row_names(self) -> list[str]:
        return [*self.group_by, *(["column"] if self._several and not self.labels else [])]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Bars; boxes from the percentiles (whiskers: 5th, 95th) for `describe`; points for dates."""
        if any(isinstance(value, date) for values in self.rows.values() for value in values.values()):
            return plots.timeline(self.rows, plots.axes(ax, self.title), ", ".join(self.group_by))
        if self.outcomes[0].kind == "describe" and not self.labels:
            return plots.boxes(self.rows, plots.axes(ax, self.title))
        chosen = {key: self._plotted(values) for key, values in self.rows.items()}
        return plots.bars(chosen, plots.axes(ax, self.title), ", ".join(self.group_by))

    def _plotted(self, values: Mapping[str, Shown]) -> dict[str, Value]:
        return {
            name: value
            for name, value in values.items()
            if not isinstance(value, date) and (self.labels or name not in _SUPPORT)
        }


class HistogramResult(Result):
    """Counts a bin. `edges` are the public edges, one more than bins."""

    def __init__(
        self,
        title: str,
        outcomes: Sequence[StatisticOutcome],
        group_by: Sequence[str],
        facts: Facts,
        edges: Mapping[str, Sequence[float]],
    ) -> None:
        """`edges`: column -> its public edges."""
        super().__init__(title, outcomes, group_by, facts)
        self.edges = {name: tuple(float(edge) for edge in given) for name, given in edges.items()}

    @property
    def value(self) -> Any:
        """{bin: count} without groups, else {group: {bin: count}}."""
        made = {_unwrap(_key(one, self._several)): self._bins(one) for one in self.outcomes}
        return made if len(made) > 1 else next(iter(made.values()))

    def _bins(self, one: StatisticOutcome) -> dict[str, Value]:
        """Bin -> count."""
        if one.columns[0] not in self.facts.dates:
            return dict(one.values)
        names = dates.bin_names(self.edges[one.columns[0]])
        return dict(zip(names, one.values.values(), strict=True))

    def to_pandas(self) -> pd.DataFrame:
        rows = {
            (*_key(one, self._several), name): value
            for one in self.outcomes
            for name, value in self._bins(one).items()
        }
        names = [*self.group_by, *(["column"] if self._several else []), "bin"]
        index = _index(list(rows), names)
        frame = pd.DataFrame({"count": pd.Series(list(rows.values()), index=index, dtype="Int64")})
        frame.attrs["suppressed"] = [
            (index[place], "count") for place, value in enumerate(rows.values()) if value is None
        ]
        return frame

    def plot(self, ax: Axes | None = None) -> Axes:
        """Bars over the bins, groups overlaid; bins that stayed closed are marked."""
        drawn = plots.axes(ax, self.title)
        for one in self.outcomes:
            edges = self.edges[one.columns[0]]
            plots.histogram(edges, list(one.values.values()), drawn, ", ".join(_places(one)))
            if one.columns[0] in self.facts.dates:
                drawn.xaxis_date()
        return drawn


class CorrelationResult(Result):
    """Pearson correlations of every pair of columns, pairwise complete."""

    @property
    def value(self) -> Any:
        """{(column, column): r} without groups, else {group: {(column, column): r}}."""
        made = {_unwrap(_key(one, several=False)): _pairs(one) for one in self.outcomes}
        return made if self.group_by else next(iter(made.values()))

    def to_pandas(self) -> pd.DataFrame:
        frames = [self._matrix(one) for one in self.outcomes]
        frame = pd.concat(frames)
        frame.attrs["suppressed"] = [cell for part in frames for cell in part.attrs["suppressed"]]
        return frame

    def _matrix(self, one: StatisticOutcome) -> pd.DataFrame:
        names, pairs = list(one.columns), _pairs(one)
        group = _key(one, several=False)
        index = _index([(*group, name) for name in names], [*self.group_by, ""])
        frame = pd.DataFrame(1.0, index=index, columns=names)
        closed = []
        for (a, b), value in pairs.items():
            for row, column in ((a, b), (b, a)):
                place = index[names.index(row)]
                frame.at[place, column] = float("nan") if value is None else value
                closed += [(place, column)] if value is None else []
        frame.attrs["suppressed"] = closed
        return frame

    def plot(self, ax: Axes | None = None) -> Axes:
        """The matrix of the first group in colours."""
        return plots.matrix(self._matrix(self.outcomes[0]), plots.axes(ax, self.title))


def _pairs(one: StatisticOutcome) -> dict[tuple[str, str], Value]:
    return {tuple(name.split("~", 1)): value for name, value in one.values.items()}  # type: ignore[misc]


def _key(outcome: StatisticOutcome, several: bool) -> Key:
    levels = tuple(level for _, level in outcome.group)
    return (*levels, outcome.columns[0]) if several and outcome.columns else levels


def _places(outcome: StatisticOutcome) -> list[str]:
    return [f"{name}={level}" for name, level in outcome.group] + list(outcome.columns[:1])


def _unwrap(key: Key) -> Any:
    return key[0] if len(key) == 1 else key


def _index(keys: Sequence[Key], names: Sequence[str]) -> pd.Index:
    if not names:
        return pd.Index([""])
    if len(names) == 1:
        return pd.Index([key[0] for key in keys], name=names[0] or None)
    return pd.MultiIndex.from_tuples(keys, names=[name or None for name in names])


def _dtype(name: str, rows: Mapping[Key, Mapping[str, Shown]]) -> str:
    given = [values[name] for values in rows.values() if values.get(name) is not None]
    if any(isinstance(value, date) for value in given):
        return "object"
    counts = all(isinstance(value, int) for value in given)
    return "Int64" if counts and (given or name in (*_SUPPORT, "count")) else "float64"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
