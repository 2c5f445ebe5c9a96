"""What a recipient gets: values, which of them stayed closed, what they cost, who contributed.

    Result
    ├── TableResult         counts, sums, means, percentiles: one row a group or column
    │   └── BoxResult       those with percentiles that are drawn as boxes
    └── (beside their statistics) HistogramResult, CorrelationResult

A cell that did not open is None in `value`, missing in pandas and "suppressed" in print. pandas and
matplotlib load at the first table and the first plot: a party that only computes needs neither.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from mpc.privacy.terms import Terms
from mpc.statistics import plots
from mpc.statistics.outcome import Outcome, Shown, Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SUPPRESSED: Final = "suppressed"
#: Values that tell how many records stand behind a statistic, not the statistic itself.
SUPPORT: Final = ("n", "missing")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Spent:
    """What a computation cost: wall seconds and rounds of the slowest party, bytes sent by each one.

    `compared`: with how many earlier questions; None: not told.
    """

    seconds: float
    rounds: int
    bytes_sent_per_party: Mapping[str, int]
    compared: int | None = None

    def __str__(self) -> str:
        most = max(self.bytes_sent_per_party.values(), default=0)
        return f"{self.seconds:.2f} s, {self.rounds} rounds, at most {most / 1000:.1f} kB sent by a party"


@dataclass(frozen=True)
class Predicted:
    """Seconds (None: no way was measured), at most so many rounds, and the bytes that the busiest sends."""

    seconds: float | None
    rounds: int
    bytes_sent: int


class Disclosure(Protocol):
    """What a result tells, and what stayed closed: the report made where the rules are known."""

    def to_json(self) -> dict[str, Any]:
        """The report, as JSON has it."""

    def __str__(self) -> str:
        """For people."""


@dataclass(frozen=True)
class Facts:
    """What is known of a result beside its values: cost, holders, accuracy, terms, what was predicted.

    A prediction may take longer than the computation: `foresight` has it when it is there.
    """

    cost: Spent
    holders: tuple[str, ...]
    plan_hash: str = ""
    accuracy: tuple[str, ...] = ()
    terms: Terms | None = None
    foresight: Future[Predicted | None] | None = None
    disclosure: Disclosure | None = None


class Result(ABC):
    """Outcomes of one statistic (or of several under names), as values, as a table, as a plot."""

    def __init__(
        self,
        title: str,
        outcomes: Sequence[Outcome],
        group_by: Sequence[str],
        facts: Facts,
        names: Sequence[str] = (),
    ) -> None:
        """`names`: of the statistics, where there are several in each group."""
        self.title = title
        self.outcomes = tuple(outcomes)
        self.group_by = tuple(group_by)
        self.facts = facts
        self.names = tuple(names)

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
    def cost(self) -> Spent:
        """Seconds, rounds and bytes."""
        return self.facts.cost

    @property
    def holders(self) -> tuple[str, ...]:
        """Those whose records contributed."""
        return self.facts.holders

    @property
    def terms(self) -> Terms | None:
        """What all parties demanded together; None for a job of before that was told."""
        return self.facts.terms

    @property
    def predicted(self) -> Predicted | None:
        """What was predicted when the question was asked; None for a job that another process asked.

        The first time in a process this waits a second, for what the engine needs to predict.
        """
        return None if self.facts.foresight is None else self.facts.foresight.result()

    @property
    def disclosure(self) -> Disclosure | None:
        """What opened and what that tells, what stayed closed and why, and under whose terms."""
        return self.facts.disclosure

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
        found = {
            key_of(outcome, self.several): outcome.values["missing"]
            for outcome in self.outcomes
            if "missing" in outcome.values
        }
        if len(found) > 1:
            return {unwrap(key): value for key, value in found.items()}
        return next(iter(found.values()), None)

    @property
    def suppressed(self) -> tuple[str, ...]:
        """The cells that stayed closed, in words, as `horTh=yes: mean`."""
        return tuple(
            f"{', '.join(places(outcome)) or self.title}: {name}"
            for outcome in self.outcomes
            for name in outcome.suppressed
        )

    @cached_property
    def several(self) -> bool:
        """Whether rows are told apart by column, and not only by group."""
        return len({outcome.columns for outcome in self.outcomes}) > 1

    def to_json(self) -> dict[str, Any]:
        """Rows, closed cells, holders, accuracy and cost, as JSON has them; dates are ISO texts."""
        frame = self.to_pandas()
        table = frame.reset_index(names=_index_names(frame)) if any(frame.index.names) else frame
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        return {
            "title": self.title,
            "rows": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
            "suppressed": list(self.suppressed),
            "holders": list(self.holders),
            "accuracy": list(self.accuracy),
            "seconds": self.cost.seconds,
            "rounds": self.cost.rounds,
            "bytes_sent_per_party": dict(self.cost.bytes_sent_per_party),
            "terms": None if self.terms is None else asdict(self.terms),
            "predicted": None if self.predicted is None else asdict(self.predicted),
            "disclosure": None if self.disclosure is None else self.disclosure.to_json(),
        }

    def __repr__(self) -> str:
        return f"{self.table}\n{self.took}"

    @property
    def table(self) -> str:
        """Title and values, as text."""
        frame = self.to_pandas()
        text = frame.astype(object).where(frame.notna(), "NaN")
        for row, column in frame.attrs["suppressed"]:
            text.at[row, column] = SUPPRESSED
        return f"{self.title}\n{text.to_string(formatters=dict.fromkeys(text.columns, _number))}"

    @property
    def took(self) -> str:
        """What it took, beside what was predicted, and whose records contributed, as text."""
        return f"[{took_beside(self.cost, self.predicted)}; holders: {', '.join(self.holders)}]"


class TableResult(Result):
    """One row a group (or column, for several columns), one column a value."""

    @cached_property
    def rows(self) -> dict[Key, dict[str, Shown]]:
        """Row key -> {value name: value}."""
        if not self.names:
            return {key_of(outcome, self.several): outcome.shown for outcome in self.outcomes}
        rows: dict[Key, dict[str, Shown]] = {}
        for place, outcome in enumerate(self.outcomes):
            name = self.names[place % len(self.names)]
            main = {own: value for own, value in outcome.shown.items() if own not in SUPPORT}
            named = {name if len(main) == 1 else f"{name} {own}": value for own, value in main.items()}
            rows.setdefault(key_of(outcome, several=False), {}).update(named)
        return rows

    @property
    def value(self) -> Any:
        """A number, or {group: number}; {name: number} in place of a number for several values.

        Of a date column a mean, a percentile, a minimum and a maximum are dates.
        """
        made = {unwrap(key): self._main(values) for key, values in self.rows.items()}
        return next(iter(made.values())) if list(self.rows) == [()] else made

    def _main(self, values: Mapping[str, Shown]) -> Any:
        main = {name: value for name, value in values.items() if name not in SUPPORT}
        return next(iter(main.values())) if len(main) == 1 and not self.names else dict(values)

    def to_pandas(self) -> pd.DataFrame:
        """One row a group or column; counts are integers."""
        names = [*self.group_by, *(["column"] if self.several and not self.names else [])]
        return frame_of(self.rows, names)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Bars; points for dates."""
        drawn, label = plots.axes(ax, self.title), ", ".join(self.group_by)
        if self._has_dates:
            return plots.timeline(self.rows, drawn, label)
        chosen: dict[Key, dict[str, Value]] = {
            key: {
                name: value
                for name, value in values.items()
                if not isinstance(value, date) and (self.names or name not in SUPPORT)
            }
            for key, values in self.rows.items()
        }
        return plots.bars(chosen, drawn, label)

    @property
    def _has_dates(self) -> bool:
        return any(isinstance(value, date) for values in self.rows.values() for value in values.values())


