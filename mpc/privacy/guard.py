"""Rule `differencing`: a question is answered only if no difference with earlier answers tells of a few.

The counts of a question are of *cohorts*, sets of records. Whoever knows the sizes (or sums) of several can
add and subtract them: all patients less those under 90, or Denning's trackers. Such a combination is a
function of the records; if it is zero for all but fewer than k of them, it tells of those few.

Earlier and new cohorts together cut the attribute space into public *atoms*, on which all of them are
constant (`Layer.told`). Which combinations are worth a look follows from that in public (`combinations`). How
many records of which holder an atom has, and which cohorts opened, are secrets: each holder shares its own
counts of records by atom, and the parties keep shares of what opened before. On shares: a cohort that stayed
closed drops out of a combination; what is left is looked at atom by atom; the records where it is not zero
must pass the minimum count, as a count of its own would. One bit opens, to the parties: whether all do.

Cohorts of which the records have changed since (`drifted`) are compared in pairs, by the sizes of the
symmetric differences that holders count from the masks that they keep.

Dinur and Nissim (PODS 2003) show what no such rule can stop: exact answers to very many questions. So a study
may ask of a limited number of cohorts, of all records and of those of any region (rule `cohort-budget`,
`regions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

import mpc
from mpc.encoding import Words
from mpc.errors import RangeError, TooClose
from mpc.privacy.combinations import Combinations, combinations, copies_of
from mpc.privacy.minimum_count import passes
from mpc.privacy.regions import Regions, regions
from mpc.privacy.terms import Terms

if TYPE_CHECKING:
    from mpc.session import Session
    from mpc.tensor import SecretTensor

RULE: Final = "differencing"
BUDGET: Final = "cohort-budget"
WHY: Final = f"whether the question is too close to earlier ones (rule {RULE}): one bit"
Masks = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layer:
    """Cohorts of records that have a value in `present`, over the atoms that they make.

    `told` `[cohorts, atoms]`; the first `old` are earlier ones'. `members[c]`: the place of the count that
    opens cohort c, earlier ones' counts first; of its records those with a value in `needs[c]`, and, if that
    is a column, without one in `lacks[c]`. `missing` `[columns, atoms]`: atoms of records without a value in
    a column whose gaps are nobody's secret; `depends` `[cohorts, columns]`: which cohorts ask for that
    column and leave its gaps out. A difference that lies in such gaps alone tells how many there are among
    records that others decide, and that is allowed. Not so beside a cohort that `picks` among the gaps, such
    as `missing(column) and id < 9`. `whole`: what all records come to is known, though nobody asked.
    `widths` `[atoms]`: their parts of the attribute space.
    """

    told: Masks
    old: int
    widths: Integers
    members: Integers
    present: tuple[str, ...]
    missing: Masks
    depends: Masks
    picks: Masks
    needs: tuple[tuple[str, ...], ...]
    lacks: tuple[str, ...]
    whole: bool = True

    @property
    def atoms(self) -> int:
        """How many."""
        return int(self.told.shape[1])

    @cached_property
    def found(self) -> Combinations:
        """What is worth a look."""
        return combinations(self.told, self.old, whole=self.whole)

    @cached_property
    def crowded(self) -> tuple[tuple[tuple[int, ...], ...], Regions]:
        """Where many cohorts may look at few records: copies of cohorts, and families of these.

        Cohorts that differ in gaps alone count as copies, unless one picks among the gaps.
        """
        seen = ~self.missing[~self.picks.any(0)].any(0)
        told = self.told & seen
        copies = tuple(group for group in copies_of(told) if told[group[0]].any())
        new = np.array([group[-1] >= self.old for group in copies], dtype=np.bool_)
        return copies, regions(told[[group[0] for group in copies]], new, self.widths)

    def _gaps(self, used: Masks) -> Masks:
        """`[n, atoms]`: where only gaps are, for combinations of these `[n, distinct]` cohorts."""
        copies = [list(group) for group in self.found.copies]
        depends = np.array([self.depends[group].any(0) for group in copies]).reshape(len(copies), -1)
        picks = np.array([self.picks[group].any(0) for group in copies]).reshape(len(copies), -1)
        taken = used.astype(np.int64)
        columns = (taken @ depends.astype(np.int64) > 0) & (taken @ picks.astype(np.int64) == 0)
        gaps: Masks = (columns.astype(np.int64) @ self.missing.astype(np.int64)) > 0
        return gaps

    @cached_property
    def pairs(self) -> tuple[Integers, Integers, Masks]:
        """Two distinct cohorts each, and the atoms that count of their difference.

        A cohort with itself: what it leaves of all records.
        """
        found = self.found
        alone = np.flatnonzero(self._alone)
        single = np.argmax(found.coefficients[alone] != 0, axis=1)
        first = np.concatenate([found.pairs.first, single])
        second = np.concatenate([found.pairs.second, single])
        support = np.concatenate([found.pairs.support, ~found.distinct[single]])
        used = np.zeros((len(first), len(found.copies)), dtype=np.bool_)
        rows = np.arange(len(first))
        used[rows, first] = used[rows, second] = True
        counted = support & ~self._gaps(used)
        kept = counted.any(1)
        return first[kept], second[kept], counted[kept]

    @property
    def _alone(self) -> Masks:
        """Which combinations are all records less one cohort."""
        alone: Masks = (self.found.coefficients != 0).sum(1) == 1
        return alone

    @cached_property
    def entries(self) -> Entries:
        """The larger combinations, atom by atom."""
        found, many = self.found, ~self._alone
        everything = np.ones((1, self.atoms), dtype=np.bool_)
        return Entries.of(
            np.column_stack([found.coefficients, found.constant])[many],
            np.concatenate([found.distinct, everything]),
            self._gaps(found.coefficients[many] != 0),
        )

    @cached_property
    def once(self) -> Integers:
        """The places of distinct cohorts: which rows belong to one says which belong to its copies."""
        return np.array([group[0] for group in copies_of(self.told)], dtype=np.int64)

    def own(self, masks: Masks, present: Mapping[str, npt.NDArray[np.bool_]]) -> Masks:
        """`[once, rows of the layer]` from masks of all rows, gaps not counted; those are changed."""
        for mask, place in zip(masks, self.once, strict=True):
            for name in self.needs[place]:
                mask &= present[name]  # noqa: PLW2901 - a view, changed in place
            if self.lacks[place]:
                mask &= ~present[self.lacks[place]]  # noqa: PLW2901
        for name in self.present:
            masks = masks[:, present[name]]
        return masks

    def places(self, masks: Masks) -> Integers:
        """`[rows]` the atom of each row, by its memberships `[once, rows]`. `RangeError` if it has none."""
        weights = np.random.default_rng(_SEED).integers(1, 2**63, len(masks), dtype=np.uint64)
        keys, wanted = _hashes(masks, weights), _hashes(self.told[self.once], weights)
        order = np.argsort(wanted)
        found = order[np.searchsorted(wanted[order], keys).clip(max=self.atoms - 1)]
        if np.any(wanted[found] != keys):
            raise RangeError(
                "A holder has a record that belongs to a combination of cohorts that cannot be.",
                remedy="Make sure that all parties run the same version, and report it.",
            )
        places: Integers = found.astype(np.int64)
        return places


#: Pairs times atoms that are summed at once.
_CHUNK: Final = 1 << 22
#: Rows of a holder, with those that are gone.
MAX_ROWS: Final = 2 * 10**9
#: Any fixed numbers will do: they tell memberships apart, and protect nothing.
_SEED: Final = 20160768


def _hashes(masks: Masks, weights: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """`[n]` of the columns of `[cohorts, n]`: sums of weights modulo 2^64, eight cohorts at a time."""
    total = np.zeros(masks.shape[1], dtype=np.uint64)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8).reshape(-1, 1), axis=1).astype(np.uint64)
    padded = np.zeros(-(-len(masks) // 8) * 8, dtype=np.uint64)
    padded[: len(masks)] = weights
    for packed, eight in zip(np.packbits(masks, axis=0), padded.reshape(-1, 8), strict=True):
        total += (bits * eight).sum(1, dtype=np.uint64)[packed]
    return total


@dataclass(frozen=True, eq=False)
class Entries:
    """Combinations, entry by entry: combination `row[e]` on atom `atom[e]` is the sum of its terms.

    Term t adds `factor[t]` times the flag of `cohort[t]` to entry `entry[t]`; the last cohort is all records,
    whose number is known.
    """

    rows: int
    row: Integers
    atom: Integers
    entry: Integers
    cohort: Integers
    factor: Integers

    @classmethod
    def of(cls, coefficients: Integers, distinct: Masks, gaps: Masks) -> Entries:
        """Of `[c, cohorts]` coefficients over `[cohorts, atoms]`; without those in `gaps`."""
        touched = ((coefficients != 0).astype(np.float32) @ distinct.astype(np.float32) > 0) & ~gaps
        row, atom = np.nonzero(touched)
        number = np.full(touched.shape, -1, dtype=np.int64)
        number[row, atom] = np.arange(row.size)
        combination, cohort = np.nonzero(coefficients)
        term, place = np.nonzero(distinct[cohort] & touched[combination])
        entry = number[combination[term], place]
        factor = coefficients[combination, cohort][term]
        return cls(len(coefficients), row, atom, entry, cohort[term], factor)


_NONE: Final[Integers] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Guard:
    """What a question is compared with: public, the same at holders, parties and the recipient.

    `earlier`: counts of earlier questions, the last `drifted` of them over records that have changed.
    `counts`: of the question. `layers`: of those that have not. `cohorts`: how many have been asked for with
    this question, each once where they are combined. `paired`: holders count differences with all earlier
    ones.
    """

    earlier: int
    drifted: int
    counts: int
    layers: tuple[Layer, ...]
    cohorts: int
    paired: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """The columns of which a holder has to know which rows have a value."""
        asked = [names for layer in self.layers for names in (layer.present, layer.lacks, *layer.needs)]
        return frozenset(name for names in asked for name in names) - {""}

    @property
    def _compared(self) -> int:
        """How many earlier cohorts, the last ones, are compared in pairs that holders count."""
        return self.earlier if self.paired else self.drifted

    @property
    def elements(self) -> int:
        """Words of the block that each holder shares: records by atom; then, of drifted cohorts,
        differences."""
        pairs = self._compared * self.counts
        return sum(layer.atoms for layer in self.layers) + (pairs + 1 if pairs else 0)

    def most(self, rows: int) -> int:
        """The greatest word of that block, of a holder with at most so many rows now."""
        return MAX_ROWS if self._compared else rows

    def at_holder(
        self, earlier: Masks, drifted: Masks, own: Masks, present: Mapping[str, npt.NDArray[np.bool_]]
    ) -> Words:
        """That block. `earlier` `[earlier - drifted, rows]`, `own` `[counts, rows]`.

        `drifted` `[drifted, rows and those that are gone]`. `present`: by column, the rows with a value.
        """
        every = np.concatenate([earlier, own])
        numbers = {
            place: at
            for at, place in enumerate(
                (*range(len(earlier)), *range(self.earlier, self.earlier + self.counts))
            )
        }
        parts: list[Words] = []
        for layer in self.layers:
            masks = every[[numbers[int(place)] for place in layer.members[layer.once]]]
            parts.append(np.bincount(layer.places(layer.own(masks, present)), minlength=layer.atoms))
        if self._compared and self.counts:
            parts.append(self._differences(earlier if self.paired else earlier[:0], drifted, own))
        return np.concatenate(parts).astype(np.int64) if parts else _NONE

    def _differences(self, earlier: Masks, drifted: Masks, own: Masks) -> Words:
        """For each own cohort its difference with each of these, and the number of rows, with those gone."""
        gone = drifted.shape[1] - own.shape[1]
        then = np.concatenate([np.pad(earlier, ((0, 0), (0, gone))), drifted])
        packed, now = np.packbits(then, axis=1), np.packbits(np.pad(own, ((0, 0), (0, gone))), axis=1)
        found = [np.bitwise_count(packed ^ mask).sum(1, dtype=np.int64) for mask in now]
        return np.concatenate([*found, [drifted.shape[1]]]).astype(np.int64)

    def too_close(
        self,
        session: Session,
        shared: SecretTensor,
        opened: SecretTensor | None,
        opens: SecretTensor,
        terms: Terms,
    ) -> SecretTensor | None:
        """1 if a difference tells of fewer than k records, else 0; None if there is nothing to compare.

        `shared` `[holders, elements]`; `opened` `[earlier]` and `opens` `[counts]`: 0/1, what has opened and
        what would. Opens nothing. About 30 rounds, whatever the number of cohorts. Raises `TooClose` where
        there are more pairs than can be looked at.
        """
        flags = opens if opened is None else mpc.concat([opened, opens])
        if not all(layer.found.pairs.complete for layer in self.layers):
            raise too_many()
        parts = np.cumsum([layer.atoms for layer in self.layers]).tolist()
        branches = [
            partial(_layer, layer, shared[:, end - layer.atoms : end], flags, terms)
            for layer, end in zip(self.layers, parts, strict=True)
        ]
        if self._compared and self.counts:
            start = parts[-1] if parts else 0
            branches.append(partial(self._pairs, shared[:, start:], flags, terms))
        found = [one for part in session.gather(*branches) for one in part]
        if not found:
            return None
        return mpc.concat(found).sum() > 0

    def _pairs(self, shared: SecretTensor, flags: SecretTensor, terms: Terms) -> list[SecretTensor]:
        """Of pairs with cohorts whose records have changed: their symmetric difference, and its
        complement."""
        differences, total = shared[:, :-1], shared[:, -1:]
        complements = total.broadcast_to(differences.shape) - differences
        # the same question again differs by nobody; which questions are the same is not looked at here
        differ = differences.sum(0) > 0
        few = 1 - _pass(mpc.concat([differences, complements], 1), terms)
        small = few.view(bound=1) * mpc.concat([differ, differ.lift(np.ones(differ.size, dtype=np.int64))])
        earlier = np.tile(np.arange(self.earlier - self._compared, self.earlier), self.counts)
        own = np.repeat(np.arange(self.earlier, self.earlier + self.counts), self._compared)
        both = flags[earlier] * flags[own]
        return [mpc.concat([both, both]) * small.view(bound=1)]


def _layer(layer: Layer, records: SecretTensor, flags: SecretTensor, terms: Terms) -> list[SecretTensor]:
    """0/1 words, 1 for each combination that tells of fewer than k records."""
    known = _any_copy(layer, layer.found.copies, flags)
    found = []
    first, second, counted = layer.pairs
    if first.size:
        step = max(1, _CHUNK // layer.atoms)
        parts = [counted[start : start + step].T for start in range(0, first.size, step)]
        sizes = mpc.concat([records @ part.astype(np.int64) for part in parts], 1)
        found.append((known[first] * known[second]) * _tells(layer, sizes, terms))
    if layer.entries.row.size:
        found.append(_combined(layer, records, known, terms))
    if layer.whole and terms.records_per_cohort:
        copies, crowded = layer.crowded
        if len(crowded.families):
            once = known if copies == layer.found.copies else _any_copy(layer, copies, flags)
            found.append(_crowded(crowded, records, once, terms))
    return found


def _crowded(crowded: Regions, records: SecretTensor, known: SecretTensor, terms: Terms) -> SecretTensor:
    """0/1 of families of cohorts: whether more of them open than the records of their region allow.

    The first of a family tells nothing apart, so each of the others needs its records.
    """
    there = records.sum(0) @ crowded.atoms.T.astype(np.int64)
    opened = known @ crowded.families.T.astype(np.int64)
    return (opened - 1) * terms.records_per_cohort > there


def _any_copy(layer: Layer, copies: Sequence[Sequence[int]], flags: SecretTensor) -> SecretTensor:
    """`[distinct]` whether any of the counts opens that are of the same cohort."""
    groups = [layer.members[list(group)] for group in copies]
    first = flags[[int(group[0]) for group in groups]]
    several = [place for place, group in enumerate(groups) if len(set(group.tolist())) > 1]
    if not several:
        return first
    totals = mpc.stack([flags[sorted(set(groups[place].tolist()))].sum() for place in several])
    some = totals > 0
    rest = [place for place in range(len(groups)) if place not in set(several)]
    order = np.argsort([*rest, *several])
    return mpc.concat([first[rest], some])[order].view(bound=1) if rest else some


def _tells(layer: Layer, sizes: SecretTensor, terms: Terms) -> SecretTensor:
    """0/1 of sets of `[holders, n]` records: whether there are too few of them.

    That nobody is in one is told by counts; a sum over nobody tells of no value.
    """
    small = (1 - _pass(sizes, terms)).view(bound=1)
    return small if layer.whole else small * (sizes.sum(0) > 0)


def _combined(layer: Layer, records: SecretTensor, known: SecretTensor, terms: Terms) -> SecretTensor:
    """Of the larger combinations. A product of what is not zero with every holder's records of the atom."""
    entries = layer.entries
    known = mpc.concat([known, known.lift(np.ones(1, dtype=np.int64))])
    values = mpc.sum_by(known[entries.cohort] * entries.factor, entries.entry, entries.row.size)
    told = values != 0
    here = told.reshape(1, -1).broadcast_to((records.shape[0], entries.row.size)) * records[:, entries.atom]
    sizes = mpc.sum_by(here, entries.row, entries.rows)
    anything = mpc.sum_by(told, entries.row, entries.rows) > 0
    return anything * _tells(layer, sizes, terms)


