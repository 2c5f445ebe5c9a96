"""Powers of 2 and of e over their whole range: a separable function of 14 octaves at a time.

2^x of 14 octaves fits a word with all its digits (`mpc.protocols.separable.Octaves`). Where x may be in more,
comparisons find its octaves; the value is truncated for each stretch, and the one that counts is chosen.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch

from mpc.checks import demand
from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions import exact
from mpc.functions.normalised import binary_scale, stated
from mpc.protocols.branches import both
from mpc.protocols.separable import Octaves
from mpc.protocols.shifts import MAX_SHIFT
from mpc.tensor import SecretTensor

#: The finest scale of exponents and results.
MAX_EXP_BITS = 26
#: Words of results stay below 2^60.
RESULT_BITS = 60
#: Octaves of one stretch: half an octave less on both sides than a table of 16 tells apart.
STRETCH: Final = 14
#: A word of an angle is 16 octaves.
OCTAVE: Final = 1 << 60
#: Up to results of so many bits the error is said in units, above it is relative.
_EXACT_BITS: Final = 22
_MIDDLE: Final = range(6, 11)
#: Relative error 2^-22.5, most of it at the low end of a stretch.
TABLE: Final = Octaves(dealt_bits=22, part_bits=27)
_TABLE_BITS: Final = TABLE.dealt_bits + TABLE.part_bits


def exp(x: SecretTensor, *, most: float | None = None) -> SecretTensor:
    """e^x at x's scale, of at least 16 fraction bits.

    Error: below 2 units in the last place plus 2^-22 of the result. `most` is a public upper bound on x,
    which is demanded to hold (`mpc.checks`); without it x's own bound. To cut off instead: `mpc.clip` first.
    Raises `RangeError` before anything runs if e^most leaves the ring, and for decimals. 3 rounds where x's
    bound is 4.8, 10 within 16 (docs/tables.md).
    """
    stated("most", most, above=-math.inf)
    scale = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    top = x.bound / x.scale.factor if most is None else most
    if top * x.scale.factor >= x.bound:
        return exp_up_to(x, top)
    high = math.floor(top * x.scale.factor)
    check_exponent(top * exact.LOG2_E, scale, "most=..., a public upper bound on x")
    made, above = both(
        x.protocol, lambda: exp_up_to(x, top), lambda: x.view(scale=INTEGER).reshape(-1) > high
    )
    demand(above, f"an exponential: no exponent is above {top:g}")
    return made


def exp_up_to(x: SecretTensor, top: float, scale: Scale | None = None) -> SecretTensor:
    """e^x at `scale`, or x's own, where x <= `top` by construction, or by a demand."""
    scale = scale or binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    top = min(top, x.bound / x.scale.factor)
    check_exponent(top * exact.LOG2_E, scale, "most=..., a public upper bound on x")
    flat = x.view(scale=INTEGER).reshape(-1)
    made = exp2(flat, x.scale.factor * exact.LN2, scale, top * exact.LOG2_E)
    return made.reshape(*x.shape)


def check_exponent(top: float, scale: Scale, remedy: str) -> None:
    """`RangeError` if 2^top leaves the ring."""
    if top + scale.bits >= RESULT_BITS:
        raise RangeError(f"A power of up to 2^{top:.1f} leaves the ring.", remedy=f"State {remedy}.")


def exp2(x: SecretTensor, octave: float, scale: Scale, top: float) -> SecretTensor:
    """2^(x / octave) of `[n]` words at `scale`; none is above `top` octaves, what is 0 at that scale is 0.

    3 rounds for one stretch, else 4 more than a comparison. Each stretch takes a truncation, each but the
    first a comparison; a table of 16 words is dealt once.
    """
    bases = _bases(scale, top, x.bound / octave)
    lowest = bases[-1] > -x.bound / octave
    edges = [math.ceil(base * octave) for base in (bases if lowest else bases[:-1])]
    if not edges:
        return _bounded(_stretches(x, None, octave, bases, scale)[0], scale, top)
    size = x.shape[0]
    reached = x.broadcast_to((len(edges), size)) >= np.array(edges).reshape(-1, 1)
    values = _stretches(x, reached[: len(bases) - 1], octave, bases, scale)

    def weights(flags: torch.Tensor) -> torch.Tensor:
        return torch.cat((flags[:1], flags.diff(dim=0)))

    chosen = reached.linear(weights)
    if not lowest:  # the last stretch is what is left
        chosen = _with_rest(chosen)
    share = x.protocol.dot(values.T.share, chosen.T.share)
    return _bounded(x.like(share, scale=INTEGER, bound=1), scale, top)


def _bases(scale: Scale, top: float, reach: float) -> list[int]:
    """Where the stretches that x can be in begin, highest first: as far down as anything is not 0."""
    high = max(math.floor(top) + 1, _TABLE_BITS + STRETCH - MAX_SHIFT - scale.bits)
    # results of 2^22 units, the largest whose last unit counts, are to be in the middle of a stretch; of the
    # terms of a sum, which have finer scales, the greatest count
    largest = _EXACT_BITS - scale.bits
    place = (largest - high) % STRETCH
    if scale.bits <= MAX_EXP_BITS and largest < high and place not in _MIDDLE:
        raised = high + (place - _MIDDLE[-1]) % STRETCH
        high = min(raised, _TABLE_BITS + STRETCH - 1 - scale.bits)
    bases = [high - STRETCH]
    while bases[-1] > -min(reach, scale.bits + 2) and _drop(bases[-1] - STRETCH, scale) <= MAX_SHIFT:
        bases.append(bases[-1] - STRETCH)
    return bases


def _drop(base: int, scale: Scale) -> int:
    """Fraction bits that a stretch's value has above those of the result."""
    return _TABLE_BITS - base - scale.bits


def _stretches(
    x: SecretTensor, above: SecretTensor | None, octave: float, bases: list[int], scale: Scale
) -> SecretTensor:
    """`[stretches, n]`: 2^x for each, right where x is in it. `above`: flags of all bases but the last."""
    step, down = round(OCTAVE / octave), -STRETCH % 16

    def angles(words: torch.Tensor, *flags: torch.Tensor) -> torch.Tensor:
        made = words * step
        return made + flags[0].sum(0) * (down * OCTAVE) if flags else made

    shares = [x.share] if above is None else [x.share, above.share]
    start = OCTAVE // 2 - bases[-1] * OCTAVE
    angle = x.protocol.add_public(x.protocol.linear(angles, *shares), _word(start))
    drops = torch.tensor([_drop(base, scale) for base in bases]).reshape(-1, 1)
    share = x.protocol.separable(angle, TABLE, drops)
    share = x.protocol.add_public(share, torch.ones_like(drops) << (MAX_SHIFT - drops))
    return x.like(share, scale=INTEGER, bound=1)


def _word(number: int) -> torch.Tensor:
    """A whole number mod 2^64."""
    return torch.tensor([(number + 2**63) % 2**64 - 2**63])


def _with_rest(weights: SecretTensor) -> SecretTensor:
    """One row more: what the others lack to 1."""
    rest = weights.linear(lambda words: torch.cat((words, -words.sum(0, keepdim=True))))
    last = torch.zeros((rest.shape[0], 1), dtype=torch.int64)
    last[-1] = 1
    return rest.like(rest.protocol.add_public(rest.share, last), bound=1)


def _bounded(made: SecretTensor, scale: Scale, top: float) -> SecretTensor:
    bound = int(exact.exp2(max(top, 0.0)) * scale.factor * (1 + 2.0**-20)) + 4
    return made.view(scale=scale, bound=bound)
