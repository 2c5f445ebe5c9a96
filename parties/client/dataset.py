"""A data set as the analyst sees it: columns to build filters from, and questions to ask.

`gbsg.where(gbsg.age >= 50).group_by("horTh").mean("tsize")` runs and returns a result. Nothing runs before
the last call; every selection is a new object, and the first stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mpc.errors import CatalogueError, PlanInvalid
from parties.client.outcomes import SHAPED
from parties.client.results import CorrelationResult, HistogramResult, TableResult
from parties.management.catalogue import Schema
from parties.query.builder import day_number, parse_statistic
from parties.query.expressions import ColumnProxy, Expression, parse
from parties.query.plan import StatisticSpec

if TYPE_CHECKING:
    from parties.client.job import Job
    from parties.client.space import Space

Number = float | int | str
Asked = str | StatisticSpec


@dataclass(frozen=True, repr=False)
class Dataset:
    """A data set of the space, with a filter and grouping columns; `holders` empty: all of it.

    Questions raise `PlanInvalid` for what the schema does not allow, before anything leaves this machine, and
    the error of the party at fault if the job fails.
    """

    space: Space
    schema: Schema
    filter: Expression | None = None
    groups: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> ColumnProxy:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except CatalogueError as error:
            raise AttributeError(str(error)) from None

    def __getitem__(self, name: str) -> ColumnProxy:
        """A column to compare with, for names that are also names of questions."""
        self.schema.column(name)
        return ColumnProxy(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns]

    def __repr__(self) -> str:
        where = f" where {self.filter}" if self.filter is not None else ""
        groups = f" by {', '.join(self.groups)}" if self.groups else ""
        lines = [f"{self.schema.name}: {self.schema.title}{where}{groups}"]
        for column in self.schema.columns:
            extent = ", ".join(column.all_levels) if column.is_category else f"{column.min} to {column.max}"
            lines.append(f"  {column.name:16} {column.kind.value:9} {extent} {column.unit}".rstrip())
        return "\n".join(lines)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.schema.columns)

    # --- selecting ------------------------------------------------------------------------------

    def where(self, condition: Expression | str) -> Dataset:
        """Only the records for which `condition` is true, beside earlier conditions.

        An expression of columns (`gbsg.age >= 50`, joined by & | ~) or its text (`'age >= 50'`).
        """
        made = parse(condition) if isinstance(condition, str) else condition
        return replace(self, filter=made if self.filter is None else self.filter & made)

    def group_by(self, *columns: str) -> Dataset:
        """The same questions for every combination of the public levels of `columns`."""
        for name in columns:
            self.schema.column(name)
        return replace(self, groups=(*self.groups, *columns))

    # --- asking ---------------------------------------------------------------------------------

    def count(self) -> TableResult:
        """The number of records."""
        return self._table(_made(kind="count"))

    def sum(self, *columns: str) -> TableResult:
        """Sums, missing values left out, as everywhere below."""
        return self._table(_made(kind="sum", columns=columns))

    def mean(self, *columns: str) -> TableResult:
        """Arithmetic means."""
        return self._table(_made(kind="mean", columns=columns))

    def variance(self, *columns: str) -> TableResult:
        """Sample variances (n - 1)."""
        return self._table(_made(kind="variance", columns=columns))

    def std(self, *columns: str) -> TableResult:
        """Sample standard deviations (n - 1)."""
        return self._table(_made(kind="std", columns=columns))

    def median(self, *columns: str) -> TableResult:
        """Medians, computed on shared rows."""
        return self._table(_made(kind="median", columns=columns))

    def minimum(self, *columns: str) -> TableResult:
        """Smallest values; open only if every holder allows extremes."""
        return self._table(_made(kind="minimum", columns=columns))

    def maximum(self, *columns: str) -> TableResult:
        """Largest values; open only if every holder allows extremes."""
        return self._table(_made(kind="maximum", columns=columns))

    def describe(self, *columns: str) -> TableResult:
        """n, missing, mean, standard deviation and the 5, 25, 50, 75 and 95 % points of each column.

        Without `columns`: of every column that is a number.
        """
        chosen = columns or tuple(c.name for c in self.schema.columns if not c.is_category)
        return self._table(_made(kind="describe", columns=chosen))

    def quantiles(self, column: str, probs: Sequence[Number]) -> TableResult:
        """Percentiles (`probs` in percent, 0 to 100), interpolated linearly as pandas does."""
        return self._table(_made(kind="quantiles", columns=(column,), probabilities=_exact(probs)))

    def histogram(
        self, column: str, *, bins: int = 0, edges: Sequence[Number | date] = ()
    ) -> HistogramResult:
        """Counts in `bins` equal bins over the column's public range (10 by default), or between `edges`.

        Edges are numbers, for a date column dates.
        """
        if bins and edges:
            raise PlanInvalid("A histogram takes bins or edges, not both.", remedy="Leave one of them out.")
        spec = _made(kind="histogram", columns=(column,), bins=bins, edges=_exact(edges))
        result = self.submit(spec).result()
        if not isinstance(result, HistogramResult):
            raise TypeError("a histogram's answer is a HistogramResult")
        return result

    def correlation(self, *columns: str) -> CorrelationResult:
        """Pearson correlations of every pair of columns over the records that have both."""
        result = self.submit(_made(kind="correlation", columns=columns)).result()
        if not isinstance(result, CorrelationResult):
            raise TypeError("a correlation's answer is a CorrelationResult")
        return result

    def agg(self, **named: Asked | tuple[str, str]) -> TableResult:
        """Several statistics in one job and one table: `agg(n="count", size=("tsize", "mean"))`."""
        specs = [_named_spec(how) for how in named.values()]
        if not specs or any(spec.kind in SHAPED or len(spec.columns) > 1 for spec in specs):
            raise PlanInvalid(
                "agg takes statistics of one column each, and no histogram or correlation.",
                remedy='Write for example agg(n="count", size=("tsize", "mean")).',
            )
        result = self.submit(*specs, labels=tuple(named)).result()
        if not isinstance(result, TableResult):
            raise TypeError("the answer of agg is a TableResult")
        return result

    # --- jobs -----------------------------------------------------------------------------------

    def submit(self, *statistics: Asked, labels: Sequence[str] = ()) -> Job:
        """Sends the question to the three compute parties and returns at once.

        `statistics` as specs or in the text form of `triune query --stat`, as "mean:tsize". `labels` name
        the columns of the result, one a statistic. The job outlives this process: `space.job(hash)`.
        """
        return self.space.submit(self, [_spec(asked) for asked in statistics], tuple(labels))

    def explain(self, *statistics: Asked) -> str:
        """What would run: what is shared, what opens to whom, under which rules, and what it may cost."""
        return self.space.explain(self, [_spec(asked) for asked in statistics])

    def _table(self, spec: StatisticSpec) -> TableResult:
        result = self.submit(spec).result()
        if not isinstance(result, TableResult):
            raise TypeError(f"the answer of {spec.kind} is a TableResult")
        return result


def _made(**given: Any) -> StatisticSpec:
    try:
        return StatisticSpec(**given)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise PlanInvalid(
            f"The statistic {given['kind']} cannot take what it was given as {where}: {fault['msg']}.",
            remedy="Give names of columns as texts and plain numbers.",
        ) from None


def _spec(asked: Asked) -> StatisticSpec:
    return parse_statistic(asked) if isinstance(asked, str) else asked


def _named_spec(how: Any) -> StatisticSpec:
    """A statistic of `agg`: "count", "mean:tsize" or ("tsize", "mean")."""
    if isinstance(how, tuple) and len(how) == 2:
        column, kind = how
        return _made(kind=kind, columns=(column,))
    if isinstance(how, str | StatisticSpec):
        return _spec(how)
    raise PlanInvalid(
        "agg does not understand a statistic.", remedy='Write n="count" or size=("tsize", "mean").'
    )


def _exact(numbers: Sequence[Number | date]) -> tuple[int | str, ...]:
    """Integers as they are, dates as days, others as Python prints them: nothing is rounded twice."""
    days = [day_number(number) if isinstance(number, date) else number for number in numbers]
    return tuple(number if isinstance(number, int) else str(number) for number in days)
