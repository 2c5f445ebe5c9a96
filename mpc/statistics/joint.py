"""One joint query: what each holder shares, what runs on shares, what the recipient makes of it.

All three sides build the same `JointQuery` from the same public facts, so block sizes, bounds and
layouts agree without a message. Sums over rows are aggregated by the holder, and only shares of the
sums travel; percentiles run on shared rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch

from mpc import checks
from mpc.bits import SecretBits
from mpc.checks import assume_bound
from mpc.encoding import INTEGER, Words, from_limbs, limbs_for, to_limbs
from mpc.errors import PlanInvalid, ProtocolAbort, RangeError
from mpc.packing import WORD_BITS, words_for
from mpc.privacy.broken_checks import BROKEN, gate
from mpc.privacy.broken_checks import RULE as CHECKED
from mpc.privacy.minimum_count import RULE, passes
from mpc.privacy.terms import Terms
from mpc.session import Session
from mpc.statistics import ranges
from mpc.statistics.base import Quantity, Statistic, StatisticOutcome, StatisticRequest, Target
from mpc.statistics.quantiles import Selection, bit_planes, columns_of, pack
from mpc.statistics.requests import check_groups, check_quantities, expand_requests
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.table import KINDS
from mpc.tensor import SecretTensor, concat

Domain = Literal["arithmetic", "boolean"]


@dataclass(frozen=True)
class InputBlock:
    """A vector of words that a holder shares; boolean blocks are packed bits, shared by XOR."""

    name: str
    elements: int
    domain: Domain


@dataclass(frozen=True)
class _Cell:
    """One statistic in one group."""

    group: tuple[tuple[str, str], ...]
    statistic: Statistic


@dataclass(frozen=True)
class _Sum:
    """A summed quantity: its limbs and the index of the count that governs it."""

    cell: int
    quantity: Quantity
    bound: int
    governor: int

    @property
    def limbs(self) -> int:
        return limbs_for(self.bound)


class JointQuery:
    """Statistics by public groups over rows that `len(rows_at_most)` holders keep.

    `rows_at_most[h]` is the public upper bound on holder h's rows. Raises `PlanInvalid` for a request that
    makes no sense and `RangeError` if an exact computation would not fit the ring.
    """

    def __init__(
        self,
        columns: Mapping[str, ColumnSpec],
        statistics: Sequence[StatisticRequest],
        group_by: Sequence[str],
        rows_at_most: Sequence[int],
    ) -> None:
        self.columns = dict(columns)
        self.group_by = tuple(group_by)
        self.rows_at_most = tuple(rows_at_most)
        if not self.rows_at_most or min(self.rows_at_most) < 1:
            raise PlanInvalid("A joint query needs holders with at least one row each.", remedy="Name them.")
        self.requests = tuple(expand_requests(statistics, columns))
        check_groups(self.group_by, columns, len(self.requests))
        built = [KINDS[request.kind].build(request, self.columns) for request in self.requests]
        groups = list(
            itertools.product(*([(name, level) for level in columns[name].levels] for name in self.group_by))
        )
        opened = sum(len(item.quantities()) + len(item.targets()) for item in built)
        check_quantities(opened * len(groups))
        self.cells = tuple(_Cell(group, statistic) for group in groups for statistic in built)
        if self.targets:
            self.selection.check()

    # --- layout, from public facts only ---------------------------------------------------------

    @property
    def total_rows(self) -> int:
        return sum(self.rows_at_most)

    @cached_property
    def counts(self) -> tuple[tuple[int, Quantity], ...]:
        """(cell, quantity) of every count, in the order of the counts block."""
        return tuple(
            (place, quantity)
            for place, cell in enumerate(self.cells)
            for quantity in cell.statistic.quantities()
            if quantity.is_count
        )

    @cached_property
    def _structural(self) -> tuple[bool, ...]:
        """Which counts may open as 0: those of whole cells whose every grouping column declares it."""
        declared = bool(self.group_by) and all(self.columns[name].structural_zero for name in self.group_by)
        return tuple(declared and quantity.structural_zero for _, quantity in self.counts)

    @cached_property
    def _count_index(self) -> dict[tuple[int, str], int]:
        return {(cell, quantity.name): index for index, (cell, quantity) in enumerate(self.counts)}

    @cached_property
    def sums(self) -> tuple[_Sum, ...]:
        return tuple(
            _Sum(
                place,
                quantity,
                quantity.per_row * self.total_rows,
                self._count_index[place, quantity.governor],
            )
            for place, cell in enumerate(self.cells)
            for quantity in cell.statistic.quantities()
            if not quantity.is_count
        )

    @cached_property
    def targets(self) -> tuple[tuple[int, Target], ...]:
        return tuple(
            (place, goal) for place, cell in enumerate(self.cells) for goal in cell.statistic.targets()
        )

    @cached_property
    def _row_columns(self) -> tuple[ColumnSpec, ...]:
        return columns_of([goal for _, goal in self.targets])

    @cached_property
    def _candidates(self) -> tuple[tuple[tuple[tuple[str, str], ...], str], ...]:
        """Distinct (group, column) pairs that need a plane of candidate rows."""
        return tuple(
            dict.fromkeys((self.cells[place].group, goal.column.name) for place, goal in self.targets)
        )

    @cached_property
    def selection(self) -> Selection:
        names = [column.name for column in self._row_columns]
        return Selection(
            targets=tuple(goal for _, goal in self.targets),
            column_of=np.array([names.index(goal.column.name) for _, goal in self.targets], dtype=np.int64),
            active_of=np.array(
                [
                    self._candidates.index((self.cells[place].group, goal.column.name))
                    for place, goal in self.targets
                ],
                dtype=np.int64,
            ),
            count_of=np.array([self._count_index[place, goal.governor] for place, goal in self.targets]),
            bits=max(column.bits for column in self._row_columns),
            rows=self.total_rows,
        )

    def blocks_for(self, holder: int) -> tuple[InputBlock, ...]:
        """What holder number `holder` shares."""
        blocks = [InputBlock("counts", len(self.counts), "arithmetic")]
        if self.sums:
            blocks.append(InputBlock("sums", sum(item.limbs for item in self.sums), "arithmetic"))
        if self.targets:
            words = words_for(self.rows_at_most[holder])
            planes = len(self._row_columns) * self.selection.bits * words
            blocks.append(InputBlock("planes", planes, "boolean"))
            blocks.append(InputBlock("active", len(self._candidates) * words, "boolean"))
        return tuple(blocks)

    @property
    def output_elements(self) -> int:
        return 2 * len(self.counts) + sum(item.limbs for item in self.sums) + 2 * len(self.targets)

    @property
    def extremes(self) -> tuple[str, ...]:
        """The statistics that open a smallest or a largest value."""
        found = [self.cells[cell].statistic for cell, goal in self.targets if goal.extreme]
        return tuple(dict.fromkeys(f"{goal.kind} of {', '.join(goal.columns)}" for goal in found))

    @property
    def openings(self) -> tuple[str, ...]:
        """What opens to the recipient, one sentence each."""
        return (*self.checks, *(_sentence(cell) for cell in self.cells))

    @property
    def checks(self) -> tuple[str, ...]:
        """What is checked on shares, one sentence a flag: it opens with the counts that pass."""
        sentence = (
            f"whether {ranges.WHY}: one flag over all holders, with every count that passes the minimum "
        )
        return (sentence + f"count; if it does not hold, nothing else opens (rule {CHECKED})",)

    @property
    def accuracy(self) -> tuple[str, ...]:
        """What the recipient's numbers rest on, one sentence each."""
        made = ["counts, sums and percentiles are exact; one rounding each to a float where they are divided"]
        return (*made, f"bounds stated by the catalogue and checked on shares: {ranges.WHY}")

    # --- at the holder --------------------------------------------------------------------------

    def at_holder(self, rows: Rows, holder: int) -> dict[str, Words]:
        """The words of each block for this holder's own selected rows.

        Raises `RangeError` if the rows do not fit what the plan says of them in public.
        """
        self._check_rows(rows, holder)
        values = self._summaries(rows)
        blocks = {"counts": np.array([values[cell][q.name] for cell, q in self.counts], dtype=np.int64)}
        if self.sums:
            limbs = [
                to_limbs([values[item.cell][item.quantity.name]], item.bound)[:, 0] for item in self.sums
            ]
            blocks["sums"] = np.concatenate(limbs)
        if self.targets:
            length = words_for(self.rows_at_most[holder]) * WORD_BITS
            bits = self.selection.bits
            planes = [bit_planes(column, rows, bits, length) for column in self._row_columns]
            blocks["planes"] = np.concatenate(planes).reshape(-1)
            blocks["active"] = self._active(rows, length).reshape(-1)
        return blocks

    def _check_rows(self, rows: Rows, holder: int) -> None:
        if rows.count > self.rows_at_most[holder]:
            raise RangeError(
                f"Holder {holder} has more rows than the plan's {self.rows_at_most[holder]}.",
                remedy="Register the data set again, and send the query again.",
            )
        for name in {name for request in self.requests for name in request.columns}:
            column, words = self.columns[name], rows.words[name][rows.present[name]]
            if words.size and not column.lo <= int(words.min()) <= int(words.max()) <= column.hi:
                raise RangeError(
                    f"Column {name} leaves its public range.", remedy="Register the data set again."
                )

    def _summaries(self, rows: Rows) -> list[dict[str, int]]:
        summaries = []
        for cell in self.cells:
            numbers = cell.statistic.summarise(rows, self._members(rows, cell.group))
            names = [quantity.name for quantity in cell.statistic.quantities()]
            summaries.append(dict(zip(names, numbers, strict=True)))
        return summaries

    def _members(self, rows: Rows, group: tuple[tuple[str, str], ...]) -> Mask:
        mask = rows.selected
        for name, level in group:
            place = self.columns[name].levels.index(level)
            mask = mask & rows.present[name] & (rows.words[name] == place)
        return mask

    def _active(self, rows: Rows, length: int) -> Words:
        active = np.zeros((len(self._candidates), length), dtype=np.uint8)
        for place, (group, name) in enumerate(self._candidates):
            active[place, : rows.count] = self._members(rows, group) & rows.present[name]
        return pack(active)

    # --- on shares ------------------------------------------------------------------------------

    def on_shares(
        self,
        session: Session,
        inputs: Sequence[Mapping[str, Any]],
        terms: Terms,
    ) -> SecretTensor:
        """The gated output vector `[output_elements]`: what the gate says, and its flag times the value.

        `inputs[h][block]` is the flat share of holder h's block; its words are checked against the catalogue.
        Reveals nothing; traffic depends on public facts only. Rounds: about 16, and about 12 a bit of the
        widest column with percentiles.
        """
        blocks, demands = self._received(session, inputs)
        pooled = blocks[0].sum(0).view(bound=self.total_rows)
        wide = concat([pooled, *(block.sum(0) for block in blocks[1:])])
        governors = [
            *range(len(self.counts)),
            *(item.governor for item in self.sums for _ in range(item.limbs)),
        ]
        branches: list[Callable[[], Any]] = [
            partial(_settled, session, demands),
            partial(passes, blocks[0], terms.minimum_count, self._structural),
        ]
        if self.targets:
            branches.append(partial(self._percentiles, session, inputs, pooled, terms))
        broken, passed, *searched = session.gather(*branches)
        said, opens = gate(passed, broken)
        percentiles = [self._gated(opens, *found) for found in searched]
        return concat([said, opens[governors] * wide, *percentiles])

    def _gated(self, opens: SecretTensor, passed: SecretTensor, values: SecretTensor) -> SecretTensor:
        """Flags of the percentiles that open, and those times their values."""
        flags = passed * opens[self.selection.count_of]
        return concat([flags, flags * values])

    def _received(
        self, session: Session, inputs: Sequence[Mapping[str, Any]]
    ) -> tuple[list[SecretTensor], list[Callable[[], Any]]]:
        """`[holders, words]` of counts and sums, within the catalogue; how to check that."""
        ends = {"counts": ranges.of_counts(self.rows_at_most, len(self.counts))}
        if self.sums:
            ends["sums"] = ranges.of_limbs([item.bound for item in self.sums])
        blocks: list[SecretTensor] = []
        demands: list[Callable[[], Any]] = []
        for block, (low, high) in ends.items():
            shares = [given[block] for given in inputs]
            share = session.protocol.linear(lambda *words: torch.stack(words), *shares)
            words = session.secret(share, INTEGER, max(1, int(high.max()), -int(low.min())))
            blocks.append(words)
            demands.append(partial(assume_bound, words, high, least=low, source="catalogue", what=ranges.WHY))
        return blocks, demands

    def _percentiles(
        self,
        session: Session,
        inputs: Sequence[Mapping[str, Any]],
        pooled: SecretTensor,
        terms: Terms,
    ) -> tuple[SecretTensor, SecretTensor]:
        planes = self._rows(session, inputs, "planes", (len(self._row_columns), self.selection.bits))
        active = self._rows(session, inputs, "active", (len(self._candidates),))
        return self.selection.run(session, planes, active, pooled, terms.minimum_count, terms.allow_extremes)

    def _rows(
        self, session: Session, inputs: Sequence[Mapping[str, Any]], block: str, lead: tuple[int, ...]
    ) -> SecretBits:
        """All holders' rows side by side: `[*lead, rows]` bits."""
        return session.bits([given[block] for given in inputs], lead)

    # --- at the recipient -----------------------------------------------------------------------

    def at_recipient(self, words: Words) -> tuple[StatisticOutcome, ...]:
        """The outcomes from the opened output vector; exact integers until the last float division.

        Raises `ProtocolAbort` for a vector of another length than `output_elements`, and `RangeError` if
        a check on shares failed.
        """
        if words.shape != (self.output_elements,):
            raise ProtocolAbort(
                f"An opened result has not the {self.output_elements} words that the plan gives it.",
                remedy="Ask again; if it stays so, the parties run other versions.",
            )
        count, limbs = len(self.counts), sum(item.limbs for item in self.sums)
        cuts = np.cumsum([count, count, limbs, len(self.targets)])
        flags, counts, sums, target_flags, target_values = np.split(words, cuts)
        if np.any(flags == BROKEN):
            raise RangeError(
                f"The result is suppressed (rule {CHECKED}): it does not hold that {ranges.WHY}.",
                remedy="Ask the operators of the holders to register the data set again.",
            )
        opened: list[dict[str, int | None]] = [{} for _ in self.cells]
        for place, (cell, quantity) in enumerate(self.counts):
            opened[cell][quantity.name] = int(counts[place]) if flags[place] else None
        start = 0
        for item in self.sums:
            part = sums[start : start + item.limbs].reshape(-1, 1)
            opened[item.cell][item.quantity.name] = from_limbs(part)[0] if flags[item.governor] else None
            start += item.limbs
        for place, (cell, goal) in enumerate(self.targets):
            opened[cell][goal.name] = int(target_values[place]) if target_flags[place] else None
        return tuple(_outcome(cell, values) for cell, values in zip(self.cells, opened, strict=True))


def _settled(session: Session, demands: Sequence[Callable[[], Any]]) -> SecretTensor | None:
    """1 if any of the demands fails; they are checked side by side."""
    session.gather(*demands)
    return checks.settle(session.runtime)


def _sentence(cell: _Cell) -> str:
    """What opens of a cell, and under which rule."""
    where = ", ".join(f"{name} = {level}" for name, level in cell.group) or "all selected rows"
    targets = cell.statistic.targets()
    names = [item.name for item in cell.statistic.quantities()] + [goal.name for goal in targets]
    sentence = f"{' '.join((cell.statistic.kind, *cell.statistic.columns))} for {where}: {', '.join(names)}, "
    sentence += f"each only if its count passes the minimum count (rule {RULE})"
    if any(not goal.extreme for goal in targets):
        sentence += "; percentiles only with as many records on each side"
    if any(goal.extreme for goal in targets):
        sentence += "; extremes only if every holder allows them"
    return sentence


def _outcome(cell: _Cell, opened: Mapping[str, int | None]) -> StatisticOutcome:
    values = cell.statistic.finish(opened)
    hidden = tuple(name for name, value in values.items() if value is None)
    return StatisticOutcome(cell.statistic.kind, cell.statistic.columns, cell.group, values, hidden)
