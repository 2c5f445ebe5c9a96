"""One joint query: what each holder shares, what runs on shares, what the recipient makes of it.

Sums over rows are aggregated by the holder, and only shares of the sums travel; programs run on shared rows.
The output is what the gate lets through: for each count what it says and the count, the limbs of the sums,
then for each program flags and values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import mpc
from mpc.encoding import INTEGER, Words, from_limbs
from mpc.errors import ProtocolAbort, RangeError
from mpc.privacy import dominance, rounding
from mpc.privacy.complement import kept as kept_open
from mpc.privacy.gate import BROKEN, CHECKED, Gate, Released, Ruled
from mpc.privacy.guard import WHY, too_close
from mpc.privacy.minimum_count import RULE, least, passes
from mpc.privacy.terms import MAX_DOMINANT, Terms
from mpc.statistics import ranges
from mpc.statistics.holding import WEIGHT_WORDS, Holding, named
from mpc.statistics.layout import Cell
from mpc.statistics.outcome import Outcome
from mpc.statistics.program import CountedTarget, Given, RowProgram

if TYPE_CHECKING:
    from mpc.protocols.base import Cost
    from mpc.session import Session
    from mpc.tensor import SecretTensor

#: Of a SHA-256 digest.
_DIGEST: Final = bytes(32)


@dataclass(frozen=True, repr=False)
class Answer:
    """What may be sealed, and 0/1 `[told]` of what opens, of which each party keeps its share."""

    released: Released
    opens: SecretTensor

    def __repr__(self) -> str:
        return "Answer(redacted)"


class JointQuery(Holding):
    """Statistics by public groups over rows that `len(rows_at_most)` holders keep."""

    # --- what is public -------------------------------------------------------------------------

    @property
    def output_elements(self) -> int:
        """Words of the released vector."""
        sums = len(self.sums) + self.limbs
        return 2 * len(self.counts) + sums + 2 * sum(len(cells) for _, cells in self.programs)

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

        def program(session: Session) -> Answer:
            def zeros(count: int) -> Any:
                return session.public(np.zeros(count, dtype=np.int64)).share

            given = {
                str(holder): {block.name: zeros(block.elements) for block in self.blocks_for(holder)}
                for holder in range(len(self.facts.rows_at_most))
            }
            earlier = [zeros(self.guard.earlier)] if self.guard is not None and self.guard.earlier else []
            return self.compute(session, given, terms, _DIGEST, earlier)

        return mpc.rehearse(program)

    # --- on shares ------------------------------------------------------------------------------

    def compute(
        self,
        session: Session,
        inputs: Mapping[str, Given],
        terms: Terms,
        digest: bytes,
        opened: Sequence[Any] = (),
    ) -> Answer:
        """From the holders' shares, by name in the plan's order, to what may be sealed.

        `opened`: this party's shares of what earlier questions opened, in the guard's order. First the
        parties compare `digest`, of their public parameters, and the copies of the shares. Raises
        `ProtocolAbort` and `InputMismatch` for what differs, `TooClose` where the guard does not let it be
        answered.
        """
        session.agree(digest, "the plan's parameters")
        kept = {"what opened earlier": list(opened)} if opened else {}
        session.protocol.compare_copies({name: list(given.values()) for name, given in inputs.items()} | kept)
        answer, close = self.on_shares(session, list(inputs.values()), terms, opened)
        session.require_settled()
        if close is not None and session.open(close, why=WHY).item():
            raise too_close()
        self._require_declared(session)
        return answer

    def _require_declared(self, session: Session) -> None:
        """`ProtocolAbort` if something was opened on the way that no program declares."""
        declared = frozenset({WHY}).union(*(program.opens for program, _ in self.programs))
        undeclared = {opening.why for opening in session.openings} - declared
        if undeclared:
            raise ProtocolAbort(
                f"A program opened what it does not declare: {'; '.join(sorted(undeclared))}.",
                remedy="Do not release this result; report the statistic.",
            )

    def on_shares(
        self, session: Session, inputs: Sequence[Given], terms: Terms, opened: Sequence[Any] = ()
    ) -> tuple[Answer, SecretTensor | None]:
        """What the gate lets through, and whether the question is too close to earlier ones (None: not
        asked).

        `inputs[h][block]` is the flat share of holder h's block; its words are checked against the catalogue.
        Reveals nothing; traffic depends on public facts only. Rounds: about 16, and those of the programs.
        """
        blocks, demands = self._received(session, inputs)
        counts = blocks["counts"]
        pooled = counts.sum(0).view(bound=self.facts.total_rows)
        minimum = least(terms, [count.quantity.parameters for count in self.counts])
        empty = [count.empty for count in self.counts]
        branches: list[Callable[[], Any]] = [
            partial(_settled, session, demands),
            partial(passes, counts, minimum, empty, single_holder=terms.allow_single_holder),
            partial(self._weighed, blocks.get("weights"), terms),
            partial(rounding.nearest, pooled, terms.round_to),
        ]
        for program, _ in self.programs:
            given = [_own(program, shares) for shares in inputs]
            branches.append(partial(program.on_shares, session, given, pooled, terms))
        broken, passed, weighed, shown, *made = session.gather(*branches)
        earlier = mpc.concat([session.secret(one, INTEGER, 1) for one in opened]) if opened else None
        if self.tables:
            known, records = _joined(earlier, passed), self._records(blocks)
            passed = passed * kept_open(counts, passed, known, self.tables, terms, records)
        close = self._compared(session, blocks, earlier, self._opening(passed, made), terms)
        gate = Gate(passed, broken)
        ruled = self._ruled_sums(blocks, weighed, terms)
        ruled += [
            Ruled(flags, values, [one.count for one in program.wanted])
            for (flags, values), (program, _) in zip(made, self.programs, strict=True)
        ]
        released = gate.release(shown, ruled)
        computed = released.flags[len(ruled) - len(self.programs) :]
        return Answer(released, mpc.concat([gate.opens, *self._counted(computed)])), close

    def _opening(
        self, passed: SecretTensor, made: Sequence[tuple[SecretTensor, SecretTensor]]
    ) -> SecretTensor:
        """0/1 `[told]`: which cohorts would open."""
        chosen = [
            flags[places] * passed[[program.wanted[place].count for place in places]]
            for (flags, _), (program, _) in zip(made, self.programs, strict=True)
            if (places := _counts_of(program))
        ]
        return mpc.concat([passed, *chosen]).view(bound=1) if chosen else passed

    def _counted(self, flags: Sequence[SecretTensor]) -> list[SecretTensor]:
        """Of the programs' flags those of values that are counts."""
        pairs = zip(flags, (program for program, _ in self.programs), strict=True)
        return [one[_counts_of(program)] for one, program in pairs if _counts_of(program)]

    def _records(self, blocks: Mapping[str, SecretTensor]) -> SecretTensor | None:
        """`[holders, atoms]` of the guard's first layer, if it has one."""
        if self.guard is None or not self.guard.layers:
            return None
        return blocks["atoms"][:, : self.guard.layers[0].atoms]

    def _weighed(self, words: SecretTensor | None, terms: Terms) -> SecretTensor | None:
        """0/1 `[weights]`: which sums nobody dominates."""
        if words is None:
            return None
        shaped = words.reshape(words.shape[0], len(self.weights), WEIGHT_WORDS)
        scales = [self.scaling(weight) for weight in self.weights]
        totals = shaped[:, :, 0].view(bound=max(one.total for one in scales))
        largest = shaped[:, :, 1:].view(bound=max(one.value for one in scales))
        squares = np.array([weight.is_square for weight in self.weights])
        return dominance.passes(totals, largest, terms, squares)

    def _ruled_sums(
        self, blocks: Mapping[str, SecretTensor], weighed: SecretTensor | None, terms: Terms
    ) -> list[Ruled]:
        """The sums, each with one flag: that nobody dominates it, and that counts open as they are."""
        if not self.sums:
            return []
        pooled = blocks["sums"].sum(0)
        ones = pooled.lift(np.ones(len(self.sums), dtype=np.int64))
        flags = (ones if terms.round_to == 1 else ones * 0).view(bound=1)
        if weighed is not None:
            every = mpc.concat([weighed, ones[:1]]).view(bound=1)
            flags = flags * every[[item.weight for item in self.sums]]
        of = [place for place, item in enumerate(self.sums) for _ in range(item.limbs)]
        return [Ruled(flags, pooled, [item.governor for item in self.sums], of)]

    def _compared(
        self,
        session: Session,
        blocks: Mapping[str, SecretTensor],
        earlier: SecretTensor | None,
        passed: SecretTensor,
        terms: Terms,
    ) -> SecretTensor | None:
        if self.guard is None or not self.guard.elements:
            return None
        return self.guard.too_close(session, blocks["atoms"], earlier, passed, terms)

    def _received(
        self, session: Session, inputs: Sequence[Given]
    ) -> tuple[dict[str, SecretTensor], list[Callable[[], Any]]]:
        """`[holders, words]` of each block of the query's own, within the catalogue; how to check that."""
        blocks: dict[str, SecretTensor] = {}
        demands: list[Callable[[], Any]] = []
        for block, (low, high) in self._ends().items():
            bound = max(1, int(high.max()), -int(low.min()))
            words = mpc.stack([session.secret(given[block], INTEGER, bound) for given in inputs])
            blocks[block] = words
            check = partial(mpc.assume_bound, words, high, least=low, source="catalogue", what=ranges.WHY)
            demands.append(check)
        return blocks, demands

    def _ends(self) -> dict[str, ranges.Ends]:
        """The least and greatest words of each block."""
        rows = self.facts.rows_at_most
        ends = {"counts": ranges.of_counts(rows, len(self.counts))}
        if self.sums:
            ends["sums"] = ranges.of_limbs([item.bound for item in self.sums])
        if self.weights:
            scales = [self.scaling(weight) for weight in self.weights]
            high = [[one.total, *[one.value] * MAX_DOMINANT] for one in scales]
            ends["weights"] = ranges.up_to(high)
        if self.guard is not None and self.guard.elements:
            # a number below 0 would make a difference look like nobody's
            ends["atoms"] = ranges.of_counts([self.guard.most(count) for count in rows], self.guard.elements)
        return ends

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
        sizes = [len(self.counts), len(self.counts)]
        sizes += [len(self.sums), self.limbs] if self.sums else []
        sizes += [size for _, cells in self.programs for size in (len(cells), len(cells))]
        said, counts, *ruled = np.split(words, np.cumsum(sizes)[:-1])
        summed, sums = (ruled.pop(0), ruled.pop(0)) if self.sums else (counts[:0], counts[:0])
        if np.any(said == BROKEN):
            raise RangeError(
                f"The result is suppressed (rule {CHECKED}): it does not hold that {ranges.WHY}.",
                remedy="Ask the operators of the holders to register the data set again.",
            )
        opened: list[dict[str, int | None]] = [{} for _ in self.cells]
        for place, count in enumerate(self.counts):
            opened[count.cell][count.quantity.name] = int(counts[place]) if said[place] else None
        start = 0
        for item, flag in zip(self.sums, summed, strict=True):
            part = sums[start : start + item.limbs].reshape(-1, 1)
            opened[item.cell][item.quantity.name] = from_limbs(part)[0] if flag else None
            start += item.limbs
        for (program, cells), flags, values in zip(self.programs, ruled[::2], ruled[1::2], strict=True):
            for place, (one, cell) in enumerate(zip(program.wanted, cells, strict=True)):
                opened[cell][one.target.name] = int(values[place]) if flags[place] else None
        return opened


def _own(program: RowProgram, shares: Given) -> Given:
    """A program's own blocks, by its own names."""
    prefix = named(program, "")
    return {name.removeprefix(prefix): share for name, share in shares.items() if name.startswith(prefix)}


def _counts_of(program: RowProgram) -> list[int]:
    """The places of the values that are counts."""
    return [place for place, one in enumerate(program.wanted) if isinstance(one.target, CountedTarget)]


def _joined(earlier: SecretTensor | None, own: SecretTensor) -> SecretTensor:
    return own if earlier is None else mpc.concat([earlier, own])


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
