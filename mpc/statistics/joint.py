"""One joint query: what each holder shares, what runs on shares, what the recipient makes of it.

Sums over rows are aggregated by the holder, and only shares of the sums travel; programs run on shared rows.
The output is what the gate lets through: for each count what it says and the count, the limbs of the sums,
then for each program flags and values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import mpc
from mpc.encoding import INTEGER, Words, from_limbs, to_limbs
from mpc.errors import ProtocolAbort, RangeError
from mpc.privacy.gate import BROKEN, CHECKED, Gate, Released
from mpc.privacy.minimum_count import RULE, passes
from mpc.privacy.terms import Terms
from mpc.statistics import ranges
from mpc.statistics.layout import Cell, Layout
from mpc.statistics.outcome import Outcome
from mpc.statistics.program import Block, Given, RowProgram
from mpc.statistics.rows import Rows, group_places

if TYPE_CHECKING:
    from mpc.protocols.base import Cost
    from mpc.session import Session
    from mpc.tensor import SecretTensor

#: Of a SHA-256 digest.
_DIGEST: Final = bytes(32)


class JointQuery(Layout):
    """Statistics by public groups over rows that `len(rows_at_most)` holders keep."""

    # --- what is public -------------------------------------------------------------------------

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """What holder number `holder` shares."""
        blocks = [Block("counts", len(self.counts), "arithmetic")]
        if self.sums:
            blocks.append(Block("sums", self._limbs, "arithmetic"))
        for program, _ in self.programs:
            blocks += [
                Block(_named(program, block.name), block.elements, block.domain)
                for block in program.blocks_for(holder)
            ]
        return tuple(blocks)

    @cached_property
    def _limbs(self) -> int:
        return sum(item.limbs for item in self.sums)

    @property
    def output_elements(self) -> int:
        """Words of the released vector."""
        return 2 * len(self.counts) + self._limbs + 2 * sum(len(cells) for _, cells in self.programs)

    @property
    def openings(self) -> tuple[str, ...]:
        """What opens to the recipient, one sentence each."""
        on_the_way = [
            f"to the compute parties, on the way: {why}"
            for program, _ in self.programs
            for why in program.opens
        ]
        return (*self.checks, *map(_sentence, self.cells), *on_the_way)

    @property
    def extremes(self) -> tuple[str, ...]:
        """The statistics that open a smallest or a largest value."""
        found = [one for one in self.statistics if any(goal.extreme for goal in one.targets())]
        return tuple(dict.fromkeys(map(str, found)))

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

    def cost(self, terms: Terms) -> Cost:
        """What `compute` will take: bytes that each party sends exactly, and at most how many rounds."""

        def program(session: Session) -> Released:
            given = {
                str(holder): {
                    block.name: session.public(np.zeros(block.elements, dtype=np.int64)).share
                    for block in self.blocks_for(holder)
                }
                for holder in range(len(self.facts.rows_at_most))
            }
            return self.compute(session, given, terms, _DIGEST)

        return mpc.rehearse(program)

    # --- at the holder --------------------------------------------------------------------------

    def at_holder(self, rows: Rows, holder: int) -> dict[str, Words]:
        """The words of each block for this holder's own selected rows.

        Raises `RangeError` if the rows do not fit what the plan says of them in public.
        """
        self._check_rows(rows, holder)
        values = list(self._summaries(rows))
        counts = [values[count.cell][count.quantity.name] for count in self.counts]
        blocks = {"counts": np.array(counts, dtype=np.int64)}
        if self.sums:
            limbs = [
                to_limbs([values[item.cell][item.quantity.name]], item.bound)[:, 0] for item in self.sums
            ]
            blocks["sums"] = np.concatenate(limbs)
        for program, _ in self.programs:
            blocks |= {
                _named(program, name): words for name, words in program.at_holder(rows, holder).items()
            }
        return blocks

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

    def _summaries(self, rows: Rows) -> Iterator[dict[str, int]]:
        """Each cell's integers; every row is looked at once, in its own group."""
        places = group_places(rows, self.facts.columns, self.facts.group_by)
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(len(self.groups) + 1))
        for group in range(len(self.groups)):
            own = rows.take(order[ends[group] : ends[group + 1]], self.columns_used)
            for statistic in self.statistics:
                counts = iter([int(mask.sum()) for mask in statistic.cohorts(own)])
                sums = iter(statistic.sums(own))
                yield {one.name: next(counts if one.is_count else sums) for one in statistic.quantities()}

    # --- on shares ------------------------------------------------------------------------------

    def compute(self, session: Session, inputs: Mapping[str, Given], terms: Terms, digest: bytes) -> Released:
        """From the holders' shares, by name in the plan's order, to what may be sealed.

        First the parties compare `digest`, of their public parameters, and the copies of the shares. Raises
        `ProtocolAbort` and `InputMismatch` for what differs.
        """
        session.agree(digest, "the plan's parameters")
        session.protocol.compare_copies({name: list(given.values()) for name, given in inputs.items()})
        released = self.on_shares(session, list(inputs.values()), terms)
        session.require_settled()
        self._require_declared(session)
        return released

    def _require_declared(self, session: Session) -> None:
        """`ProtocolAbort` if something was opened on the way that no program declares."""
        declared = frozenset[str]().union(*(program.opens for program, _ in self.programs))
        undeclared = {opening.why for opening in session.openings} - declared
        if undeclared:
            raise ProtocolAbort(
                f"A program opened what it does not declare: {'; '.join(sorted(undeclared))}.",
                remedy="Do not release this result; report the statistic.",
            )

    def on_shares(self, session: Session, inputs: Sequence[Given], terms: Terms) -> Released:
        """What the gate lets through, `[output_elements]` words.

        `inputs[h][block]` is the flat share of holder h's block; its words are checked against the catalogue.
        Reveals nothing; traffic depends on public facts only. Rounds: about 16, and those of the programs.
        """
        blocks, demands = self._received(session, inputs)
        pooled = blocks[0].sum(0).view(bound=self.facts.total_rows)
        wide = mpc.concat([pooled, *(block.sum(0) for block in blocks[1:])])
        governors = [
            *range(len(self.counts)),
            *(item.governor for item in self.sums for _ in range(item.limbs)),
        ]
        branches: list[Callable[[], Any]] = [
            partial(_settled, session, demands),
            partial(passes, blocks[0], terms.minimum_count, [count.empty for count in self.counts]),
        ]
        for program, _ in self.programs:
            given = [_own(program, shares) for shares in inputs]
            branches.append(partial(program.on_shares, session, given, pooled, terms))
        broken, passed, *made = session.gather(*branches)
        computed = [
            (*found, [one.count for one in program.wanted])
            for found, (program, _) in zip(made, self.programs, strict=True)
        ]
        return Gate(passed, broken).release(wide, governors, computed)

    def _received(
        self, session: Session, inputs: Sequence[Given]
    ) -> tuple[list[SecretTensor], list[Callable[[], Any]]]:
        """`[holders, words]` of counts and sums, within the catalogue; how to check that."""
        ends = {"counts": ranges.of_counts(self.facts.rows_at_most, len(self.counts))}
        if self.sums:
            ends["sums"] = ranges.of_limbs([item.bound for item in self.sums])
        blocks: list[SecretTensor] = []
        demands: list[Callable[[], Any]] = []
        for block, (low, high) in ends.items():
            bound = max(1, int(high.max()), -int(low.min()))
            words = mpc.stack([session.secret(given[block], INTEGER, bound) for given in inputs])
            blocks.append(words)
            check = partial(mpc.assume_bound, words, high, least=low, source="catalogue", what=ranges.WHY)
            demands.append(check)
        return blocks, demands

    # --- at the recipient -----------------------------------------------------------------------

    def at_recipient(self, words: Words) -> list[list[Outcome]]:
        """The outcomes of each request, from the opened vector; exact integers until the last division.

        Raises `ProtocolAbort` for a vector of another length than `output_elements`, and `RangeError` if
        a check on shares failed.
        """
        if words.shape != (self.output_elements,):
            raise ProtocolAbort(
                f"An opened result has not the {self.output_elements} words that the plan gives it.",
                remedy="Ask again; if it stays so, the parties run other versions.",
            )
        opened = self._opened(words)
        outcomes = [
            Outcome(cell.statistic, cell.group, cell.statistic.finish(values))
            for cell, values in zip(self.cells, opened, strict=True)
        ]
        groups = [
            outcomes[start : start + len(self.statistics)]
            for start in range(0, len(outcomes), len(self.statistics))
        ]
        ends = list(itertools.accumulate((len(part) for part in self.asked), initial=0))
        return [
            [one for group in groups for one in group[first:end]] for first, end in itertools.pairwise(ends)
        ]

    def _opened(self, words: Words) -> list[dict[str, int | None]]:
        """Each cell's integers by name; None for what did not open."""
        sizes = [len(self.counts), len(self.counts), self._limbs]
        sizes += [size for _, cells in self.programs for size in (len(cells), len(cells))]
        said, counts, sums, *computed = np.split(words, np.cumsum(sizes)[:-1])
        if np.any(said == BROKEN):
            raise RangeError(
                f"The result is suppressed (rule {CHECKED}): it does not hold that {ranges.WHY}.",
                remedy="Ask the operators of the holders to register the data set again.",
            )
        opened: list[dict[str, int | None]] = [{} for _ in self.cells]
        for place, count in enumerate(self.counts):
            opened[count.cell][count.quantity.name] = int(counts[place]) if said[place] else None
        start = 0
        for item in self.sums:
            part = sums[start : start + item.limbs].reshape(-1, 1)
            opened[item.cell][item.quantity.name] = from_limbs(part)[0] if said[item.governor] else None
            start += item.limbs
        for (program, cells), flags, values in zip(self.programs, computed[::2], computed[1::2], strict=True):
            for place, (one, cell) in enumerate(zip(program.wanted, cells, strict=True)):
                opened[cell][one.target.name] = int(values[place]) if flags[place] else None
        return opened


def _named(program: RowProgram, block: str) -> str:
    """A program's block among those of the query."""
    return f"{program.name}/{block}"


def _own(program: RowProgram, shares: Given) -> Given:
    """A program's own blocks, by its own names."""
    prefix = _named(program, "")
    return {name.removeprefix(prefix): share for name, share in shares.items() if name.startswith(prefix)}


def _settled(session: Session, demands: Sequence[Callable[[], Any]]) -> SecretTensor | None:
    """1 if any of the demands fails; they are checked side by side."""
    session.gather(*demands)
    return session.settle()


def _sentence(cell: Cell) -> str:
    """What opens of a cell, and under which rule."""
    targets = cell.statistic.targets()
    names = [item.name for item in cell.statistic.quantities()] + [goal.name for goal in targets]
    sentence = f"{cell}: {', '.join(names)}, "
    sentence += f"each only if its count passes the minimum count (rule {RULE})"
    conditions = dict.fromkeys(goal.condition for goal in targets if goal.condition)
    return "; ".join((sentence, *conditions))
