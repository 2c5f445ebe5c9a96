"""Rule `dominance`: a sum stays closed where few contributions make it up, or could be estimated from it.

Two classical rules for magnitude tables, on contributions |x| (of a sum of products |x y|, of squares x^2) of
which x1 >= x2 >= ... are the pooled largest and T the pooled total. Both are multiplied out and exact; a
total of 0 passes, since there is nothing to estimate, and the minimum count decides.

(n, k): closed if x1 + ... + xn > k % of T.
p %: closed if an intruder who takes what it knows off T gets closer than p % to the largest of what it does
not know. The intruders are the second largest contributor, T - x1 - x2 < p % of x1, and every holder h, which
knows all of its own records, T - T_h - y < p % of y, where y is the largest of the others': x1, or, for the
holder of x1, the largest of the second holder. Where every holder lets a single one suffice
(`allow_single_holder`) holders are no intruders. Of squares p is (1 + p %)^2 - 1, rounded up: who estimates
x^2 so closely has |x| to within p %.

A holder shares its own total and its `MAX_DOMINANT` largest. Those of two holders are merged in a step of a
tournament: where lists are in order, an element's place is told by the comparisons with the other list, and
their differences are the 0/1 weights of the places. Nothing opens here.

Rounds: ceil(log2 holders) times a comparison and a product, one comparison, one product and
ceil(log2(holders + 2)) of them.
(Hundepool et al., Statistical Disclosure Control, 2012, section 4.2: the rules and their intruders.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

import mpc
from mpc.encoding import Words
from mpc.privacy.minimum_count import all_of
from mpc.privacy.terms import MAX_DOMINANT, Terms
from mpc.sums import exact_dot, exact_sum

if TYPE_CHECKING:
    from mpc.tensor import SecretTensor

RULE: Final = "dominance"
#: Scaled totals stay below: 500 of them, as many as an inequality sums, are below 2^62.
MAX_TOTAL_BITS: Final = 53
#: Of products, so many of the largest as floats have the largest among them, up to what floats tell apart.
_CANDIDATES: Final = 16


# --- at the holder --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaling:
    """How contributions become words, by a shift to the right; bounds on a pooled total and on a value."""

    shift: int
    total: int
    value: int


def scaling(magnitude: int, total_rows: int) -> Scaling:
    """That of contributions |x| <= `magnitude` in at most `total_rows` rows of all holders.

    The shift is 0, and the rule exact, while their product is below 2^53.
    """
    bound = magnitude * total_rows
    shift = max(0, bound.bit_length() - MAX_TOTAL_BITS)
    return Scaling(shift, max(1, bound >> shift), max(1, _ceiling(magnitude, shift)))


def contributions(factors: Sequence[Words], shift: int) -> tuple[int, Words]:
    """The total of |x|, or of |x y|, and the `MAX_DOMINANT` largest, descending, of a cell's words below
    2^52.

    In units of 2^shift: the total rounded down and the largest up, so that the rule errs on the closed side,
    by at most a unit each.
    """
    sizes = [np.abs(words) for words in factors]
    total = exact_dot(*sizes) if len(sizes) > 1 else exact_sum(*sizes)
    floats = np.prod([words.astype(np.float64) for words in sizes], axis=0)
    count = min(_CANDIDATES, floats.size)
    places = np.argpartition(floats, -count)[-count:].tolist() if count else []
    found = sorted((math.prod(int(words[place]) for words in sizes) for place in places), reverse=True)
    largest = np.zeros(MAX_DOMINANT, dtype=np.int64)
    for place, size in enumerate(found[:MAX_DOMINANT]):
        largest[place] = _ceiling(size, shift)
    return total >> shift, largest


def _ceiling(value: int, shift: int) -> int:
    return -(-value >> shift)


# --- on shares ------------------------------------------------------------------------------------


def passes(
    totals: SecretTensor, largest: SecretTensor, terms: Terms, squares: npt.NDArray[np.bool_] | None = None
) -> SecretTensor:
    """0/1 flags `[m]` of each holder's totals `[holders, m]` and `[holders, m, MAX_DOMINANT]` largest.

    `squares` `[m]`: which contributions are squares; without it, none. Integers of `contributions`, in a
    common unit. `totals.bound` is to hold for the pooled totals, `largest.bound` for a value; lists are to
    be descending and 0 beyond a holder's records. Whatever a holder shares instead, flags are 0 or 1. Cost as
    the module says; none where both rules are off. Reveals nothing. `RangeError` for bounds beyond
    `scaling`'s.
    """
    records = terms.dominance_records if terms.dominance_percent < 100 else 0  # all is never more than all
    depth = max(records, 2 if terms.p_percent else 0)
    cells = totals.shape[1]
    if depth == 0:
        return totals.lift(np.ones(cells, dtype=np.int64))
    holders = bool(terms.p_percent) and not terms.allow_single_holder
    lists = [largest[:, :, :depth]]
    if holders:  # the largest of each holder, beside them: their first two are those of two holders
        lists.append(mpc.concat([largest[:, :, :1], largest[:, :, 1:depth] * 0], axis=-1))
    top = pooled_largest(mpc.concat(lists, axis=1))
    total = totals.sum(0).view(bound=totals.bound)
    percent = np.full(cells, terms.p_percent, dtype=np.int64)
    if squares is not None:
        percent[squares] = -(-((100 + terms.p_percent) ** 2) // 100) - 100
    margins = _of_contributors(total, top[:cells], records, terms, percent)
    if not holders:
        return all_of(margins >= 0)
    others = (total.reshape(1, -1) - totals).view(bound=totals.bound)
    own = _of_holders(others, largest[:, :, 0], top[cells:], percent)
    flags = mpc.concat([margins, *own]) >= 0
    rules = margins.shape[0]
    first, second, has_first = _thirds(flags[rules:])
    return all_of(mpc.concat([flags[:rules], mpc.where(has_first, second, first)]))


def _of_contributors(
    total: SecretTensor, top: SecretTensor, records: int, terms: Terms, percent: Words
) -> SecretTensor:
    """`[rules, m]`: not below 0 where contributors neither dominate nor come close to each other."""
    margins = []
    if records:
        margins.append(total * terms.dominance_percent - top[:, :records].sum(1) * 100)
    if terms.p_percent:
        margins.append(_protection(total - top[:, 1], top[:, 0], percent))
    return mpc.stack(margins)


def _of_holders(
    others: SecretTensor, own: SecretTensor, top: SecretTensor, percent: Words
) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
    """`[holders, m]` each: x1 and the second holder's largest are protected, and whether x1 is its own.

    Where two holders have an x1, the second holder's is as large, so that it does not matter whose it is.
    """
    first, second = top[:, 0], top[:, 1]
    return _protection(others, first, percent), _protection(others, second, percent), own - first


def _thirds(flags: SecretTensor) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
    count = flags.shape[0] // 3
    return flags[:count], flags[count : 2 * count], flags[2 * count :]


def _protection(known: SecretTensor, first: SecretTensor, percent: Words) -> SecretTensor:
    """100 (known - x1) - p x1: not below 0 where x1 is protected from who is left with `known`."""
    return known * 100 - first * (100 + percent)


def pooled_largest(largest: SecretTensor) -> SecretTensor:
    """`[m, n]` the n largest of all, descending, of `[holders, m, n]` lists that are.

    ceil(log2 holders) times n (n + 1) / 2 comparisons, in the rounds of one, and n products, for each pair of
    lists. Reveals nothing.
    """
    while largest.shape[0] > 1:
        half = largest.shape[0] // 2
        merged = _merged(largest[:half], largest[half : 2 * half])
        largest = merged if largest.shape[0] % 2 == 0 else mpc.concat([merged, largest[2 * half :]])
    return largest[0]


def _merged(x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """The n largest of two descending lists `[..., n]`, descending."""
    count, lead = x.shape[-1], x.shape[:-1]
    left, right, steps, start = _weights(count)
    before = x[..., left] >= y[..., right]
    weights = (before @ steps + start).view(bound=1)  # one of each place's is 1
    values = mpc.concat([x, y], axis=-1).reshape(*lead, 1, 2 * count)
    return weights.reshape(*lead, count, 2 * count).vecdot(values).view(bound=x.bound)


def _weights(count: int) -> tuple[list[int], list[int], Words, Words]:
    """Which elements to compare, and how the weights of each place follow from that, flat `[n, 2 n]`.

    With c(i, j) = [x_i >= y_j], c(0, j) = 1 and c(i, 0) = 0, counted from 1: x_i has place k if it comes
    before y_(k-i+1) and not before y_(k-i), which is c(i, k-i+1) - c(i, k-i); y_j likewise.
    """
    pairs = [(i, j) for i in range(1, count + 1) for j in range(1, count + 2 - i)]
    steps = np.zeros((len(pairs) + 2, count, 2 * count), dtype=np.int64)  # and one row each for c = 1 and 0
    row = {pair: place for place, pair in enumerate(pairs)}
    row |= {(0, j): len(pairs) for j in range(1, count + 1)} | {(i, 0): -1 for i in range(1, count + 1)}
    for k in range(1, count + 1):
        for own in range(1, k + 1):
            steps[row[own, k - own + 1], k - 1, own - 1] += 1
            steps[row[own, k - own], k - 1, own - 1] -= 1
            steps[row[k - own, own], k - 1, count + own - 1] += 1
            steps[row[k - own + 1, own], k - 1, count + own - 1] -= 1
    flat = steps.reshape(len(steps), -1)
    return [i - 1 for i, _ in pairs], [j - 1 for _, j in pairs], flat[: len(pairs)], flat[len(pairs)]
