"""Truncation that is exact but for the last bit, from dealt pairs; in place of CrypTen's own.

CrypTen divides each party's share by itself (two parties), or counts wraps and leaves a term out (more): off
by 2^(64-m) with probability |x| / 2^64. Here the dealer deals parts of a uniform r and of its pair
(`mpc.protocols.shifts`), and the parties open x + 2^62 + r.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mpc.protocols.crypten.dealer import Deals, Request
from mpc.protocols.runtime import Runtime
from mpc.protocols.shifts import OFFSET, check_shifts


def truncate(
    runtime: Runtime, deals: Deals, exchange: Callable[[Tensor], Tensor], part: Tensor, bits: int | Tensor
) -> Tensor:
    """This party's part of the value shifted by public `bits`. `exchange` opens a sum of all parties."""
    check_shifts(bits)
    shape, shifts = tuple(part.shape), torch.as_tensor(bits)
    r, low, top = deals.take(Request("truncate", (shape, tuple(shifts.shape))), [shape] * 3, shifts)
    first = runtime.party == 0
    opened = exchange(part + r + (OFFSET if first else 0))
    return runtime.kernels.truncation_share(opened, (low, top), bits, torch.zeros_like(r), first=first)
