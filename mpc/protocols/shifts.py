"""Truncation by a dealt pair, exact but for the last bit: what the protocols have in common.

Dalskov, Escudero, Keller (PoPETs 2020, eprint 2019/131, section 5): compute the wrap instead of hoping that
none occurs. Let z' = z + 2^62, so 0 <= z' < 2^63, and r uniform. Opened is c = z' + r; then

    z'' = ((c mod 2^63) >> m)  -  ((r mod 2^63) >> m)  +  (c_63 xor r_63) * 2^(63-m)  -  2^(62-m)

is the floor or the ceiling of z / 2^m, the nearer one with the higher probability. Whoever knows r deals
shares of the pair (r mod 2^63) >> m and r_63 * 2^(63-m) (`Kernels.truncation_pair`); the rest is local
(`Kernels.truncation_share`).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from mpc.errors import RangeError

#: The most bits that a truncation drops.
MAX_SHIFT: Final = 62
#: Makes |z| < 2^62 positive.
OFFSET: Final = 1 << 62


def in_reach(bits: int | Tensor) -> bool:
    """Whether all public shifts are from 1 to `MAX_SHIFT`."""
    shifts = torch.as_tensor(bits)
    return not shifts.numel() or 1 <= int(shifts.min()) <= int(shifts.max()) <= MAX_SHIFT


def check_shifts(bits: int | Tensor) -> None:
    """`RangeError` unless they are `in_reach`."""
    if not in_reach(bits):
        raise RangeError(
            f"A truncation drops 1 to {MAX_SHIFT} bits.", remedy="Leave out a shift by 0; beyond, take 0."
        )
