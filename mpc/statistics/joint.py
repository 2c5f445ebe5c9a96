"""One joint query: what each holder shares, what runs on shares, what the recipient makes of it.

Sums over rows are aggregated by the holder, and only shares of the sums travel; programs run on shared rows.
The output is what the gate lets through: for each count what it says and the count, the limbs of the sums,
then for each program flags and values.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import numpy.typing as npt

import mpc
from mpc.encoding import INTEGER, Words, from_limbs, to_limbs
from mpc.errors import ProtocolAbort, RangeError
from mpc.privacy import dominance, rounding
from mpc.privacy.complement import Table
from mpc.privacy.complement import kept as kept_open
from mpc.privacy.gate import BROKEN, CHECKED, Gate, Released, Ruled
from mpc.privacy.guard import WHY, Guard, too_close
from mpc.privacy.minimum_count import RULE, least, passes
from mpc.privacy.terms import MAX_DOMINANT, Terms
from mpc.statistics import ranges
from mpc.statistics.layout import Cell, Layout, Weight
from mpc.statistics.outcome import Outcome
from mpc.statistics.program import Block, Given, RowProgram
from mpc.statistics.rows import Rows, group_places

if TYPE_CHECKING:
    from mpc.protocols.base import Cost
    from mpc.session import Session
    from mpc.tensor import SecretTensor

#: Of a SHA-256 digest.
_DIGEST: Final = bytes(32)
#: A weight: the total of what is contributed, and the largest contributions.
WEIGHT_WORDS: Final = 1 + MAX_DOMINANT


@dataclass(frozen=True, repr=False)
class Answer:
    """What may be sealed, and 0/1 `[counts]` of what opens, of which each party keeps its share."""

    released: Released
    opens: SecretTensor

    def __repr__(self) -> str:
        return "Answer(redacted)"


@dataclass(frozen=True, eq=False, repr=False)
class Memory:
    """A holder's masks of earlier cohorts: over its rows, and over rows that have changed, as `Guard` has
    them."""

    earlier: npt.NDArray[np.bool_]
    drifted: npt.NDArray[np.bool_]

    def __repr__(self) -> str:
        return "Memory(redacted)"


class JointQuery(Layout):
    """Statistics by public groups over rows that `len(rows_at_most)` holders keep."""

    #: what the question is compared with, and its tables whose totals may be known
    guard: Guard | None = None
    tables: tuple[Table, ...] = ()

    def beside(self, guard: Guard, tables: Sequence[Table]) -> Self:
        """The same question, to be answered beside earlier ones."""
        made = copy.copy(self)
        made.guard, made.tables = guard, tuple(tables)
        return made

    # --- what is public -------------------------------------------------------------------------

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """What holder number `holder` shares."""
        blocks = [Block("counts", len(self.counts), "arithmetic")]
        if self.sums:
            blocks.append(Block("sums", self._limbs, "arithmetic"))
        if self.weights:
            blocks.append(Block("weights", WEIGHT_WORDS * len(self.weights), "arithmetic"))
        if self.guard is not None and self.guard.elements:
            blocks.append(Block("atoms", self.guard.elements, "arithmetic"))
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
        sums = len(self.sums) + self._limbs
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

    # --- at the holder --------------------------------------------------------------------------

    def at_holder(self, rows: Rows, holder: int, memory: Memory | None = None) -> dict[str, Words]:
        """The words of each block for this holder's own selected rows.

        `memory`: of earlier cohorts; None where the query stands beside none. Raises `RangeError` if the rows
        do not fit what the plan says of them in public.
        """
        self._check_rows(rows, holder)
        blocks = self._sums_of(rows)
        for program, _ in self.programs:
            blocks |= {
                _named(program, name): words for name, words in program.at_holder(rows, holder).items()
            }
        if self.guard is not None and self.guard.elements:
            blocks["atoms"] = self._atoms_of(rows, self.guard, memory or _remembers_nothing(rows.count))
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
        present = [
            np.logical_and.reduce(
                [np.ones(rows.count, bool), *(rows.present[name] for name in layer.present)]
            )
            for layer in guard.layers
        ]
        return guard.at_holder(memory.earlier, memory.drifted, self.cohorts(rows), present)

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
            words = own.words[weight.column.name][mask & own.present[weight.column.name]]
            total, largest = dominance.contributions(words, self._scaling(weight).shift)
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

    def _scaling(self, weight: Weight) -> dominance.Scaling:
        return dominance.scaling(weight.column.magnitude, self.facts.total_rows)

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
            passed = passed * kept_open(counts, passed, _joined(earlier, passed), self.tables, terms)
        close = self._compared(session, blocks, earlier, passed, terms)
        gate = Gate(passed, broken)
        ruled = self._ruled_sums(blocks, weighed, terms)
        ruled += [
            Ruled(flags, values, [one.count for one in program.wanted])
            for (flags, values), (program, _) in zip(made, self.programs, strict=True)
        ]
        return Answer(gate.release(shown, ruled), gate.opens), close

    def _weighed(self, words: SecretTensor | None, terms: Terms) -> SecretTensor | None:
        """0/1 `[weights]`: which sums nobody dominates."""
        if words is None:
            return None
        shaped = words.reshape(words.shape[0], len(self.weights), WEIGHT_WORDS)
        scales = [self._scaling(weight) for weight in self.weights]
        totals = shaped[:, :, 0].view(bound=max(one.total for one in scales))
        largest = shaped[:, :, 1:].view(bound=max(one.value for one in scales))
        return dominance.passes(totals, largest, terms)

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
            width = max(len(item.weights) for item in self.sums)
            for turn in range(width):  # a product of two columns at most: x and y of a correlation
                places = [(*item.weights, *[-1] * width)[turn] for item in self.sums]
                flags = flags * every[places]
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
            scales = [self._scaling(weight) for weight in self.weights]
            high = [[one.total, *[one.value] * MAX_DOMINANT] for one in scales]
            ends["weights"] = ranges.up_to(high)
        if self.guard is not None and self.guard.elements:
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
        sizes += [len(self.sums), self._limbs] if self.sums else []
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


def _named(program: RowProgram, block: str) -> str:
    """A program's block among those of the query."""
    return f"{program.name}/{block}"


def _own(program: RowProgram, shares: Given) -> Given:
    """A program's own blocks, by its own names."""
    prefix = _named(program, "")
    return {name.removeprefix(prefix): share for name, share in shares.items() if name.startswith(prefix)}


def _remembers_nothing(rows: int) -> Memory:
    none = np.zeros((0, rows), dtype=np.bool_)
    return Memory(none, none)


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
