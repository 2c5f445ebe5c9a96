"""Fixed-point products whose truncation is exact but for the last bit (`mpc.protocols.shifts`).

The truncation is fused with the product, so that the additive parts z_0 + z_1 + z_2 of a product are never
reshared first. Two rounds, 16 bytes an output element from each party, whatever the number of bits.
Error: the floor or the ceiling of z / 2^m. Needs |z| < 2^62.

Of a product, t_0 is known to P0 and P2, t_1 to P1 and P2.
  round 1  P0 and P1 exchange z_0 + 2^62 + t_0 and z_1 + t_1: both know c = z' + r, where only P2 knows
           r = t_0 + t_1 - z_2. P2 deals two-party shares of the pair of r: P0's come from their common
           stream, P1 is sent the difference.
  round 2  P0 and P1 make their two-party shares of the truncated value replicated.

Of a share nothing has to be opened: P0 and P1 know x_1, and P2 knows x_0 + x_2, so c = x_1 + 2^62 and
r = -(x_0 + x_2). Two rounds; 8, 8 and 16 bytes an element from P0, P1 and P2.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mpc.protocols.base import Cost
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.runtime import Runtime, Step
from mpc.protocols.shifts import OFFSET, check_shifts


def truncate_parts(runtime: Runtime, part: Tensor, bits: int | Tensor) -> ReplicatedShare:
    """Share of floor-or-ceiling((z_0 + z_1 + z_2) / 2^bits), where `part` is this party's z_i.

    `bits` are public, from 1 to 62: one shift, or words that broadcast to the part.
    """
    check_shifts(bits)
    step, shape, party = runtime.step("truncate.open"), tuple(part.shape), runtime.party
    if party == 2:
        return _dealt(step, step.mask(0, shape, stream=0) + step.mask(1, shape, stream=0) - part, bits)
    if party == 0:
        part = part + OFFSET
    masked = part + step.mask(2, shape, stream=0)
    step.send(1 - party, masked)
    return _shifted(step, masked + step.recv(1 - party, shape)[0], bits)


def truncate(runtime: Runtime, x: ReplicatedShare, bits: int | Tensor) -> ReplicatedShare:
    """Shift a share right by `bits`; needs |x| < 2^62."""
    check_shifts(bits)
    step = runtime.step("truncate")
    if runtime.party == 2:
        return _dealt(step, -(x.own + x.next), bits)
    return _shifted(step, (x.next if runtime.party == 0 else x.own) + OFFSET, bits)


def _dealt(step: Step, r: Tensor, bits: int | Tensor) -> ReplicatedShare:
    """P2: the two-party shares of r's pair, and its components of the outcome."""
    shape = tuple(r.shape)
    low, top = step.runtime.kernels.truncation_pair(r, bits)
    step.send(1, low - step.mask(0, shape, stream=1), top - step.mask(0, shape, stream=2))
    return spread(step.runtime, None, shape)


def _shifted(step: Step, opened: Tensor, bits: int | Tensor) -> ReplicatedShare:
    """P0 and P1: from c and their shares of the pair."""
    runtime, shape = step.runtime, tuple(opened.shape)
    first = runtime.party == 0
    low, top = (step.mask(2, shape, stream) for stream in (1, 2)) if first else step.recv(2, shape, shape)

    def shifted(minus: Tensor) -> Tensor:
        return runtime.kernels.truncation_share(opened, (low, top), bits, minus, first=first)

    return spread(runtime, shifted, shape)


def spread(
    runtime: Runtime,
    part: Callable[[Tensor], Tensor] | None,
    shape: tuple[int, ...],
    *,
    lacking: int = 2,
    name: str = "spread",
) -> ReplicatedShare:
    """Make an additive sharing between two parties replicated: one round, 8 bytes from each of the two.

    `part(minus)` is this party's part less `minus`; the party `lacking`, here P2, has none.

    x_0 is a stream of P0 and P2, x_2 one of P1 and P2; x_1 = u_0 - x_0 + u_1 - x_2 takes one exchange.
    """
    step, first, second = runtime.step(name), (lacking + 1) % PARTIES, (lacking + 2) % PARTIES
    if part is None:
        return ReplicatedShare(step.mask(second, shape), step.mask(first, shape))
    mask, other = step.mask(lacking, shape), second if runtime.party == first else first
    mine = part(mask)
    step.send(other, mine)
    middle = mine + step.recv(other, shape)[0]
    return ReplicatedShare(mask, middle) if other == second else ReplicatedShare(middle, mask)


def truncate_cost(elements: int) -> Cost:
    """The dealt pair from P2, and a word from P0 and P1."""
    return Cost(2, (8 * elements, 8 * elements, 16 * elements))


def truncate_parts_cost(elements: int) -> Cost:
    """The exchange of round 1 as well."""
    return Cost(2, (16 * elements,) * PARTIES)


def mul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    """Elementwise product, `bits` less. Two rounds, 16 B an element (eprint 2019/131, section 5)."""
    return truncate_parts(runtime, runtime.kernels.cross(x.pair, y.pair), bits)


def dot(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    """Sum of products over the last axis, `bits` less; as `mul` for an output element."""
    return truncate_parts(runtime, runtime.kernels.cross_dot(x.pair, y.pair), bits)


def matmul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare, bits: int) -> ReplicatedShare:
    """Matrix product, `bits` less; as `mul` for an output element."""
    return truncate_parts(runtime, runtime.kernels.cross_matmul(x.pair, y.pair), bits)


def spread_cost(elements: int) -> Cost:
    """A word an element from P0 and P1."""
    return Cost(1, (8 * elements, 8 * elements, 0))


__all__ = [
    "dot", "matmul", "mul", "spread", "spread_cost", "truncate", "truncate_cost", "truncate_parts",
    "truncate_parts_cost",
]  # fmt: skip
