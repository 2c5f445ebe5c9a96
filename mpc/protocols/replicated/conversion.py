"""Between arithmetic and boolean shares; signs and zero tests.

For x = x_0 + x_1 + x_2 let a = x_0 + x_1, which P0 knows, and c = x_2, which P1 and P2 know. Adding
the two in a Boolean circuit is ABY3's conversion (eprint 2018/403, section 5.3). Three savings:

* P0 shares the bits of a *and the products of neighbouring bits*; with c known to both P1 and P2 the
  first two levels of the carry tree are linear in what P0 shared, so P1 and P2 compute additive parts
  of (generate, propagate) of two-bit digits alone and spread them in one round;
* the carry tree halves its planes at every level, and only as many planes take part as the public
  bound needs: the sign of |x| < 2^b lies in bit b of x mod 2^(b+1);
* the last AND is not reshared: its bit opens to P0 and P1 under a mask bit that P2 deals as an
  arithmetic sharing, and one 8-byte exchange ends the conversion.

The sign of a 64-bit word as an arithmetic share takes 8 rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mpc.packing import words_for
from mpc.protocols.base import Cost
from mpc.protocols.replicated.arithmetic import product_cost, zero_masks
from mpc.protocols.replicated.boolean import and_, and_cost, and_rows, join, take, xor
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.replicated.truncation import spread, spread_cost
from mpc.protocols.runtime import Runtime

Planes = ReplicatedShare


@dataclass(frozen=True)
class _Digits:
    """Planes of a (shared by P0: component 2 is zero) and of c (known to P1 and P2)."""

    a: Planes
    products: Planes
    c: Planes


# --- splitting x into a and c -------------------------------------------------------------------


def _split(runtime: Runtime, x: ReplicatedShare, count: int, pairs_from: int, pairs: int) -> _Digits:
    """Share the low `count` planes of a and `pairs` neighbour products a_k a_{k+1}. One round.

    P0 sends (count + pairs) planes to P2; P1's component is a stream it has in common with P0.
    """
    step, party, kernels = runtime.step("split"), runtime.party, runtime.kernels
    words = words_for(x.own.numel())
    shape = (count + pairs, words)
    zero = torch.zeros(shape, dtype=torch.int64)
    if party == 0:
        planes = kernels.to_planes(x.own + x.next, count)
        low = slice(pairs_from, pairs_from + 2 * pairs, 2)
        high = slice(pairs_from + 1, pairs_from + 2 * pairs, 2)
        known = torch.cat([planes, planes[low] & planes[high]])
        mask = step.mask(1, shape)
        step.send(2, known ^ mask)
        shared = ReplicatedShare(known ^ mask, mask)
        c = ReplicatedShare(zero[:count], zero[:count])
    elif party == 1:
        shared = ReplicatedShare(step.mask(0, shape), zero)
        c = ReplicatedShare(zero[:count], kernels.to_planes(x.next, count))
    else:
        shared = ReplicatedShare(zero, step.recv(0, shape)[0])
        c = ReplicatedShare(kernels.to_planes(x.own, count), zero[:count])
    return _Digits(take(shared, slice(0, count)), take(shared, slice(count, None)), c)


def _split_cost(elements: int, count: int, pairs: int) -> Cost:
    return Cost(1, (8 * words_for(elements) * (count + pairs), 0, 0))


def _view(runtime: Runtime, digits: _Digits) -> tuple[Tensor, Tensor, Tensor] | None:
    """P1 and P2: their XOR parts of a's planes and products, and c in the clear. P0: nothing."""
    if runtime.party == 0:
        return None
    if runtime.party == 1:
        return digits.a.own, digits.products.own, digits.c.next
    return digits.a.next, digits.products.next, digits.c.own


def _spread_bits(runtime: Runtime, part: Tensor | None, shape: tuple[int, ...]) -> Planes:
    """Make an XOR sharing between P1 and P2 replicated: one round, each of the two sends it once."""
    step, party = runtime.step("spread_bits"), runtime.party
    if part is None:
        return ReplicatedShare(step.mask(2, shape), step.mask(1, shape))
    mask = step.mask(0, shape)
    mine = part ^ mask
    peer = 3 - party
    step.send(peer, mine)
    last = mine ^ step.recv(peer, shape)[0]
    return ReplicatedShare(mask, last) if party == 1 else ReplicatedShare(last, mask)


