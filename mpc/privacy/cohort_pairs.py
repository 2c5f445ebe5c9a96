"""Two cohorts whose difference may be small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Differences of two cohorts, and their sums less all records where `complement`; both have to be open.

    `first`, `second`, `complement` `[p]`: places among the distinct cohorts, `first` a new one. `support`
    `[p, atoms]`: where the function is not zero: in one of the two; with `complement`, in both or none.
    `complete`: none was left out for a limit.
    """

    first: Words
    second: Words
    complement: Bools
    support: Bools
    complete: bool


def pairs(distinct: Bools, new: Bools, useful: Bools, whole: bool, most: int, entries: int) -> Pairs:
    """Of the cohorts `distinct` `[d, atoms]`, of which those `useful` take part, one of them `new`.

    Left out are pairs whose support is empty or contains one of the two, which has k records if it is open;
    and, if the number of all records is known (`whole`), differences of two that contain all atoms together:
    they are the difference of their complements, which are checked. At most `most`, and `entries` over all
    supports, those of the fewest atoms first.
    """
    atoms = distinct.shape[1]
    firsts = np.flatnonzero(new)
    sets = distinct.astype(np.float32)  # counts below 2^24 are exact
    both = (sets[firsts] @ sets.T).astype(np.int64)
    sizes = distinct.sum(axis=1, dtype=np.int64)
    once = useful[None, :] & ~(new[None, :] & (np.arange(len(distinct))[None, :] <= firsts[:, None]))
    least = np.minimum(sizes[firsts][:, None], sizes[None, :])
    either = sizes[firsts][:, None] + sizes[None, :] - both
    differences = once & (both > 0)
    complements = np.zeros_like(once)
    if whole:
        differences &= either < atoms
        complements = once & (both < least) & ~((both == 0) & (either == atoms))
    kinds = np.stack([differences, complements])
    complement, place, second = np.nonzero(kinds)
    apart = (either - both)[place, second]
    order = np.argsort(np.where(complement, atoms - apart, apart), kind="stable")
    kept = order[: min(most, entries // max(atoms, 1))]
    first, second, flip = firsts[place[kept]], second[kept], complement[kept].astype(bool)
    support = (distinct[first] ^ distinct[second]) ^ flip[:, None]
    return Pairs(first, second, flip, support, len(kept) == len(order))
