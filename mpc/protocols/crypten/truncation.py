"""Truncation that is exact but for the last bit, from dealt pairs; in place of CrypTen's own.

CrypTen divides each party's share by itself (two parties), or counts wraps and leaves a term out (more): off
by 2^(64-m) with probability |x| / 2^64. Here the dealer deals parts of a uniform r, of r' = (r mod 2^63) >> m
and of r's top bit times 2^(63-m); the parties open c = x + 2^62 + r, which is uniform, and take

    ((c mod 2^63) >> m) - r' + (c_63 xor r_63) 2^(63-m) - 2^(62-m)

Floor or ceiling of x / 2^m for |x| < 2^62. (After Dalskov, Escudero, Keller, PoPETs 2020, eprint 2019/131,
section 5, as `replicated/truncation.py`.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mpc.errors import RangeError
from mpc.kernels import reference as kernels
from mpc.protocols.crypten.dealer import Deals, Request

_OFFSET = 1 << 62
_LOW_63 = (1 << 63) - 1
_ONE = torch.tensor(1)
MAX_SHIFT = 62


def truncate(
    deals: Deals, exchange: Callable[[Tensor], Tensor], party: int, part: Tensor, bits: int | Tensor
) -> Tensor:
    """This party's part of the shifted value. `exchange` opens the sum of the parties' words."""
    shape = tuple(part.shape)
    shifts = torch.as_tensor(bits).expand(shape).contiguous()
    if shifts.numel() and not 1 <= int(shifts.min()) <= int(shifts.max()) <= MAX_SHIFT:
        raise RangeError(
            f"A truncation drops 1 to {MAX_SHIFT} bits.", remedy="Leave out a shift by 0; beyond, take 0."
        )
    r, low, top = deals.take(Request("truncate", (shape,)), [shape] * 3, shifts)
    masked = part + r + (_OFFSET if party == 0 else 0)
    opened = exchange(masked)
    high = kernels.shift_right(opened, 63)
    share = (1 - 2 * high) * top - low
    if party == 0:
        share = share + kernels.shift_right(opened & _LOW_63, shifts) + (high << (63 - shifts))
        share = share - (_ONE << (62 - shifts))
    return share