def _spread_bits_cost(planes: int, elements: int) -> Cost:
    size = 8 * planes * words_for(elements)
    return Cost(1, (0, size, size))


# --- the carry tree -----------------------------------------------------------------------------


def _first_level(runtime: Runtime, digits: _Digits, count: int) -> Planes:
    """(generate, propagate) of the digits of the low `count` planes, as `_tree_level` takes them. One round.

    Digits have two bits; when `count` is odd the lowest digit has one.
    """
    odd, pairs = count % 2, count // 2
    shape = (2 * (pairs + odd) - 1, digits.a.own.shape[1])
    view = _view(runtime, digits)
    if view is None:
        return _spread_bits(runtime, None, shape)
    a, products, c = view
    low, high = slice(odd, count, 2), slice(odd + 1, count, 2)
    generate = (a[high] & c[high]) ^ (products & c[low]) ^ (a[low] & c[low] & c[high])
    propagate = products ^ (a[high] & c[low]) ^ (a[low] & c[high])
    if runtime.party == 2:  # it adds what depends on c alone
        propagate = propagate ^ (c[high] & c[low])
    lowest = [a[:1] & c[:1]] if odd else []
    return _spread_bits(runtime, torch.cat([*lowest, generate, propagate[1 - odd :]]), shape)


def _tree_level(runtime: Runtime, planes: Planes) -> Planes:
    """Join neighbouring digits: (G, P) = (G_h + P_h G_l, P_h P_l). One round.

    Planes are G of all digits, lowest first, then P of all but the lowest, which is never used.
    """
    count = (planes.own.shape[0] + 1) // 2
    odd = count % 2
    lows = range(odd, count, 2)
    joined = [low for low in lows if low]  # those whose P is used

    def p(digit: int) -> int:
        return count + digit - 1

    made = and_rows(
        runtime,
        planes,
        high=[p(low + 1) for low in [*lows, *joined]],
        low=[*lows, *map(p, joined)],
        add=[low + 1 for low in lows],
    )
    return join(take(planes, slice(0, 1)), made) if odd else made


def _level_planes(count: int) -> int:
    """Planes of AND work in a level that starts with `count` digits."""
    return count // 2 + (count // 2 if count % 2 else count // 2 - 1)


@dataclass(frozen=True)
class _Pending:
    """A bit that is left ^ (x & y): its last AND is not done yet."""

    x: Planes
    y: Planes
    left: Planes


def _sign_pending(runtime: Runtime, x: ReplicatedShare, bits: int) -> _Pending | Planes:
    """The sign of |x| < 2^bits up to its last AND (for bits <= 2 there is none left)."""
    odd, pairs = bits % 2, bits // 2
    digits = _split(runtime, x, bits + 1, odd, pairs)
    top = xor(take(digits.a, slice(bits, bits + 1)), take(digits.c, slice(bits, bits + 1)))
    planes = _first_level(runtime, digits, bits)
    while planes.own.shape[0] > 3:
        planes = _tree_level(runtime, planes)
    if planes.own.shape[0] == 1:
        return xor(top, planes)
    lowest, carry, propagate = (take(planes, slice(k, k + 1)) for k in range(3))
    return _Pending(propagate, lowest, xor(carry, top))


def _zero_pending(runtime: Runtime, x: ReplicatedShare, bits: int) -> _Pending | Planes:
    """Whether x mod 2^(bits+1) is zero: all bits of a equal those of -c. Up to the last AND."""
    count = bits + 1
    odd, pairs = count % 2, count // 2
    negated = ReplicatedShare(x.own, x.next)
    if runtime.party == 1:
        negated = ReplicatedShare(x.own, -1 - -x.next)
    elif runtime.party == 2:
        negated = ReplicatedShare(-1 - -x.own, x.next)
    digits = _split(runtime, negated, count, odd, pairs)  # c is now the complement of -x_2
    equal = _equal_digits(runtime, digits, count)
    while equal.own.shape[0] > 2:
        odd, count = equal.own.shape[0] % 2, equal.own.shape[0]
        lows = range(odd, count, 2)
        product = and_rows(runtime, equal, [low + 1 for low in lows], list(lows), [])
        equal = join(take(equal, slice(0, 1)), product) if odd else product
    if equal.own.shape[0] == 1:
        return equal
    zero = torch.zeros_like(equal.own[:1])
    return _Pending(take(equal, slice(0, 1)), take(equal, slice(1, 2)), ReplicatedShare(zero, zero))


