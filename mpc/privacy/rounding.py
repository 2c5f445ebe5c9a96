"""Rule `rounding`: counts open as the nearest multiple of a public base, ties up.

The same count always opens as the same multiple, so asking again tells nothing more. It is computed on shares
and exact: a public reciprocal, one truncation, one correction. Nothing opens here.
(Hundepool et al., Statistical Disclosure Control, 2012, section 5.4.1: conventional rounding.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpc.errors import RangeError

if TYPE_CHECKING:
    from mpc.tensor import SecretTensor

RULE: Final = "rounding"


def nearest(counts: SecretTensor, base: int) -> SecretTensor:
    """Counts of any shape, not below 0, each as the nearest multiple of `base`; halves go up. Exact.

    A truncation (2 rounds; 8, 8 and 16 B an element) and a comparison of as many bits as the base has; of a
    base of 1 no message. Reveals nothing. `RangeError` for a base below 1, and for counts whose bound is
    beyond about 2^30.
    """
    if base < 1:
        raise RangeError("The base of a rounding is below 1.", remedy="Use at least 1.")
    if base == 1:
        return counts
    return _quotient(counts + base // 2, base) * base


def _quotient(x: SecretTensor, base: int) -> SecretTensor:
    """floor(x / base), for words from 0 to their bound.

    The reciprocal is above 2^shift / base by at most 1 and x * base below 2^shift, so the product's floor is
    the quotient; truncation may give the ceiling, which the sign of the rest tells.
    """
    shift = (x.bound * base).bit_length()
    guess = (x * ((1 << shift) // base + 1)).shifted_down(shift).view(bound=x.bound // base + 1)
    over = (x - guess * base).view(bound=base) < 0
    return (guess - over).view(bound=x.bound // base)
