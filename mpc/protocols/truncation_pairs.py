"""Truncation by a dealt pair, exact but for the last bit: the arithmetic. Messages are the protocols' own.

Dalskov, Escudero, Keller (PoPETs 2020, eprint 2019/131, section 5): compute the wrap instead of hoping that
none occurs. Let z' = z + 2^62, so 0 <= z' < 2^63, and r uniform. Opened is c = z' + r; then

    z'' = ((c mod 2^63) >> m)  -  ((r mod 2^63) >> m)  +  (c_63 xor r_63) * 2^(63-m)  -  2^(62-m)

is the floor or the ceiling of z / 2^m, the nearer one with the higher probability. Whoever knows r deals
shares of the pair (r mod 2^63) >> m and r_63 * 2^(63-m); the rest is local.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from mpc.errors import RangeError
from mpc.kernels import reference as kernels

#: The most bits that a truncation drops.
MAX_SHIFT: Final = 62
#: Makes |z| < 2^62 positive.
OFFSET: Final = 1 << 62
_LOW_63: Final = (1 << 63) - 1


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


def pair_of(r: Tensor, bits: int | Tensor) -> tuple[Tensor, Tensor]:
    """What is dealt of r: its lower 63 bits shifted, and its top bit in the place where the wrap counts."""
    return kernels.shift_right(r & _LOW_63, bits), kernels.shift_right(r, 63) << (63 - bits)


def share_of_shifted(
    opened: Tensor, pair: tuple[Tensor, Tensor], bits: int | Tensor, *, first: bool
) -> Tensor:
    """A party's additive share of z'' from c and its shares of the pair; the `first` adds what is public."""
    low, top = pair
    wrapped = kernels.shift_right(opened, 63)
    share = (1 - 2 * wrapped) * top - low
    if first:
        share = share + kernels.shift_right(opened & _LOW_63, bits) + (wrapped << (63 - bits))
        share = share - (torch.tensor(1) << (62 - bits))
    return share