def _equal_digits(runtime: Runtime, digits: _Digits, count: int) -> Planes:
    """AND of a_k ^ c_k over the two bits of each digit; a single low bit when `count` is odd."""
    odd, pairs = count % 2, count // 2
    shape = (pairs + odd, digits.a.own.shape[1])
    view = _view(runtime, digits)
    if view is None:
        return _spread_bits(runtime, None, shape)
    a, products, c = view
    low, high = slice(odd, count, 2), slice(odd + 1, count, 2)
    both, single = products ^ (a[high] & c[low]) ^ (a[low] & c[high]), a[:odd]
    if runtime.party == 2:
        both, single = both ^ (c[high] & c[low]), single ^ c[:odd]
    return _spread_bits(runtime, torch.cat([single, both]), shape)


# --- finishing ----------------------------------------------------------------------------------


def _finish_bits(runtime: Runtime, pending: _Pending | Planes) -> Planes:
    if isinstance(pending, ReplicatedShare):
        return pending
    return xor(pending.left, and_(runtime, pending.x, pending.y))


def _finish_words(runtime: Runtime, pending: _Pending | Planes, elements: int) -> ReplicatedShare:
    """The pending bit as an arithmetic share `[elements]`: two rounds."""
    if isinstance(pending, ReplicatedShare):
        return b2a(runtime, pending, elements)
    step, party, kernels = runtime.step("open_bit"), runtime.party, runtime.kernels
    shape, words = tuple(pending.left.own.shape), (elements,)
    masks = zero_masks(step, shape)
    part = kernels.cross_and(pending.x.pair, pending.y.pair, masks) ^ pending.left.own
    if party == 2:
        bit = step.mask(2, shape, stream=1)
        dealt = kernels.bits_to_words(bit[0], elements) - step.mask(0, words, stream=2)
        step.send(0, part ^ bit)
        step.send(1, part ^ bit, dealt)
        return spread(runtime, None, words)
    step.send(1 - party, part)
    theirs = step.recv(1 - party, shape)[0]
    if party == 0:
        masked, share = step.recv(2, shape)[0], step.mask(2, words, stream=2)
    else:
        masked, share = step.recv(2, shape, words)
    opened = (part ^ theirs ^ masked)[0]
    return spread(runtime, lambda minus: kernels.flip(opened, share, 1 - party, minus), words)


def _finish_words_cost(elements: int) -> Cost:
    plane = 8 * words_for(elements)
    return Cost(1, (plane, plane, 2 * plane + 8 * elements)) + spread_cost(elements)


def sign(runtime: Runtime, x: ReplicatedShare, bits: int) -> ReplicatedShare:
    """1 where x < 0 else 0, as words; needs -2^bits <= x < 2^bits, bits >= 1.

    After ABY3 (eprint 2018/403, section 5.3), with the savings above: at most 8 rounds, `sign_cost`.
    """
    return _finish_words(runtime, _sign_pending(runtime, x, bits), x.own.numel())


def sign_bits(runtime: Runtime, x: ReplicatedShare, bits: int) -> Planes:
    """As `sign`, as one plane `[1, ceil(n/64)]`; one or two rounds less."""
    return _finish_bits(runtime, _sign_pending(runtime, x, bits))


def is_zero(runtime: Runtime, x: ReplicatedShare, bits: int) -> ReplicatedShare:
    """1 where x = 0 else 0, as words; needs -2^bits <= x < 2^bits, bits >= 1.

    x_0 + x_1 = -x_2 bit by bit, through the same tree (eprint 2018/403, section 5.3): at most 8 rounds.
    """
    return _finish_words(runtime, _zero_pending(runtime, x, bits), x.own.numel())


