"""What a question is compared with: its cohorts and earlier ones as public atoms (`mpc.privacy.guard`).

Every holder, party and recipient makes the same from the plans alone. The attribute space is cut at every
word that a filter, a group or a bin of these questions mentions; one point of each cell stands for it, and
the very code that selects a holder's rows says which cohorts it belongs to. Cells that belong to the same
cohorts are one atom. A holder's rows in a question differ by who takes part in it, so holders count as a
column too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import TooClose
from mpc.privacy.combinations import copies_of, near
from mpc.privacy.complement import Table
from mpc.privacy.guard import Guard, Layer, too_many
from mpc.privacy.terms import Differencing
from mpc.statistics.rows import Columns, ColumnSpec, Rows
from parties.query.compile import Question

#: Cells of the attribute space, and cells times cohorts, that are looked at for one question.
MAX_CELLS: Final = 1 << 17
MAX_WORK: Final = 1 << 27
#: Distinct cohorts of a study that are all combined with each other; of more, so many of each kind of the
#: nearest are, and all are compared in pairs, which holders count.
MAX_COMBINED: Final = 120
NEAREST: Final = 24
#: Cohorts around a table whose rest is looked at.
MAX_TOTALS: Final = 4
#: The whole attribute space has a width of so many bits.
_WIDTH_BITS: Final = 40
Masks = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cohort:
    """A cohort of a question: the count that opens it, and the columns whose values open over it.

    `gaps_of`: instead of its records, those that lack a value of this column, whose number opens beside it.
    """

    question: int
    count: int
    member: int
    values: tuple[str, ...]
    gaps_of: str = ""


@dataclass(frozen=True, eq=False)
class Grid:
    """A point of every cell of the attribute space, as rows. `lacks[c]`: those without a value in column c.

    `widths` `[cells]`: parts of the space; in a column, how many of its words a stretch has.
    """

    rows: Rows
    lacks: Mapping[str, Masks]
    widths: Integers


def guarded(question: Question, earlier: Sequence[Question], drifted: int = 0) -> Question:
    """The question beside `earlier` ones, in this order, as its plan wants them compared.

    `drifted`: so many cohorts of others that are compared in pairs alone. Raises `TooClose`
    where so many ways to cut the data come together that their combinations cannot be looked at.
    """
    level = Differencing(question.plan.differencing)
    if level == Differencing.COMBINATIONS:
        layers, distinct = _layers(question, earlier, drifted)
        told, counts = _counts(earlier) + drifted, len(question.query.told)
        paired = distinct > MAX_COMBINED
        return _beside(question, Guard(told, drifted, counts, layers, distinct + drifted, paired))
    asked = _counts([*earlier, question]) + drifted  # the same one twice counts twice: nobody compares them
    told = asked - len(question.query.told) if level == Differencing.PAIRS else 0
    return _beside(question, Guard(told, told, len(question.query.told) if told else 0, (), asked))


def _beside(question: Question, guard: Guard) -> Question:
    tables = _tables(question, guard)
    return Question(question.plan, question.schema, question.query.beside(guard, tables))


def _counts(questions: Sequence[Question]) -> int:
    return sum(len(one.query.told) for one in questions)


# --- layers -----------------------------------------------------------------------------------------


def _layers(question: Question, earlier: Sequence[Question], drifted: int) -> tuple[tuple[Layer, ...], int]:
    """One of all cohorts; and one of each column whose values open, where gaps make a difference.

    And how many distinct cohorts there are. Of many, those in the layers are the nearest.
    """
    questions = [*earlier, question]
    cohorts = _cohorts(questions, drifted)
    specs = question.schema.specs()
    first, distinct = _layer(questions, cohorts, specs, "")
    layers = [first]
    opened = dict.fromkeys(name for one in cohorts if one.question == len(earlier) for name in one.values)
    for name in opened:
        mine = [one for one in cohorts if name in one.values]
        if _has_gaps(questions, mine, specs):
            layers.append(_layer(questions, mine, specs, name)[0])
    return tuple(layers), distinct


def _cohorts(questions: Sequence[Question], drifted: int) -> list[Cohort]:
    """Those of all questions; what has drifted stands between earlier counts and those of the last
    question."""
    found = []
    member = 0
    for place, one in enumerate(questions):
        if place == len(questions) - 1:
            member += drifted
        for number, told in enumerate(one.query.told):
            found.append(Cohort(place, number, member, told.values))
            member += 1
    return found


def _has_gaps(questions: Sequence[Question], cohorts: Sequence[Cohort], specs: Columns) -> bool:
    """Whether records can lack a value that decides what these cohorts, or sums over them, are of."""
    asked = {one.question for one in cohorts}
    names = {name for place in asked for name in questions[place].cuts}
    names |= {name for one in cohorts for name in one.values}
    return any(not specs[name].complete for name in names)


def _layer(
    questions: Sequence[Question], cohorts: Sequence[Cohort], specs: Columns, values_of: str
) -> tuple[Layer, int]:
    """Of cohorts of records that have a value in `values_of`, if that is a column; how many are distinct."""
    grid = _grid(questions, cohorts, specs, values_of)
    every = _with_gaps(cohorts, grid, specs, len(questions) - 1) if not values_of else list(cohorts)
    masks = _memberships(questions, every, grid, specs, of_values=bool(values_of))
    chosen, distinct = _nearby(masks, [one.question < len(questions) - 1 for one in every])
    masks, every = masks[chosen], [every[place] for place in chosen]
    told, atom_of = _atoms(masks)
    gaps = [] if values_of else [name for name in grid.lacks if not specs[name].missing_protected]
    repeats = masks.shape[1] // grid.rows.count
    missing = [_only(np.tile(grid.lacks[name], repeats), atom_of, told.shape[1]) for name in gaps]
    picked = {place: _picked(questions[place], grid) for place in {one.question for one in every}}
    picks = [[name in picked[one.question] for name in gaps] for one in every]
    asked = [_columns_of(questions[one.question]) - picked[one.question] for one in every]
    depends = [[name in columns for name in gaps] for columns in asked]
    layer = Layer(
        told=told,
        old=sum(one.question < len(questions) - 1 for one in every),
        widths=_summed(np.tile(grid.widths, repeats), atom_of, told.shape[1]),
        members=np.array([one.member for one in every], dtype=np.int64),
        present=(values_of,) if values_of and not specs[values_of].complete else (),
        missing=np.array(missing, dtype=np.bool_).reshape(len(gaps), told.shape[1]),
        depends=np.array(depends, dtype=np.bool_).reshape(len(every), len(gaps)),
        picks=np.array(picks, dtype=np.bool_).reshape(len(every), len(gaps)),
        needs=tuple(_incomplete(one, specs) if values_of else () for one in every),
        lacks=tuple(one.gaps_of for one in every),
        whole=not values_of,
    )
    return layer, distinct


def _nearby(masks: Masks, old: Sequence[bool]) -> tuple[list[int], int]:
    """The places of the cohorts that are combined, and how many distinct ones there are in all."""
    copies = copies_of(masks)
    if len(copies) <= MAX_COMBINED:
        return list(range(len(masks))), len(copies)
    groups = sorted(copies, key=lambda group: not all(old[place] for place in group))
    earlier = sum(all(old[place] for place in group) for group in groups)
    chosen = near(masks[[group[0] for group in groups]], earlier, NEAREST)
    return sorted(place for one in chosen for place in groups[one]), len(copies)


def _incomplete(cohort: Cohort, specs: Columns) -> tuple[str, ...]:
    """The columns of which its records have a value, where not all records have one."""
    return tuple(name for name in cohort.values if not specs[name].complete)


def _columns_of(question: Question) -> frozenset[str]:
    return frozenset(question.cuts) | frozenset(question.query.columns_used)


def _picked(question: Question, grid: Grid) -> frozenset[str]:
    """The columns of its filter of which records without a value may pass it."""
    where = question.plan.where
    named = [name for name in grid.lacks if where is not None and name in where.columns]
    selected = question.select(grid.rows).selected if named else np.zeros(0, dtype=np.bool_)
    return frozenset(name for name in named if (selected & grid.lacks[name]).any())


def _with_gaps(cohorts: Sequence[Cohort], grid: Grid, specs: Columns, own: int) -> list[Cohort]:
    """Beside cohorts with a value of a column that is cut: those without one, whose number opens with
    theirs."""
    made = list(cohorts)
    for one in cohorts:
        made += [
            Cohort(one.question, one.count, one.member, (), name)
            for name in one.values[:1]
            if len(one.values) == 1 and name in grid.lacks and not specs[name].missing_protected
        ]
    return sorted(made, key=lambda one: one.question == own)


# --- the attribute space ----------------------------------------------------------------------------


def _grid(questions: Sequence[Question], cohorts: Sequence[Cohort], specs: Columns, values_of: str) -> Grid:
    """Raises `TooClose` for more cells than are looked at."""
    cuts = _all_cuts(questions, cohorts, specs, values_of)
    points = {name: _points(specs, name, words, values_of) for name, words in cuts.items()}
    cells = math.prod(len(made) for made in points.values())
    if cells > MAX_CELLS or cells * len(cohorts) > MAX_WORK or len(cohorts) > MAX_WORK >> 10:
        raise _too_many(points)
    places = np.array(list(product(*(range(len(made)) for made in points.values()))), dtype=np.int64)
    places = places.reshape(cells, len(points))
    words = {name: np.full(cells, spec.lo, dtype=np.int64) for name, spec in specs.items()}
    present = {name: np.ones(cells, dtype=np.bool_) for name in specs}
    for axis, (name, made) in enumerate(points.items()):
        chosen = np.array([specs[name].lo if word is None else word for word in made], dtype=np.int64)
        words[name] = chosen[places[:, axis]]
        present[name] = np.array([word is not None for word in made])[places[:, axis]]
    rows = Rows(cells, words, present, np.ones(cells, dtype=np.bool_))
    lacks = {name: ~present[name] for name, made in points.items() if None in made}
    return Grid(rows, lacks, _widths([_shares(specs[name], made) for name, made in points.items()], places))


def _shares(spec: ColumnSpec, points: Sequence[int | None]) -> npt.NDArray[np.float64]:
    """`[points]` which part of a column's words each stretch has; records without a value count as one
    word."""
    words = [word for word in points if word is not None]
    lengths = [end - start for start, end in pairwise([*words, spec.hi + 1])]
    lengths += [1] * (len(points) - len(words))
    return np.array([length / sum(lengths) for length in lengths])


def _widths(shares: Sequence[npt.NDArray[np.float64]], places: Integers) -> Integers:
    """`[cells]` whole numbers, the same on every machine: a fixed order of products, no sum of floats."""
    made = np.ones(len(places))
    for axis, parts in enumerate(shares):
        made *= parts[places[:, axis]]
    return np.ceil(np.ldexp(made, _WIDTH_BITS)).astype(np.int64)


def _all_cuts(
    questions: Sequence[Question], cohorts: Sequence[Cohort], specs: Columns, values_of: str
) -> dict[str, set[int]]:
    cuts: dict[str, set[int]] = {}
    for place in dict.fromkeys(one.question for one in cohorts):
        for name, words in questions[place].cuts.items():
            cuts.setdefault(name, set()).update(words)
    for one in cohorts:
        for name in one.values:  # their presence decides who is in; a protected one, in every layer
            spec = specs[name]
            if not spec.complete and (values_of or spec.missing_protected) and name != values_of:
                cuts.setdefault(name, set())
    return cuts


def _points(specs: Columns, name: str, cuts: set[int], values_of: str) -> list[int | None]:
    """The first word of each stretch that nobody cuts; None: without a value."""
    spec = specs[name]
    words: list[int | None] = [spec.lo, *sorted(word for word in cuts if spec.lo < word <= spec.hi)]
    return words if spec.complete or name == values_of else [*words, None]


def _memberships(
    questions: Sequence[Question], cohorts: Sequence[Cohort], grid: Grid, specs: Columns, *, of_values: bool
) -> Masks:
    """`[cohorts, cells times kinds of holders]`: a holder has no records in a question that does not ask it.

    `of_values`: of a cohort whose values open those records that have them; else all, and apart from these
    those without.
    """
    masks = [one.cohorts(grid.rows) for one in questions]
    whole = np.array([masks[one.question][one.count] for one in cohorts])
    for place, one in enumerate(cohorts):
        for name in _incomplete(one, specs) if of_values else ():
            whole[place] &= grid.rows.present[name]
        if one.gaps_of:
            whole[place] &= grid.lacks[one.gaps_of]
    asked = [set(one.plan.asked) for one in questions]
    names = {part.name for part in questions[-1].plan.holders}.union(*asked)
    kinds = sorted({tuple(name in one for one in asked) for name in names})
    inside = [np.array([kind[one.question] for one in cohorts]) for kind in kinds]
    return np.concatenate([whole & one[:, None] for one in inside], axis=1)


def _atoms(masks: Masks) -> tuple[Masks, Integers]:
    """`[cohorts, atoms]` the distinct columns, and which of them each is."""
    packed = np.ascontiguousarray(np.packbits(masks, axis=0).T)
    keys = packed.view([("", packed.dtype)] * packed.shape[1]).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return masks[:, first], inverse.reshape(-1).astype(np.int64)


def _summed(widths: Integers, atom_of: Integers, atoms: int) -> Integers:
    """`[atoms]`: of all cells of each."""
    return np.bincount(atom_of, weights=widths, minlength=atoms).astype(np.int64)


def _only(cells: Masks, atom_of: Integers, atoms: int) -> Masks:
    """`[atoms]`: those that have no other cells than these."""
    others = np.bincount(atom_of[~cells], minlength=atoms)
    only: Masks = others == 0
    return only


def _too_many(points: Mapping[str, Sequence[object]]) -> TooClose:
    return too_many(sorted(points, key=lambda name: -len(points[name]))[:5])


# --- tables with totals -------------------------------------------------------------------------------


def _tables(question: Question, guard: Guard) -> tuple[Table, ...]:
    """The question's tables, each with the counts of cohorts that contain all of its cells."""
    if guard.layers:
        layer = guard.layers[0]
    else:
        try:
            cohorts = _cohorts([question], guard.earlier)
            layer, _ = _layer([question], cohorts, question.schema.specs(), "")
        except TooClose:  # nothing is compared; so no total is looked for either
            return ()
    number = {int(member): place for place, member in reversed(list(enumerate(layer.members)))}
    found: list[Table] = []
    for cells in _families(question):
        # cells that cannot have records are 0 whoever is asked
        real = tuple(cell for cell in cells if layer.told[number[guard.earlier + cell]].any())
        if len(real) > 1:
            places = [number[guard.earlier + cell] for cell in real]
            found += _of_totals(layer, real, places, partly=bool(guard.layers))
    return tuple(found)