def over_budget(cohorts: int, records: int, terms: Terms) -> bool:
    """Whether so many cohorts of `records` registered ones are too many (rule `cohort-budget`)."""
    return cohorts * terms.records_per_cohort > records


def too_close() -> TooClose:
    """The refusal, which says nothing of the size of the difference, nor with what."""
    return TooClose(
        "The question is too close to questions that were answered before: together they could tell of "
        f"fewer records than the minimum count (rule {RULE}), or too much of a small part of the records "
        f"(rule {BUDGET}).",
        remedy="Ask for larger groups, for groups that differ by more, or use the earlier answers.",
    )


def too_many(above_all: Sequence[str] = ()) -> TooClose:
    """The refusal where combinations cannot all be looked at; `above_all`: the columns that are cut most."""
    by = f": above all by {', '.join(above_all)}" if above_all else ""
    return TooClose(
        "This question and the earlier ones of its study and analyst cut the data in too many ways to look "
        f"at all their combinations (rule {RULE}){by}.",
        remedy="Ask of columns and limits that were used before. Columns of which no value is missing cost "
        "less if the schema says that they are complete.",
    )


def _pass(counts: SecretTensor, terms: Terms) -> SecretTensor:
    return passes(counts, terms.minimum_count, single_holder=terms.allow_single_holder)
