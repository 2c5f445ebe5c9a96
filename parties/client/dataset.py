"""A data set as the analyst sees it: columns to build filters from, and statistics to ask for.

`gbsg.where(gbsg.age >= 50).group_by("horTh").mean("tsize")` runs and returns a result. Nothing runs before
the last call; every selection is a new object, and the first stays as it was.

Every statistic of `mpc.statistics.table` is a method here, and every column an attribute. A column whose
name is also one of the data set's or of a statistic is found as `gbsg["count"]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mpc.errors import CatalogueError, PlanInvalid
from mpc.statistics import table
from mpc.statistics.results import Result
from mpc.statistics.statistic import known, nearest
from parties.client.answers import fits_a_table
from parties.client.job import Job
from parties.management.catalogue import Schema
from parties.query.filters import ColumnProxy, Expression, Node, parse
from parties.query.plan import StatisticSpec
from parties.query.text import parse_statistic, statistic

Wish = str | StatisticSpec
Name = str | ColumnProxy


class Asked(Protocol):
    """What a data set needs of the space that it is in."""

    def submit(self, dataset: Dataset, statistics: Sequence[StatisticSpec]) -> Job:
        """Sends a question to the parties."""

    def explain(self, dataset: Dataset, statistics: Sequence[StatisticSpec]) -> str:
        """Says what it would do."""

    def holders_of(self, name: str) -> tuple[str, ...]:
        """Who holds a data set."""


class Ask:
    """A statistic of a data set, to be called with columns and parameters."""

    def __init__(self, dataset: Dataset, kind: str) -> None:
        self._dataset, self._kind = dataset, kind
        self.__doc__ = table.find(kind).__doc__

    def __call__(self, *columns: Name | Iterable[Name] | Any, **parameters: Any) -> Result:
        """Runs it and returns the result; missing values are left out, and counted.

        Numbers and dates after the columns are what stands behind them in the text form.
        """
        flat = list(_flat(columns))
        names = [one for one in flat if isinstance(one, Name)]
        numbers = [one for one in flat if not isinstance(one, Name)]
        if numbers:
            parameters = {**table.find(self._kind).of_numbers(numbers), **parameters}
        spec = statistic(self._kind, _names(names), parameters)
        return self._dataset.submit(spec).result()

    def __repr__(self) -> str:
        return f"{self._kind}: {self.__doc__}\nAs text: {table.find(self._kind).example}"


@dataclass(frozen=True, repr=False)
class Dataset:
    """A data set of the space, with a filter and grouping columns; `holders` empty: all of it.

    Questions raise `PlanInvalid` for what the schema does not allow, before anything leaves this machine, and
    the error of the party at fault if the job fails.
    """

    space: Asked
    schema: Schema
    filter: Expression | None = None
    groups: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    study: str = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in table.KINDS:
            return Ask(self, name)
        try:
            return self[name]
        except CatalogueError as error:
            raise AttributeError(f"{error.message} It is no statistic either.", name=name, obj=self) from None

    def __getitem__(self, name: str) -> ColumnProxy:
        """A column to compare with."""
        self.schema.column(name)
        return ColumnProxy(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns, *table.KINDS]

    def __repr__(self) -> str:
        where = f" where {self.filter}" if self.filter is not None else ""
        groups = f" by {', '.join(self.groups)}" if self.groups else ""
        holders = f" at {', '.join(self.holders)}" if self.holders else ""
        lines = [f"{self.schema.name}: {self.schema.title}{holders}{where}{groups}"]
        for column in self.schema.columns:
            extent = ", ".join(column.all_levels) if column.is_category else f"{column.min} to {column.max}"
            lines.append(f"  {column.name:16} {column.kind.value:9} {extent} {column.unit}".rstrip())
        return "\n".join(lines)

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.schema.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.schema.columns)

    # --- selecting ------------------------------------------------------------------------------

    def where(self, condition: Expression | str) -> Dataset:
        """Only the records for which `condition` is true, beside earlier conditions.

        An expression of columns (`gbsg.age >= 50`, joined by & | ~) or its text (`'age >= 50'`).
        """
        made = parse(condition) if isinstance(condition, str) else condition
        if not isinstance(made, Node):
            raise PlanInvalid(
                f"A {type(condition).__name__} is no filter.",
                remedy="Write dataset.age >= 50, or 'age >= 50'.",
            )
        return replace(self, filter=made if self.filter is None else self.filter & made)

    def group_by(self, *columns: Name | Iterable[Name]) -> Dataset:
        """The same questions for every combination of the public levels of `columns`."""
        names = (*self.groups, *_names(columns))
        known("group by", names, self.schema.specs())
        return replace(self, groups=names)

    def at(self, *holders: str | Iterable[str]) -> Dataset:
        """Only the records of these holders, as `data.at("lindenhof", "seeklinik")`.

        A holder that is asked alone refuses unless its policy has allow_single_holder. Raises PlanInvalid for
        no holder, CatalogueError for a name that does not hold the data set.
        """
        names = tuple(dict.fromkeys(_holders(holders)))
        if not names:
            raise PlanInvalid("No holder is chosen.", remedy="Name at least one, or leave out at().")
        held_by = self.space.holders_of(self.name)
        for name in names:
            if name not in held_by:
                raise CatalogueError(
                    f"{name} does not hold {self.name}.{nearest(name, held_by)}",
                    remedy=f"Holders of {self.name}: {', '.join(held_by)}.",
                )
        return replace(self, holders=names)

    # --- asking ---------------------------------------------------------------------------------

    def agg(self, **named: Wish | tuple[str, str]) -> Result:
        """Several statistics in one job and one table: `agg(n="count", size=("tsize", "mean"))`."""
        specs = [_named(name, how) for name, how in named.items()]
        if not specs or not all(fits_a_table(spec) for spec in specs):
            raise PlanInvalid(
                "agg takes statistics of one column each, and no histogram or correlation.",
                remedy='Write for example agg(n="count", size=("tsize", "mean")).',
            )
        return self.submit(*specs).result()

    def submit(self, *statistics: Wish) -> Job:
        """Sends the question to the three compute parties and returns at once.

        `statistics` as specs or in the text form of `triune query --stat`, as "mean:tsize". The job outlives
        this process: `space.job(hash)`.
        """
        return self.space.submit(self, [_spec(asked) for asked in _some(statistics)])

    def explain(self, *statistics: Wish) -> str:
        """What would run: what is shared, what opens to whom, under which rules, and what it costs."""
        return self.space.explain(self, [_spec(asked) for asked in _some(statistics)])


def _some(statistics: tuple[Wish, ...]) -> tuple[Wish, ...]:
    if not statistics:
        raise PlanInvalid("The query asks for no statistic.", remedy='Name at least one, such as "count".')
    return statistics


def _spec(asked: Wish) -> StatisticSpec:
    return parse_statistic(asked) if isinstance(asked, str) else asked


def _named(name: str, how: Any) -> StatisticSpec:
    """A statistic of `agg`: "count", "mean:tsize" or ("tsize", "mean")."""
    if isinstance(how, tuple) and len(how) == 2:
        column, kind = how
        return statistic(kind, _names([column]), name=name)
    if isinstance(how, str | StatisticSpec):
        return _spec(how).model_copy(update={"name": name})
    raise PlanInvalid(
        "agg does not understand a statistic.", remedy='Write n="count" or size=("tsize", "mean").'
    )


def _names(given: Iterable[Any]) -> list[str]:
    """Names of columns, given as names, as columns, or as lists of them."""
    names: list[str] = []
    for one in _flat(given):
        if not isinstance(one, Name):
            raise PlanInvalid(
                f"A {type(one).__name__} names no column.", remedy="Write its name, or dataset.age."
            )
        names.append(one if isinstance(one, str) else one.name)
    return names


def _holders(given: Iterable[Any]) -> Iterator[str]:
    for one in _flat(given):
        if not isinstance(one, str):
            raise PlanInvalid(f"A {type(one).__name__} names no holder.", remedy="Write its name.")
        yield one


def _flat(given: Iterable[Any]) -> Iterator[Any]:
    for one in given:
        if isinstance(one, Iterable) and not isinstance(one, Name):
            yield from _flat(one)
        else:
            yield one
