"""The nodes of a filter: each prints itself, checks itself against a schema, runs on a holder's rows."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.errors import PlanInvalid
from mpc.statistics.rows import Columns, Mask, Rows
from mpc.statistics.statistic import known
from parties.query.filters.words import Op, compared, word_of

MAX_DEPTH: Final = 16
#: Where true, and where false; in neither: unknown.
Truth = tuple[Mask, Mask]


class Node(BaseModel):
    """A filter or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **fields: Any) -> None:
        """`PlanInvalid` for what is too long or has too many parts; what is parsed does not come here."""
        try:
            super().__init__(**fields)
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            raise PlanInvalid(
                f"A filter cannot hold this: {fault['msg']}.", remedy="Use fewer or shorter parts."
            ) from None

    def __and__(self, other: Expression) -> And:
        return And(terms=(self, other))

    def __or__(self, other: Expression) -> Or:
        return Or(terms=(self, other))

    def __invert__(self) -> Not:
        return Not(term=self)

    def __bool__(self) -> NoReturn:
        raise PlanInvalid("A filter has no truth value before it runs.", remedy="Combine filters with & | ~.")

    @property
    @abstractmethod
    def columns(self) -> frozenset[str]:
        """The columns that it looks at."""

    @property
    def depth(self) -> int:
        """How deep its terms are nested."""
        return 1

    @abstractmethod
    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:
        """Columns, and words from which on it may be true of other rows. Presence is no cut."""

    @abstractmethod
    def check(self, specs: Columns) -> None:
        """`PlanInvalid` for columns that are not there, and what their kind does not allow."""

    @abstractmethod
    def truth(self, rows: Rows, specs: Columns) -> Truth:
        """Which of a holder's own rows it is true of, and of which false."""


class _OfColumn(Node):
    """What is said of one column."""

    column: str = Field(max_length=64)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({self.column})

    def check(self, specs: Columns) -> None:
        known("the filter", [self.column], specs)


class Comparison(_OfColumn):
    """`column op literal`. Literals are texts: numbers, ISO dates, or levels."""

    node: Literal["compare"] = "compare"
    op: Op
    literal: str = Field(max_length=256)
    quoted: bool = False

    def __str__(self) -> str:
        return f"{self.column} {self.op} {_literal_text(self.literal, self.quoted)}"

    def check(self, specs: Columns) -> None:
        super().check(specs)
        spec = specs[self.column]
        word_of(spec, self.literal)
        if spec.kind == "category" and self.op not in ("==", "!="):
            raise PlanInvalid(f"The levels of {spec.name} have no order.", remedy="Use ==, != or in.")

    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:
        yield from _around(self.column, word_of(specs[self.column], self.literal))

    def truth(self, rows: Rows, specs: Columns) -> Truth:
        word = word_of(specs[self.column], self.literal)
        return _known(rows.present[self.column], compared(rows.words[self.column], self.op, word))


class Membership(_OfColumn):
    """`column in (literal, ...)`."""

    node: Literal["in"] = "in"
    literals: tuple[str, ...] = Field(min_length=1, max_length=1000)
    quoted: bool = False

    def __str__(self) -> str:
        return f"{self.column} in [{', '.join(_literal_text(v, self.quoted) for v in self.literals)}]"

    def check(self, specs: Columns) -> None:
        super().check(specs)
        for literal in self.literals:
            word_of(specs[self.column], literal)

    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:
        for literal in self.literals:
            yield from _around(self.column, word_of(specs[self.column], literal))

    def truth(self, rows: Rows, specs: Columns) -> Truth:
        wanted = [word_of(specs[self.column], literal) for literal in self.literals]
        hit = np.isin(rows.words[self.column], [int(word) for word in wanted if word.denominator == 1])
        return _known(rows.present[self.column], hit)


class IsMissing(_OfColumn):
    """True where the column is missing, false elsewhere."""

    node: Literal["missing"] = "missing"

    def __str__(self) -> str:
        return f"missing({self.column})"

    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:  # noqa: ARG002 - one interface for all nodes
        yield from ()

    def truth(self, rows: Rows, specs: Columns) -> Truth:  # noqa: ARG002 - one interface for all nodes
        present = rows.present[self.column]
        return ~present, present


class _OfTerms(Node):
    """What joins others."""

    terms: tuple[Expression, ...] = Field(min_length=2, max_length=100)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset().union(*(term.columns for term in self.terms))

    @property
    def depth(self) -> int:
        return 1 + max(term.depth for term in self.terms)

    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:
        for term in self.terms:
            yield from term.cuts(specs)

    def check(self, specs: Columns) -> None:
        for term in self.terms:
            term.check(specs)

    def _truths(self, rows: Rows, specs: Columns) -> tuple[list[Mask], list[Mask]]:
        parts = [term.truth(rows, specs) for term in self.terms]
        return [part[0] for part in parts], [part[1] for part in parts]


class And(_OfTerms):
    """True where all terms are, false where any is false."""

    node: Literal["and"] = "and"

    def __str__(self) -> str:
        return " and ".join(f"({term})" for term in self.terms)

    def truth(self, rows: Rows, specs: Columns) -> Truth:
        trues, falses = self._truths(rows, specs)
        return np.logical_and.reduce(trues), np.logical_or.reduce(falses)


class Or(_OfTerms):
    """True where any term is, false where all are false."""

    node: Literal["or"] = "or"

    def __str__(self) -> str:
        return " or ".join(f"({term})" for term in self.terms)

    def truth(self, rows: Rows, specs: Columns) -> Truth:
        trues, falses = self._truths(rows, specs)
        return np.logical_or.reduce(trues), np.logical_and.reduce(falses)


class Not(Node):
    """True where its term is false."""

    node: Literal["not"] = "not"
    term: Expression

    def __str__(self) -> str:
        return f"not ({self.term})"

    @property
    def columns(self) -> frozenset[str]:
        return self.term.columns

    @property
    def depth(self) -> int:
        return 1 + self.term.depth

    def cuts(self, specs: Columns) -> Iterator[tuple[str, int]]:
        yield from self.term.cuts(specs)

    def check(self, specs: Columns) -> None:
        self.term.check(specs)

    def truth(self, rows: Rows, specs: Columns) -> Truth:
        true, false = self.term.truth(rows, specs)
        return false, true


Expression = Annotated[Comparison | Membership | IsMissing | And | Or | Not, Field(discriminator="node")]
for _kind in (And, Or, Not):
    _kind.model_rebuild()


def _around(column: str, word: Fraction) -> Iterator[tuple[str, int]]:
    """Where comparisons with a literal change: at it, and beyond it."""
    yield column, math.ceil(word)
    yield column, math.floor(word) + 1


def _known(present: Mask, hit: Mask) -> Truth:
    """A comparison with a missing value is neither true nor false."""
    return present & hit, present & ~hit


def _literal_text(text: str, quoted: bool) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text
