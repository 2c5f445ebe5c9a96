"""Rule `steps`: of a curve over public points, those may open between which enough events lie.

A curve that opens at every point tells each record's own time. Here the events between any two points that
open are k beside any single holder's, as the minimum count has it, and k are at risk where they begin. Which
points those are depends on the events, so it is secret, and found without a scan: over the points stands the
binary tree whose blocks are 2^l neighbours, and every inner end t of a block is the middle of exactly one
block. Point t opens if both halves of that block pass; the last point opens if all points together do.

Why it holds: let s < t open next to each other, as the middles of S and of T. If T lies in S's right half,
T's left half lies between them; if S lies in T's left half, S's right half does; if they are apart, S's right
half does. So there is always a half between them that passes. A point that does not open says that one half
has fewer than k beside the largest holder's (or that too few are at risk): what any suppressed count says.
Where a point inside the other half opens, it says which half.

Blocks that pass stay within blocks that pass, so there is nothing to be carried down the tree: a comparison,
ceil(log2 holders) products and one more, two with those at risk, whatever the number of points. Nothing opens
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

import mpc
from mpc.privacy import minimum_count
from mpc.privacy.minimum_count import all_of
from mpc.privacy.terms import Terms

if TYPE_CHECKING:
    from mpc.encoding import Words
    from mpc.tensor import SecretTensor

RULE: Final = "steps"


def passes(events: SecretTensor, terms: Terms, at_risk: SecretTensor | None = None) -> SecretTensor:
    """0/1 flags `[..., points]` of each holder's events `[holders, ..., points]`: where a step may end.

    `at_risk`, of the same shape, counts those at risk at each point: a point opens only if k are where the
    next step begins, and none if they are not at the first point. Without it, events alone decide, which is
    the same where all that have an event are at risk from the first point on.

    Rounds as the module says; about 2 comparisons and 2 products a point and holder, 3 with `at_risk`.
    Reveals nothing. `RangeError` for counts whose sum over the points would leave the ring.
    """
    points = events.shape[-1]
    counts = _blocks(events) if at_risk is None else mpc.concat([_blocks(events), at_risk], axis=-1)
    flat = counts.reshape(counts.shape[0], -1)
    single = minimum_count.passes(flat, terms.minimum_count, [False] * flat.shape[1])
    flags = single.reshape(*counts.shape[1:])
    whole, left, right = flags[..., :1], flags[..., 1:points], flags[..., points : 2 * points - 1]
    factors = [mpc.concat([half, whole], axis=-1) for half in (left, right)]
    if at_risk is not None:
        risk = flags[..., 2 * points - 1 :]
        first = risk[..., :1]
        # beside each point's next step stands the first one, without which there is no curve
        factors += [mpc.concat([risk[..., 1:], first], axis=-1), first.broadcast_to(risk.shape)]
    return all_of(mpc.stack(factors))


def _blocks(events: SecretTensor) -> SecretTensor:
    """`[holders, ..., 2 points - 1]` events: of all points, then left and right of each inner end."""
    points = events.shape[-1]
    starts, ends = halves(points)
    before = mpc.concat([events[..., :1] * 0, mpc.cumulative_sum(events, -1)], axis=-1)
    blocks = mpc.take(before, ends, -1) - mpc.take(before, starts, -1)
    return blocks.view(bound=events.bound * points)


def halves(points: int) -> tuple[Words, Words]:
    """`[2 points - 1]` the places where blocks start and end: all, left halves, right halves.

    Half number t - 1 of either kind is that of the block whose middle is t. Blocks are cut at the last point.
    """
    middles = np.arange(1, points, dtype=np.int64)
    sizes = middles & -middles
    starts = np.concatenate([[0], middles - sizes, middles])
    return starts, np.concatenate([[points], middles, np.minimum(middles + sizes, points)])
