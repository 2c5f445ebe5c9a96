"""Where many cohorts look at few records: the public part of the rule `cohort-budget` for parts of the data.

Exact counts of enough cohorts tell every record of a small set apart, though no combination of them tells of
fewer than k (Dinur and Nissim, PODS 2003: about 2 n / log n answers for n records). It is the records in some
but not all of a family of cohorts that these tell apart, its *region*: cohorts that all contain the same
million others say no less of the few where they differ. So of every family that is looked at, no more may
have opened than the records of its region allow.

Which families matter depends on how many records the atoms hold, a secret. These are looked at: cohorts are
joined into families one by one, always those whose common region is the smallest, once by its part of the
attribute space and once by its atoms.

Nothing here is secret: all of it follows from the predicates asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Cohorts that are joined into families; of more, those of the smallest part of the attribute space.
MOST: Final = 200


@dataclass(frozen=True, eq=False)
class Regions:
    """Families `[f, cohorts]` of three cohorts and more, and the region of each `[f, atoms]`."""

    families: Bools
    atoms: Bools


def regions(distinct: Bools, new: Bools, widths: Integers) -> Regions:
    """The families in which a new cohort takes part.

    `distinct` `[cohorts, atoms]`: which atoms a cohort contains; `new` `[cohorts]`. `widths` `[atoms]`: parts
    of the attribute space, whose sum is below 2^52. All parties get the same list: only exact numbers decide,
    and ties go by place.
    """
    cohorts, atoms = distinct.shape
    found: dict[bytes, Bools] = {}
    if cohorts > 2 and distinct.sum(0).max(initial=0) > 1:  # cohorts that exclude each other tell no more
        sizes = distinct @ widths.astype(np.float64)
        chosen = np.sort(np.argsort(sizes, kind="stable")[:MOST])
        for weights in (widths, np.ones(atoms)):
            for family in _joined(distinct[chosen], weights.astype(np.float64)):
                whole = np.zeros(cohorts, dtype=np.bool_)
                whole[chosen[family]] = True
                if whole[new].any():
                    found[whole.tobytes()] = whole
    families = np.array(list(found.values()), dtype=np.bool_).reshape(len(found), cohorts)
    return Regions(families, _regions_of(families, distinct))


def _regions_of(families: Bools, distinct: Bools) -> Bools:
    """The atoms that are in some, but not in all of a family's cohorts."""
    covered = families.astype(np.float32) @ distinct.astype(np.float32)
    return np.asarray((covered > 0) & (covered < families.sum(1, keepdims=True)))


def _joined(sets: Bools, weights: Floats) -> list[Integers]:
    """The families of three and more that arise as the two of the smallest common region are joined."""
    members = [np.array([place]) for place in range(len(sets))]
    union, common = sets.astype(np.float64), sets.astype(np.float64)
    cost = np.array([_costs(place, union, common, weights) for place in range(len(sets))])
    np.fill_diagonal(cost, np.inf)
    found: list[Integers] = []
    for _ in range(len(sets) - 1):
        first, second = sorted(divmod(int(cost.argmin()), len(sets)))
        members[first] = np.sort(np.concatenate([members[first], members[second]]))
        union[first] = np.maximum(union[first], union[second])
        common[first] *= common[second]
        cost[second], cost[:, second] = np.inf, np.inf
        alive = np.isfinite(cost[first])
        cost[first, alive] = _costs(first, union, common, weights)[alive]
        cost[alive, first] = cost[first, alive]
        if len(members[first]) > 2:
            found.append(members[first])
    return found


def _costs(place: int, union: Floats, common: Floats, weights: Floats) -> Floats:
    """The weight of the common region of one family with each; exact, as all numbers are below 2^53."""
    mine, shared = union[place] * weights, common[place] * weights
    return np.asarray(union @ weights + mine.sum() - union @ mine - common @ shared)