def _families(question: Question) -> list[tuple[int, ...]]:
    """Counts that exclude each other: one quantity over all groups; all bins of one statistic."""
    query = question.query
    across: dict[tuple[int, str], list[int]] = {}
    within: dict[int, list[int]] = {}
    for place, count in enumerate(query.counts):
        across.setdefault((count.cell % len(query.statistics), count.quantity.name), []).append(place)
        within.setdefault(count.cell, []).append(place)
    return [tuple(cells) for cells in (*across.values(), *within.values()) if len(cells) > 1]


def _of_totals(layer: Layer, cells: tuple[int, ...], places: Sequence[int], *, partly: bool) -> list[Table]:
    """A table for each cohort that contains these cells; none if they overlap.

    `partly`: also for cohorts that have other records too, those with the fewest atoms.
    """
    told = layer.told[list(places)]
    if told.sum(0).max(initial=0) > 1:
        return []
    union = told.any(0)
    columns = layer.depends[list(places)].any(0) & ~layer.picks[list(places)].any(0)
    gaps = layer.missing[columns].any(0) if columns.any() else np.zeros_like(union)
    around = np.flatnonzero((layer.told | ~union).all(1))
    beside: dict[bytes, list[int]] = {}
    for place in around:
        beside.setdefault((layer.told[place] & ~union & ~gaps).tobytes(), []).append(
            int(layer.members[place])
        )
    empty = np.zeros_like(union).tobytes()
    exact = [Table(cells, tuple(sorted(set(beside[empty]))))] if empty in beside else []
    others = sorted((key for key in beside if key != empty), key=lambda key: key.count(1))
    wider = [
        Table(cells, tuple(sorted(set(beside[key]))), (union | np.frombuffer(key, dtype=np.bool_)) & ~gaps)
        for key in others[:MAX_TOTALS]
    ]
    return exact + (wider if partly else [])
