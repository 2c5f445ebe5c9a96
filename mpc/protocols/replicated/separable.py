"""Separable functions of a share (`mpc.protocols.separable`): nothing is opened.

x = x_1 + (x_0 + x_2), and P0 and P1 know x_1 while P2 knows the rest: c = x_1 and r = -(x_0 + x_2) are held
as it is. P0's part of what P2 deals is their common stream, P1 is sent the difference. Then P0 and P1 have
additive parts of the value, which they truncate (`truncation`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mpc.protocols.base import Cost
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.replicated.truncation import truncate_parts, truncate_parts_cost
from mpc.protocols.runtime import Runtime
from mpc.protocols.separable import Separable, for_each


def separable(
    runtime: Runtime, x: ReplicatedShare, function: Separable, bits: int | Tensor
) -> ReplicatedShare:
    """f of `[n]` words, `bits` fraction bits less: floor or ceiling of the value that rounding left.

    `[k, 1]` shifts make `[k, n]`: the same value with as many truncations. Three rounds; P2 sends 8 B for
    each of the function's rows, and each truncation costs what `truncate_parts_cost` says.
    """
    step, party = runtime.step("separable"), runtime.party
    shape = (function.rows, x.own.numel())
    if party == 2:
        words = function.dealt(runtime.kernels, -(x.own + x.next))
        step.send(1, words - step.mask(0, shape))
        part = torch.zeros_like(x.own)
    else:
        dealt = step.mask(2, shape) if party == 0 else step.recv(2, shape)[0]
        known = x.next if party == 0 else x.own
        part = function.part(runtime.kernels, known, dealt, first=party == 0)
    return truncate_parts(runtime, for_each(bits, part), bits)


def separable_cost(elements: int, rows: int, truncations: int = 1) -> Cost:
    """The dealt words from P2, and the truncations."""
    end = truncate_parts_cost(elements * truncations)
    return Cost(1 + end.rounds, (end.sent[0], end.sent[1], end.sent[2] + 8 * rows * elements))


__all__ = ["separable", "separable_cost"]
