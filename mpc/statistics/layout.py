"""What a query is made of, from public facts alone: its cells, the counts and sums that open, its programs.

All sides build the same layout, so block sizes, bounds and the order of words agree without a message. A
query comes from outside: it may be refused here, but never crash or exhaust a party.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.encoding import limbs_for
from mpc.errors import PlanInvalid
from mpc.statistics import table
from mpc.statistics.program import CountedTarget, RowFacts, RowProgram, Wanted
from mpc.statistics.rows import Columns, ColumnSpec, Group, Mask, Rows, groups_of
from mpc.statistics.statistic import Quantity, Request, Statistic, known

#: Statistics times groups of one query.
MAX_CELLS: Final = 100_000
#: Words of a released result: two components of 8 bytes each must fit one message of 4 MiB.
MAX_OUTPUT_WORDS: Final = (4 << 20) // 16 - 1024


@dataclass(frozen=True)
class Cell:
    """One statistic in one group."""

    group: Group
    statistic: Statistic

    def __str__(self) -> str:
        where = ", ".join(f"{name} = {level}" for name, level in self.group) or "all selected rows"
        return f"{self.statistic} for {where}"


@dataclass(frozen=True)
class Count:
    """A count that opens, and governs others. `empty`: a 0 may open, since the schema says so."""

    cell: int
    quantity: Quantity
    empty: bool


@dataclass(frozen=True)
class Told:
    """A cohort whose size opens: with a count, or as a value that a program computes (`target`)."""

    cell: int
    name: str
    values: tuple[str, ...] = ()
    target: CountedTarget | None = None


@dataclass(frozen=True)
class Weight:
    """What records contribute to a sum over those of the count at `governor`: products of these columns."""

    cell: int
    columns: tuple[ColumnSpec, ...]
    governor: int

    @property
    def magnitude(self) -> int:
        """The largest contribution there may be."""
        return math.prod(one.magnitude for one in self.columns)

    @property
    def is_square(self) -> bool:
        """Whether it is of one column, twice."""
        return len(self.columns) > 1 and len(set(self.columns)) == 1


@dataclass(frozen=True)
class Sum:
    """A summed quantity: its public bound over all rows, the places of its governor and of its weight.

    -1: it has none.
    """

    cell: int
    quantity: Quantity
    bound: int
    governor: int
    weight: int = -1

    @property
    def limbs(self) -> int:
        """Words that it takes."""
        return limbs_for(self.bound)


class Layout:
    """The parts of a query. `rows_at_most[h]` is the public upper bound on holder h's rows.

    Raises `PlanInvalid` for a request that makes no sense and `RangeError` if an exact computation would not
    fit the ring.
    """

    def __init__(
        self,
        columns: Columns,
        requests: Sequence[Request],
        group_by: Sequence[str],
        rows_at_most: Sequence[int],
    ) -> None:
        if not rows_at_most or min(rows_at_most) < 1:
            raise PlanInvalid("A joint query needs holders with at least one row each.", remedy="Name them.")
        if not requests:
            raise PlanInvalid("The query asks for no statistic.", remedy="Name at least one.")
        self.facts = RowFacts(dict(columns), tuple(group_by), tuple(rows_at_most))
        #: the statistics of each request
        self.asked = [table.find(request.kind).asked(request, columns) for request in requests]
        self.statistics = [one for part in self.asked for one in part]
        _check_groups(group_by, columns, len(self.statistics))
        self.groups = groups_of(columns, group_by)
        words = sum(_words_of(one, self.facts.total_rows) for one in self.statistics) * len(self.groups)
        if words > MAX_OUTPUT_WORDS:
            raise PlanInvalid(
                f"The query would open {words} words; at most {MAX_OUTPUT_WORDS} are allowed.",
                remedy="Use fewer groups, columns or bins, or ask in parts.",
            )
        self.cells = [Cell(group, statistic) for group in self.groups for statistic in self.statistics]
        #: what runs on shared rows, and the cell of each value that it makes
        self.programs = self._programs()

    @cached_property
    def counts(self) -> list[Count]:
        """All counts, cell by cell."""
        columns, names = self.facts.columns, self.facts.group_by
        declared = bool(names) and all(columns[name].structural_zero for name in names)
        return [
            Count(place, quantity, declared and quantity.structural_zero)
            for place, cell in enumerate(self.cells)
            for quantity in cell.statistic.quantities()
            if quantity.is_count
        ]

    @cached_property
    def _count_places(self) -> dict[tuple[int, str], int]:
        return {(count.cell, count.quantity.name): place for place, count in enumerate(self.counts)}

    @cached_property
    def _sum_quantities(self) -> list[tuple[int, Quantity, int]]:
        """The cell, the quantity and the place of the governor of each sum, cell by cell."""
        return [
            (place, quantity, self._count_places[place, quantity.governor])
            for place, cell in enumerate(self.cells)
            for quantity in cell.statistic.quantities()
            if not quantity.is_count
        ]

    @cached_property
    def _weight_places(self) -> dict[tuple[int, tuple[str, ...], int], int]:
        """(cell, columns, governor) -> place of the weight."""
        wanted = [
            (cell, quantity.weighs, governor)
            for cell, quantity, governor in self._sum_quantities
            if quantity.weighs
        ]
        return {key: place for place, key in enumerate(dict.fromkeys(wanted))}

    @cached_property
    def weights(self) -> list[Weight]:
        """What sums may be dominated by, once for all sums of the same contributions."""
        columns = self.facts.columns
        return [
            Weight(cell, tuple(columns[name] for name in names), governor)
            for cell, names, governor in self._weight_places
        ]

    @cached_property
    def sums(self) -> list[Sum]:
        """All sums, cell by cell."""
        total = self.facts.total_rows
        return [
            Sum(
                cell, quantity, quantity.per_row * total, governor,
                self._weight_places.get((cell, quantity.weighs, governor), -1),
            )
            for cell, quantity, governor in self._sum_quantities
        ]  # fmt: skip

    @cached_property
    def told(self) -> list[Told]:
        """Every cohort whose size may open: the counts, then values of programs that are counts."""
        made = [Told(one.cell, one.quantity.name, one.quantity.values) for one in self.counts]
        return made + [
            Told(cell, one.target.name, target=one.target)
            for program, cells in self.programs
            for one, cell in zip(program.wanted, cells, strict=True)
            if isinstance(one.target, CountedTarget)
        ]

    def cohorts(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """`[told, rows]`: which of a holder's rows each cohort is of, gaps in its `values` not counted.

        A count of the records that have a value stands for all records of its group: how many lack one opens
        beside it. Where the schema protects that number, it stands for those with a value alone.
        """
        members = self.facts.members(rows)
        conditions = [mask for one in self.statistics for mask in self._conditions(one, rows)]
        masks = np.zeros((len(self.told), rows.count), dtype=np.bool_)
        for place, group in enumerate(self.groups):
            inside = members(group)
            for number, mask in enumerate(conditions, place * len(conditions)):
                np.logical_and(inside, mask, out=masks[number])
        for number, one in enumerate(self.told):
            if one.target is not None:
                masks[number] = members(self.cells[one.cell].group) & one.target.cohort(rows)
        return masks

    def _conditions(self, statistic: Statistic, rows: Rows) -> list[Mask]:
        """The statistic's cohorts among these rows."""
        counts = [one for one in statistic.quantities() if one.is_count]
        own, columns = statistic.cohorts(rows), self.facts.columns
        filled = {
            name: np.ones(rows.count, dtype=np.bool_)
            for one in counts
            for name in one.values
            if not columns[name].missing_protected
        }
        if not filled:
            return own
        full = Rows(rows.count, rows.words, {**rows.present, **filled}, rows.selected)
        pairs = zip(counts, own, statistic.cohorts(full), strict=True)
        return [of_all if one.values else of_own for one, of_own, of_all in pairs]

    def cuts(self) -> dict[str, set[int]]:
        """By column: the words from which on a row belongs to other cohorts, for the groups and the
        statistics."""
        found = {name: set(range(len(self.facts.columns[name].levels))) for name in self.facts.group_by}
        for statistic in self.statistics:
            for name, words in statistic.cuts().items():
                found.setdefault(name, set()).update(words)
        return found

    def _programs(self) -> list[tuple[RowProgram, list[int]]]:
        wanted: dict[type[RowProgram], list[tuple[int, Wanted]]] = {}
        for place, cell in enumerate(self.cells):
            for target in cell.statistic.targets():
                one = Wanted(target, cell.group, self._count_places[place, target.governor])
                wanted.setdefault(target.program, []).append((place, one))
        return [
            (program([one for _, one in found], self.facts), [place for place, _ in found])
            for program, found in wanted.items()
        ]


def _words_of(statistic: Statistic, rows: int) -> int:
    """Words of the output that a statistic takes in a group: flags and values."""
    quantities = statistic.quantities()
    sums = sum(1 + limbs_for(one.per_row * rows) for one in quantities if not one.is_count)
    return 2 * sum(one.is_count for one in quantities) + sums + 2 * len(statistic.targets())


def _check_groups(group_by: Sequence[str], columns: Columns, statistics: int) -> None:
    """`PlanInvalid` unless the groups are distinct categories that make at most `MAX_CELLS` cells."""
    for name in known("group by", group_by, columns):
        if columns[name].kind != "category":
            raise PlanInvalid(
                f"{name} has no levels to group by.", remedy="Group by a category or a boolean."
            )
    cells = statistics * math.prod(len(columns[name].levels) for name in group_by)
    if not 1 <= cells <= MAX_CELLS:
        raise PlanInvalid(
            f"Statistics times groups must be 1 to {MAX_CELLS}, here {cells}.", remedy="Use fewer groups."
        )
