"""What a holder shares for a query: sums of its own rows, the programs' blocks, what the guard compares."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from mpc.encoding import Words, to_limbs
from mpc.errors import RangeError
from mpc.privacy import dominance
from mpc.privacy.complement import Table
from mpc.privacy.guard import Guard
from mpc.privacy.terms import MAX_DOMINANT
from mpc.statistics.layout import Layout, Weight
from mpc.statistics.program import Block, RowProgram
from mpc.statistics.rows import Rows, group_places

#: A weight: the total of what is contributed, and the largest contributions.
WEIGHT_WORDS: Final = 1 + MAX_DOMINANT


@dataclass(frozen=True, eq=False, repr=False)
class Memory:
    """A holder's masks of cohorts, as `Guard` has them.

    Of earlier ones over its rows, and over rows that have changed; of the question's own.
    """

    earlier: npt.NDArray[np.bool_]
    drifted: npt.NDArray[np.bool_]
    own: npt.NDArray[np.bool_]

    def __repr__(self) -> str:
        return "Memory(redacted)"


class Holding(Layout):
    """A query as a holder sees it, beside earlier ones if it stands beside any."""

    #: what the question is compared with, and its tables whose totals may be known
    guard: Guard | None = None
    tables: tuple[Table, ...] = ()

    def beside(self, guard: Guard, tables: Sequence[Table]) -> Self:
        """The same question, to be answered beside earlier ones."""
        made = copy.copy(self)
        made.guard, made.tables = guard, tuple(tables)
        return made

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """What holder number `holder` shares."""
        blocks = [Block("counts", len(self.counts), "arithmetic")]
        if self.sums:
            blocks.append(Block("sums", self.limbs, "arithmetic"))
        if self.weights:
            blocks.append(Block("weights", WEIGHT_WORDS * len(self.weights), "arithmetic"))
        if self.guard is not None and self.guard.elements:
            blocks.append(Block("atoms", self.guard.elements, "arithmetic"))
        for program, _ in self.programs:
            blocks += [
                Block(named(program, block.name), block.elements, block.domain)
                for block in program.blocks_for(holder)
            ]
        return tuple(blocks)

    @cached_property
    def limbs(self) -> int:
        """Words of all sums."""
        return sum(item.limbs for item in self.sums)

    def at_holder(self, rows: Rows, holder: int, memory: Memory | None = None) -> dict[str, Words]:
        """The words of each block for this holder's own selected rows.

        `memory`: of earlier cohorts; None where the query stands beside none. Raises `RangeError` if the rows
        do not fit what the plan says of them in public.
        """
        self._check_rows(rows, holder)
        blocks = self._sums_of(rows)
        for program, _ in self.programs:
            blocks |= {named(program, name): words for name, words in program.at_holder(rows, holder).items()}
        if self.guard is not None and self.guard.elements:
            blocks["atoms"] = self._atoms_of(rows, self.guard, memory or self.remembering(rows))
        return blocks

    def _sums_of(self, rows: Rows) -> dict[str, Words]:
        """Counts, sums and their weights."""
        values, weights = [], []
        for place, own in self._by_cell(rows):
            found, shares = self._summary(place, own)
            values.append(found)
            weights += shares
        counts = [values[count.cell][count.quantity.name] for count in self.counts]
        blocks = {"counts": np.array(counts, dtype=np.int64)}
        if self.sums:
            limbs = [
                to_limbs([values[item.cell][item.quantity.name]], item.bound)[:, 0] for item in self.sums
            ]
            blocks["sums"] = np.concatenate(limbs)
        if self.weights:
            blocks["weights"] = np.array(weights, dtype=np.int64)
        return blocks

    def _atoms_of(self, rows: Rows, guard: Guard, memory: Memory) -> Words:
        """The block of the guard."""
        fits = memory.earlier.shape == (guard.earlier - guard.drifted, rows.count)
        if not fits or len(memory.drifted) != guard.drifted or memory.drifted.shape[1] < rows.count:
            raise RangeError(
                "A holder's memory of earlier questions is not that of the parties.",
                remedy="Ask again; if it stays so, its operator restores the node's state from a backup.",
            )
        return guard.at_holder(memory.earlier, memory.drifted, memory.own, rows.present)

    def remembering(
        self,
        rows: Rows,
        earlier: npt.NDArray[np.bool_] | None = None,
        drifted: npt.NDArray[np.bool_] | None = None,
    ) -> Memory:
        """The memory of a holder with these selected rows, and with those earlier cohorts (None: with
        none)."""
        none = np.zeros((0, rows.count), dtype=np.bool_)
        return Memory(
            none if earlier is None else earlier, none if drifted is None else drifted, self.cohorts(rows)
        )

    @cached_property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that the statistics and the groups need."""
        used = [name for one in self.statistics for name in one.columns]
        return tuple(dict.fromkeys((*used, *self.facts.group_by)))

    def _check_rows(self, rows: Rows, holder: int) -> None:
        at_most = self.facts.rows_at_most[holder]
        if rows.count > at_most:
            raise RangeError(
                f"Holder {holder} has more rows than the plan's {at_most}.",
                remedy="Register the data set again, and send the query again.",
            )
        for name in self.columns_used:
            column, words = self.facts.columns[name], rows.words[name][rows.present[name]]
            if words.size and not column.lo <= int(words.min()) <= int(words.max()) <= column.hi:
                raise RangeError(
                    f"Column {name} leaves its public range.", remedy="Register the data set again."
                )

    def _by_cell(self, rows: Rows) -> Iterator[tuple[int, Rows]]:
        """Each cell and its rows; every row is looked at once, in its own group."""
        places = group_places(rows, self.facts.columns, self.facts.group_by)
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(len(self.groups) + 1))
        for group in range(len(self.groups)):
            own = rows.take(order[ends[group] : ends[group + 1]], self.columns_used)
            for place in range(len(self.statistics)):
                yield group * len(self.statistics) + place, own

    def _summary(self, cell: int, own: Rows) -> tuple[dict[str, int], list[int]]:
        """A cell's integers by name, and the words of its weights."""
        statistic = self.cells[cell].statistic
        masks = statistic.cohorts(own)
        counts, sums = iter([int(mask.sum()) for mask in masks]), iter(statistic.sums(own))
        found = {one.name: next(counts if one.is_count else sums) for one in statistic.quantities()}
        weights: list[int] = []
        for weight in self._weights_of.get(cell, ()):
            mask = masks[weight.governor - self._first_count[cell]]
            for column in weight.columns:
                mask = mask & own.present[column.name]
            factors = [own.words[column.name][mask] for column in weight.columns]
            total, largest = dominance.contributions(factors, self.scaling(weight).shift)
            weights += [total, *map(int, largest)]
        return found, weights

    @cached_property
    def _weights_of(self) -> dict[int, list[Weight]]:
        found: dict[int, list[Weight]] = {}
        for weight in self.weights:
            found.setdefault(weight.cell, []).append(weight)
        return found

    @cached_property
    def _first_count(self) -> dict[int, int]:
        """Cell -> the place of its first count."""
        return {count.cell: place for place, count in reversed(list(enumerate(self.counts)))}

    def scaling(self, weight: Weight) -> dominance.Scaling:
        """How contributions become words."""
        return dominance.scaling(weight.magnitude, self.facts.total_rows)


def named(program: RowProgram, block: str) -> str:
    """A program's block among those of the query."""
    return f"{program.name}/{block}"