def sign_cost(elements: int, bits: int) -> Cost:
    """Rounds: 2 + ceil(log2(digits)) + 1 for two-bit digits of `bits` planes, at most 8."""
    return _tree_cost(elements, bits + 1, bits, is_sign=True) + _end_cost(elements, -(-bits // 2))


def sign_bits_cost(elements: int, bits: int) -> Cost:
    """As `sign_cost`, without the last opening."""
    digits = -(-bits // 2)
    last = and_cost(words_for(elements)) if digits > 1 else Cost(0, (0,) * PARTIES)
    return _tree_cost(elements, bits + 1, bits, is_sign=True) + last


def is_zero_cost(elements: int, bits: int) -> Cost:
    """As `sign_cost`, over one bit more."""
    return _tree_cost(elements, bits + 1, bits + 1, is_sign=False) + _end_cost(elements, -(-(bits + 1) // 2))


def _end_cost(elements: int, digits: int) -> Cost:
    """With one digit the first message of `b2a` overlaps the spreading of the digit."""
    return _finish_words_cost(elements) if digits > 1 else Cost(1, b2a_cost(elements).sent)


def _tree_cost(elements: int, planes: int, tree: int, *, is_sign: bool) -> Cost:
    words = words_for(elements)
    digits = -(-tree // 2)
    cost = _split_cost(elements, planes, tree // 2)
    cost = cost + _spread_bits_cost(2 * digits - 1 if is_sign else digits, elements)
    while digits > 2:
        cost = cost + and_cost(words * (_level_planes(digits) if is_sign else digits // 2))
        digits = -(-digits // 2)
    return cost


# --- whole conversions --------------------------------------------------------------------------


def a2b(runtime: Runtime, x: ReplicatedShare, bits: int) -> Planes:
    """The low `bits` bits of flat words `[n]` as planes `[bits, ceil(n/64)]`.

    ABY3's conversion (eprint 2018/403, section 5.3) with Sklansky's prefix adder (1960):
    2 + ceil(log2(bits - 1)) rounds.
    """
    digits = _split(runtime, x, bits, 0, 0)
    total = xor(digits.a, digits.c)
    if bits == 1:
        return total
    width = bits - 1
    view = _view(runtime, digits)
    shape = (width, digits.a.own.shape[1])
    generate = _spread_bits(runtime, None if view is None else view[0][:width] & view[2][:width], shape)
    planes = join(generate, take(total, slice(0, width)))  # G of all places, then P
    stride = 1
    while stride < width:
        high = [k for k in range(width) if k & stride]
        low = [(k & ~(stride - 1)) - 1 for k in high]
        p_high, p_low = [width + k for k in high], [width + k for k in low]
        made = and_rows(runtime, planes, [*p_high, *p_high], [*low, *p_low], high)
        for old, new in zip(planes.pair, made.pair, strict=True):
            old[[*high, *p_high]] = new  # ours since `join`
        stride *= 2
    return ReplicatedShare(*(_add_carry(t, g[:width]) for t, g in zip(total.pair, planes.pair, strict=True)))


def _add_carry(total: Tensor, carries: Tensor) -> Tensor:
    return torch.cat([total[:1], total[1:] ^ carries])


def a2b_cost(elements: int, bits: int) -> Cost:
    """The split, its spreading, and the ANDs of the adder."""
    words = words_for(elements)
    cost = _split_cost(elements, bits, 0)
    width = bits - 1
    if width == 0:
        return cost
    cost = cost + _spread_bits_cost(width, elements)
    stride = 1
    while stride < width:
        cost = cost + and_cost(words * 2 * sum(1 for k in range(width) if k & stride))
        stride *= 2
    return cost


def b2a(runtime: Runtime, x: Planes, elements: int) -> ReplicatedShare:
    """One packed plane `[1, ceil(n/64)]` as 0/1 words `[n]`: two rounds, 8 bytes an element each.

    b = u ^ w with u = b_0 ^ b_1 known to P0 and w = b_2 known to P1 and P2; b = u (1 - 2w) + w is
    linear in P0's sharing of u (ABY3, eprint 2018/403, section 5.3, takes two products).
    """
    step, party, kernels, shape = runtime.step("b2a"), runtime.party, runtime.kernels, (elements,)
    if party == 0:
        u = kernels.bits_to_words((x.own ^ x.next)[0], elements)
        step.send(2, u - step.mask(1, shape))
        return spread(runtime, None, shape, lacking=0, name="spread_words")
    w, mine = (x.next[0], step.mask(0, shape)) if party == 1 else (x.own[0], step.recv(0, shape)[0])

    def words(minus: Tensor) -> Tensor:
        return kernels.flip(w, mine, party - 1, minus)

    return spread(runtime, words, shape, lacking=0, name="spread_words")


def b2a_cost(elements: int) -> Cost:
    """A word an element from P0, then one from P1 and P2."""
    return Cost(2, product_cost(elements).sent)
