"""What a statistic is: one class that says what it takes, what opens, what counts govern it, how it is shown.

A statistic never sees a share. It declares, for one group of rows:

    takes, parameters     what a plan may say of it
    quantities            integers that holders sum over their own rows, and the counts that govern them
    cohorts, cuts         which rows each count is of, and at which values of a column that changes
    targets               values that a program computes on shared rows (`program.RowProgram`)
    finish                what the recipient makes of the opened integers
    result                the class that shows it

Its cost follows from these (`JointQuery.cost`). `table.py` lists the classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

from mpc.errors import PlanInvalid, RangeError
from mpc.statistics.outcome import Value
from mpc.statistics.parameters import Reader
from mpc.statistics.program import Target
from mpc.statistics.results import Result, TableResult
from mpc.statistics.rows import MAX_WORD_BITS, Columns, ColumnSpec, Mask, Rows

#: An opened quantity, or None where it was suppressed.
Opened = Mapping[str, int | None]


class Request(Protocol):
    """One statistic as a plan asks for it."""

    @property
    def kind(self) -> str:
        """The name of the statistic."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is asked of."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What it is told beside them."""


@dataclass(frozen=True)
class Quantity:
    """An integer that holders sum: its public bound for one row, and the count that governs it.

    A quantity without a governor is a count and governs itself. `structural_zero`: it counts a whole cell,
    so a 0 may open where every grouping column declares its zeros structural. `values`: of a count, the
    columns whose values open over its records, all of which have them. `weighs`: of a sum, the one or
    two columns of which a record contributes the product; a square has its column twice. `parameters`: of a
    count, how many are estimated from it.
    """

    name: str
    per_row: int = 1
    governor: str = ""
    structural_zero: bool = False
    values: tuple[str, ...] = ()
    weighs: tuple[str, ...] = ()
    parameters: int = 0

    @property
    def is_count(self) -> bool:
        """Whether it counts rows."""
        return not self.governor

    @property
    def is_of_values(self) -> bool:
        """Whether it is a sum of values; what has a governor and is none counts records beside that."""
        return bool(self.weighs)


@dataclass(frozen=True)
class Takes:
    """The columns of a statistic.

    `each`: one statistic for each column, else one for all. `kinds`: of columns. `all_numbers`: without any
    column in the request it takes all numbers and dates.
    """

    least: int = 1
    most: int = 100
    each: bool = True
    kinds: frozenset[str] = frozenset({"number", "date"})
    all_numbers: bool = False

    @property
    def in_words(self) -> str:
        """How many columns, for a refusal."""
        if self.most == 0:
            return "no column"
        many = f"{self.least} to {self.most} columns" if self.most > self.least else f"{self.least} columns"
        return many if self.most > 1 else "1 column"


class Statistic(ABC):
    """One statistic of one query, for any group of its rows.

    The first line of a subclass's docstring is its help. Raises `PlanInvalid` where a plan's parameters make
    no sense.
    """

    kind: ClassVar[str]
    #: as it is written after --stat
    example: ClassVar[str]
    takes: ClassVar[Takes] = Takes()
    #: what a plan may say beside the columns
    parameters: ClassVar[Mapping[str, Reader]] = {}
    result: ClassVar[type[Result]] = TableResult

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        self.specs = tuple(columns)
        self.given = {
            name: self._reader(name)(value, f"{name} of {self.kind}") for name, value in given.items()
        }

    def _reader(self, name: str) -> Reader:
        if name not in self.parameters:
            known = ", ".join(self.parameters) or "none"
            raise PlanInvalid(
                f"{self.kind} has no parameter {name!r}; it has {known}.", remedy=f"Write {self.example}"
            )
        return self.parameters[name]

    @classmethod
    def asked(cls, request: Request, columns: Columns) -> tuple[Statistic, ...]:
        """The statistics that a request stands for, one or one a column.

        Raises `PlanInvalid` for columns that the statistic does not take, and for what their kind does not
        allow; `RangeError` for one too wide to sum exactly.
        """
        takes, names = cls.takes, request.columns
        if takes.all_numbers and not names:
            names = tuple(name for name, column in columns.items() if column.kind in takes.kinds)
        if not takes.least <= len(names) <= takes.most:
            raise PlanInvalid(
                f"{cls.kind} takes {takes.in_words}, here {len(names)}.", remedy=f"Write {cls.example}"
            )
        chosen = [columns[name] for name in known(cls.kind, names, columns)]
        for column in chosen:
            cls._check_column(column)
        parts = [[column] for column in chosen] if takes.each else [chosen]
        return tuple(cls(part, request.parameters) for part in parts)

    @classmethod
    def _check_column(cls, column: ColumnSpec) -> None:
        if column.kind not in cls.takes.kinds:
            remedy = (
                f"Count its levels instead: --stat count --by {column.name}"
                if column.kind == "category"
                else f"Choose a {' or a '.join(sorted(cls.takes.kinds))}."
            )
            raise PlanInvalid(
                f"{cls.kind} of {column.name}: {column.name} is a {column.kind}.", remedy=remedy
            )
        if column.magnitude >> MAX_WORD_BITS:
            raise RangeError(
                f"The range of {column.name} needs words of over {MAX_WORD_BITS} bits.",
                remedy="Narrow the column's range or use fewer decimals.",
            )

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:  # noqa: ARG003 - for those that do
        """The parameters that the text `kind:columns:numbers` stands for; here `PlanInvalid`."""
        raise PlanInvalid(f"{cls.kind} takes no numbers.", remedy=f"Write {cls.example}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(column.name for column in self.specs)

    @abstractmethod
    def quantities(self) -> tuple[Quantity, ...]:
        """What opens."""

    @abstractmethod
    def cohorts(self, rows: Rows) -> list[Mask]:
        """Which of these rows each count of `quantities` is of, in their order."""

    def sums(self, rows: Rows) -> list[int]:
        """A holder's other integers of `quantities` over its own rows of one group, exact."""
        return []

    def cuts(self) -> Mapping[str, Sequence[int]]:
        """By column: the words from which on a row belongs to other cohorts. Presence is no cut."""
        return {}

    def targets(self) -> tuple[Target, ...]:
        """Values that are computed on shared rows."""
        return ()

    @abstractmethod
    def finish(self, opened: Opened) -> dict[str, Value]:
        """What the recipient reports; None for what depends on a suppressed quantity."""

    def is_point(self, name: str) -> bool:
        """Whether a value is one of the column's own, so that of a column of dates it is a date."""
        return False

    def __str__(self) -> str:
        return " ".join((self.kind, *self.columns))


def known(what: str, names: Sequence[str], columns: Columns) -> Sequence[str]:
    """The names; `PlanInvalid` for one that is no column, with the nearest, and for one named twice."""
    if len(set(names)) != len(names):
        raise PlanInvalid(f"{what} names a column twice.", remedy="Name each column once.")
    for name in names:
        if name not in columns:
            raise PlanInvalid(f"There is no column {name!r}.{nearest(name, columns)}", remedy=choose(columns))
    return names


def nearest(name: str, names: Iterable[str]) -> str:
    """ " Did you mean NAME?", or nothing."""
    begun = [item for item in names if name and item.startswith(name)]
    match = begun or get_close_matches(name, list(names), 1)
    return f" Did you mean {match[0]}?" if match else ""


def choose(names: Iterable[str]) -> str:
    """What there is, as a remedy."""
    return f"There are {', '.join(names)}."
