"""Fixed-point products whose truncation is exact but for the last bit.

The idea is that of Dalskov, Escudero, Keller (PoPETs 2020, eprint 2019/131, section 5): compute the
wrap instead of hoping that none occurs. It is fused with the product, so that the additive parts
z_0 + z_1 + z_2 of a product are never reshared first. Two rounds, 16 bytes an output element from
each party, whatever the number of bits. Error: the result is the floor or the ceiling of z / 2^m,
the nearer one with the higher probability. Needs |z| < 2^62.

Let z' = z + 2^62, so 0 <= z' < 2^63. t_0 is known to P0 and P2, t_1 to P1 and P2.
  round 1  P0 and P1 exchange z'_0 + t_0 and z_1 + t_1: both know c = z' + r, where only P2 knows
           r = t_0 + t_1 - z_2. P2 deals two-party shares of (r mod 2^63) >> m and of r's top bit
           times 2^(63-m): P0's come from their common stream, P1 is sent the difference.
  local    (c mod 2^63) >> m  -  ((r mod 2^63) >> m)  +  (c_63 xor r_63) * 2^(63-m)  -  2^(62-m)
  round 2  P0 and P1 make their two-party shares replicated.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mpc.errors import RangeError
from mpc.kernels import reference as kernels
from mpc.protocols.base import Cost, Runtime, Step
from mpc.protocols.replicated.shares import PARTIES, ReplicatedShare

_OFFSET = 1 << 62
_ONE = torch.tensor(1)
_LOW_63 = (1 << 63) - 1
#: The most bits that a truncation drops.
MAX_SHIFT = 62


def truncate_parts(runtime: Runtime, part: Tensor, bits: int | Tensor) -> ReplicatedShare:
    """Share of floor-or-ceiling((z_0 + z_1 + z_2) / 2^bits), where `part` is this party's z_i.

    `bits` are public, from 1 to 62: one shift, or words that broadcast to the part.
    """
    shifts = torch.as_tensor(bits)
    if shifts.numel() and not 1 <= int(shifts.min()) <= int(shifts.max()) <= MAX_SHIFT:
        raise RangeError(
            f"A truncation drops 1 to {MAX_SHIFT} bits.", remedy="Leave out a shift by 0; beyond, take 0."
        )
    step, shape = runtime.step("truncate.open"), tuple(part.shape)
    if runtime.party == 2:
        _deal(step, part, bits)
        return spread(runtime, None, shape)
    if runtime.party == 0:
        part = part + _OFFSET
    masked = part + step.mask(2, shape, lane=0)
    step.send(1 - runtime.party, masked)
    opened = masked + step.recv(1 - runtime.party, shape)[0]
    return spread(runtime, _wrapped(step, opened, bits), shape)


def _deal(step: Step, part: Tensor, bits: int | Tensor) -> None:
    """P2: r, and the two-party shares of its parts."""
    shape = tuple(part.shape)
    r = step.mask(0, shape, lane=0) + step.mask(1, shape, lane=0) - part
    low = kernels.shift_right(r & _LOW_63, bits)
    top = kernels.shift_right(r, 63) << (63 - bits)
    step.send(1, low - step.mask(0, shape, lane=1), top - step.mask(0, shape, lane=2))


def _wrapped(step: Step, opened: Tensor, bits: int | Tensor) -> Tensor:
    """P0 or P1: its additive share of the truncated value, from the opened c and the dealt parts."""
    shape, party = tuple(opened.shape), step.runtime.party
    if party == 0:
        low, top = step.mask(2, shape, lane=1), step.mask(2, shape, lane=2)
    else:
        low, top = step.recv(2, shape, shape)
    c_top = kernels.shift_right(opened, 63)
    share = (1 - 2 * c_top) * top - low
    if party == 0:
        share = (
            share
            + kernels.shift_right(opened & _LOW_63, bits)
            + (c_top << (63 - bits))
            - (_ONE << (62 - bits))
        )
    return share


def spread(runtime: Runtime, part: Tensor | None, shape: tuple[int, ...]) -> ReplicatedShare:
    """Make an additive sharing between P0 and P1 replicated: one round, 8 bytes from each of the two.

    x_0 is a stream of P0 and P2, x_2 one of P1 and P2; x_1 = u_0 - x_0 + u_1 - x_2 takes one exchange.
    """
    step, party = runtime.step("spread"), runtime.party
    if part is None:
        return ReplicatedShare(step.mask(1, shape), step.mask(0, shape))
    mask = step.mask(2, shape)
    mine = part - mask
    step.send(1 - party, mine)
    middle = mine + step.recv(1 - party, shape)[0]
    return ReplicatedShare(mask, middle) if party == 0 else ReplicatedShare(middle, mask)


def truncate_cost(elements: int) -> Cost:
    return Cost(2, (16 * elements,) * PARTIES)


def truncate(runtime: Runtime, x: ReplicatedShare, bits: int | Tensor) -> ReplicatedShare:
    """Shift a share right by `bits`; needs |x| < 2^62."""
    return truncate_parts(runtime, x.own, bits)


def mul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    return truncate_parts(runtime, kernels.cross(x.pair, y.pair), bits)


def dot(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    return truncate_parts(runtime, kernels.cross(x.pair, y.pair).sum(-1), bits)


def matmul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    return truncate_parts(runtime, kernels.cross_matmul(x.pair, y.pair), bits)


def spread_cost(elements: int) -> Cost:
    return Cost(1, (8 * elements, 8 * elements, 0))


__all__ = ["dot", "matmul", "mul", "spread", "spread_cost", "truncate", "truncate_cost", "truncate_parts"]
