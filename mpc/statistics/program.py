"""What computes on shared rows: one program for all the values of a query that it makes, as one batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mpc.encoding import Words
from mpc.privacy.terms import Terms
from mpc.statistics.rows import Columns, Group, Mask, Rows, group_places, groups_of

if TYPE_CHECKING:
    from mpc.session import Session
    from mpc.tensor import SecretTensor

#: What a party holds of one holder's blocks: name -> share.
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """A vector of words that a holder shares; boolean blocks are packed bits, shared by XOR."""

    name: str
    elements: int
    domain: Literal["arithmetic", "boolean"]


@dataclass(frozen=True)
class Target:
    """A value that `program` computes, governed by a count. `extreme`: only if every holder allows it."""

    name: str
    governor: str
    extreme: bool
    program: ClassVar[type[RowProgram]]
    #: the rule beside the minimum count that may keep it closed
    rule: ClassVar[str] = ""
    #: what it may still tell of one record to somebody who knows all others, as the end of a sentence
    learnable: ClassVar[str] = "which values of that record go with the result"

    @property
    def condition(self) -> str:
        """What its opening needs beside the minimum count, in words; may be nothing."""
        return ""


class CountedTarget(Target, ABC):
    """A value that is the number of records of a cohort of its own, as a point of a curve."""

    @abstractmethod
    def cohort(self, rows: Rows) -> Mask:
        """Which of these rows it counts."""


@dataclass(frozen=True)
class Wanted:
    """A target in a group, and the place of its governor among the query's counts."""

    target: Any
    group: Group
    count: int


@dataclass(frozen=True)
class RowFacts:
    """The public facts of a query's rows. `rows_at_most[h]`: of holder h."""

    columns: Columns
    group_by: tuple[str, ...]
    rows_at_most: tuple[int, ...]

    @property
    def total_rows(self) -> int:
        """The public upper bound on all rows."""
        return sum(self.rows_at_most)

    def members(self, rows: Rows) -> Callable[[Group], Mask]:
        """Which of a holder's rows are selected and in a group: a mask at a time, all could fill memory."""
        places = group_places(rows, self.columns, self.group_by)
        index = {group: place for place, group in enumerate(groups_of(self.columns, self.group_by))}
        return lambda group: places == index[group]


class RowProgram(ABC):
    """All targets of one kind in a query. Built alike by holders, compute parties and the recipient.

    Raises `RangeError` where an exact computation would not fit the ring.
    """

    #: tells its blocks apart from those of others
    name: ClassVar[str]
    #: why it opens something to the computing parties on the way, as `session.open` is told
    opens: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, wanted: Sequence[Wanted], facts: RowFacts) -> None:
        self.wanted, self.facts = tuple(wanted), facts

    @abstractmethod
    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """What holder number `holder` shares for it."""

    @abstractmethod
    def at_holder(self, rows: Rows, holder: int) -> dict[str, Words]:
        """The words of those blocks."""

    @abstractmethod
    def on_shares(
        self, session: Session, given: Sequence[Given], counts: SecretTensor, terms: Terms
    ) -> tuple[SecretTensor, SecretTensor]:
        """0/1 flags beside the minimum count's, and values, one each for `wanted`. Reveals nothing.

        `given[h]` holds holder h's shares; `counts` are the query's, pooled.
        """

    @property
    @abstractmethod
    def sentence(self) -> str:
        """What runs, for `explain`."""