class BoxResult(TableResult):
    """A table with percentiles, drawn as boxes."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Boxes from the percentiles, whiskers at the outermost; points for dates."""
        if self._has_dates or self.names:
            return super().plot(ax)
        return plots.boxes(self.rows, plots.axes(ax, self.title))


def took_beside(cost: Spent, predicted: Predicted | None) -> str:
    """What a computation took, each beside what was predicted."""
    most = max(cost.bytes_sent_per_party.values(), default=0)
    seconds = rounds = sent = ""
    if predicted is not None:
        seconds = "" if predicted.seconds is None else f" (predicted {predicted.seconds:.2f})"
        rounds = f" (at most {predicted.rounds})"
        sent = f" ({predicted.bytes_sent / 1000:.1f})"
    return (
        f"took {cost.seconds:.2f} s{seconds}, {cost.rounds} rounds{rounds}, "
        f"{most / 1000:.1f} kB{sent} sent by the busiest party"
    )


# --- what results of other shapes use as well ------------------------------------------------------


def key_of(outcome: Outcome, several: bool) -> Key:
    """An outcome's row: its group's levels, and its column where there are several."""
    levels = tuple(level for _, level in outcome.group)
    return (*levels, outcome.columns[0]) if several and outcome.columns else levels


def places(outcome: Outcome) -> list[str]:
    """Its group and column, in words."""
    return [f"{name}={level}" for name, level in outcome.group] + list(outcome.columns[:1])


def unwrap(key: Key) -> Any:
    """A key of one part is that part."""
    return key[0] if len(key) == 1 else key


def index_of(keys: Sequence[Key], names: Sequence[str]) -> pd.Index:
    """A pandas index of row keys; one row without a name where there are no groups."""
    import pandas as pd

    if not names:
        return pd.Index([""])
    if len(names) == 1:
        return pd.Index([key[0] for key in keys], name=names[0] or None)
    return pd.MultiIndex.from_tuples(keys, names=[name or None for name in names])


def frame_of(rows: Mapping[Key, Mapping[str, Shown]], names: Sequence[str]) -> pd.DataFrame:
    """A DataFrame of such rows under index `names`; `attrs["suppressed"]` lists the closed cells."""
    import pandas as pd

    index = index_of(list(rows), names)
    columns = list(dict.fromkeys(name for values in rows.values() for name in values))
    series = {
        name: pd.Series([values.get(name) for values in rows.values()], index=index, dtype=_dtype(name, rows))
        for name in columns
    }
    frame = pd.DataFrame(series, index=index)
    frame.attrs["suppressed"] = [
        (index[place], name)
        for place, values in enumerate(rows.values())
        for name, value in values.items()
        if value is None
    ]
    return frame


def _dtype(name: str, rows: Mapping[Key, Mapping[str, Shown]]) -> str:
    given = [values[name] for values in rows.values() if values.get(name) is not None]
    if any(isinstance(value, date) for value in given):
        return "object"
    counts = all(isinstance(value, int) for value in given)
    return "Int64" if counts and (given or name in (*SUPPORT, "count")) else "float64"


def _index_names(frame: pd.DataFrame) -> list[str]:
    return [name or "column" for name in frame.index.names]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
