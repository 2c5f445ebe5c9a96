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

from mpc.kernels import reference as kernels
from mpc.protocols.base import Cost, Runtime
from mpc.protocols.replicated.arithmetic import product_cost, zero_share
from mpc.protocols.replicated.boolean import and_, and_cost, join, take, xor
from mpc.protocols.replicated.shares import PARTIES, ReplicatedShare
from mpc.protocols.replicated.truncation import spread, spread_cost

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
    step, party = runtime.step("split"), runtime.party
    words = kernels.words_for(x.own.numel())
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
    return Cost(1, (8 * kernels.words_for(elements) * (count + pairs), 0, 0))


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
    size = 8 * planes * kernels.words_for(elements)
    return Cost(1, (0, size, size))


# --- the carry tree -----------------------------------------------------------------------------


def _first_level(runtime: Runtime, digits: _Digits, count: int) -> tuple[Planes, Planes]:
    """(generate, propagate) of the digits of the low `count` planes, lowest first.

    Digits have two bits; when `count` is odd the lowest digit has one. The lowest digit's propagate
    is never used and not made. One round.
    """
    odd, pairs = count % 2, count // 2
    shape = (2 * pairs - (1 - odd) + odd, digits.a.own.shape[1])
    view = _view(runtime, digits)
    if view is None:
        made = _spread_bits(runtime, None, shape)
    else:
        a, products, c = view
        low, high = slice(odd, count, 2), slice(odd + 1, count, 2)
        ours = 1 if runtime.party == 2 else 0  # P2 adds what depends on c alone
        generate = (a[high] & c[high]) ^ (products & c[low]) ^ (a[low] & c[low] & c[high])
        propagate = products ^ (a[high] & c[low]) ^ (a[low] & c[high])
        if ours:
            propagate = propagate ^ (c[high] & c[low])
        if odd:
            made = _spread_bits(runtime, torch.cat([a[:1] & c[:1], generate, propagate]), shape)
        else:
            made = _spread_bits(runtime, torch.cat([generate, propagate[1:]]), shape)
    digits_count = pairs + odd
    return take(made, slice(0, digits_count)), take(made, slice(digits_count, None))


def _tree_level(runtime: Runtime, generate: Planes, propagate: Planes) -> tuple[Planes, Planes]:
    """Join neighbouring digits: (G, P) = (G_h + P_h G_l, P_h P_l). `propagate` lacks the lowest digit."""
    count = generate.own.shape[0]
    odd = count % 2
    g_low, g_high = take(generate, slice(odd, None, 2)), take(generate, slice(odd + 1, None, 2))
    # propagate[k] belongs to digit k + 1
    p_high = take(propagate, slice(odd, None, 2))
    p_low = take(propagate, slice(odd - 1, None, 2)) if odd else take(propagate, slice(1, None, 2))
    p_joined = p_high if odd else take(p_high, slice(1, None))
    pairs = g_low.own.shape[0]
    product = and_(runtime, join(p_high, p_joined), join(g_low, p_low))
    g_new = xor(g_high, take(product, slice(0, pairs)))
    if odd:
        g_new = join(take(generate, slice(0, 1)), g_new)
    return g_new, take(product, slice(pairs, None))


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
    generate, propagate = _first_level(runtime, digits, bits)
    while generate.own.shape[0] > 2:
        generate, propagate = _tree_level(runtime, generate, propagate)
    if generate.own.shape[0] == 1:
        return xor(top, generate)
    carry_left = xor(take(generate, slice(1, 2)), top)
    return _Pending(propagate, take(generate, slice(0, 1)), carry_left)


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
        odd = equal.own.shape[0] % 2
        product = and_(runtime, take(equal, slice(odd, None, 2)), take(equal, slice(odd + 1, None, 2)))
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
    step, party = runtime.step("open_bit"), runtime.party
    part = kernels.cross_and(pending.x.pair, pending.y.pair) ^ pending.left.own
    part = part ^ zero_share(step, tuple(part.shape), torch.bitwise_xor)
    shape, words = tuple(part.shape), (elements,)
    if party == 2:
        bit = step.mask(2, shape, lane=1)
        dealt = kernels.bits_to_words(bit[0], elements) - step.mask(0, words, lane=2)
        step.send(0, part ^ bit)
        step.send(1, part ^ bit, dealt)
        return spread(runtime, None, words)
    step.send(1 - party, part)
    theirs = step.recv(1 - party, shape)[0]
    if party == 0:
        masked, share = step.recv(2, shape)[0], step.mask(2, words, lane=2)
    else:
        masked, share = step.recv(2, shape, words)
    opened = kernels.bits_to_words((part ^ theirs ^ masked)[0], elements)
    result = (1 - 2 * opened) * share
    return spread(runtime, result + opened if party == 0 else result, words)


def _finish_words_cost(elements: int) -> Cost:
    plane = 8 * kernels.words_for(elements)
    return Cost(1, (plane, plane, 2 * plane + 8 * elements)) + spread_cost(elements)


def sign(runtime: Runtime, x: ReplicatedShare, bits: int) -> ReplicatedShare:
    """1 where x < 0 else 0, as words; needs -2^bits <= x < 2^bits, bits >= 1."""
    return _finish_words(runtime, _sign_pending(runtime, x, bits), x.own.numel())


def sign_bits(runtime: Runtime, x: ReplicatedShare, bits: int) -> Planes:
    """As `sign`, as one plane `[1, ceil(n/64)]`."""
    return _finish_bits(runtime, _sign_pending(runtime, x, bits))


def is_zero(runtime: Runtime, x: ReplicatedShare, bits: int) -> ReplicatedShare:
    """1 where x = 0 else 0, as words; needs -2^bits <= x < 2^bits, bits >= 1."""
    return _finish_words(runtime, _zero_pending(runtime, x, bits), x.own.numel())


def sign_cost(elements: int, bits: int) -> Cost:
    """Rounds: 2 + ceil(log2(digits)) + 1 for two-bit digits of `bits` planes, at most 8."""
    return _tree_cost(elements, bits + 1, bits, is_sign=True) + _end_cost(elements, -(-bits // 2))


def sign_bits_cost(elements: int, bits: int) -> Cost:
    digits = -(-bits // 2)
    last = and_cost(kernels.words_for(elements)) if digits > 1 else Cost(0, (0,) * PARTIES)
    return _tree_cost(elements, bits + 1, bits, is_sign=True) + last


def is_zero_cost(elements: int, bits: int) -> Cost:
    return _tree_cost(elements, bits + 1, bits + 1, is_sign=False) + _end_cost(elements, -(-(bits + 1) // 2))


def _end_cost(elements: int, digits: int) -> Cost:
    """With one digit the first message of `b2a` overlaps the spreading of the digit."""
    return _finish_words_cost(elements) if digits > 1 else Cost(1, b2a_cost(elements).sent)


def _tree_cost(elements: int, planes: int, tree: int, *, is_sign: bool) -> Cost:
    words = kernels.words_for(elements)
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

    A prefix adder after Sklansky: 2 + ceil(log2(bits - 1)) rounds.
    """
    digits = _split(runtime, x, bits, 0, 0)
    total = xor(digits.a, digits.c)
    if bits == 1:
        return total
    width = bits - 1
    view = _view(runtime, digits)
    shape = (width, digits.a.own.shape[1])
    generate = _spread_bits(runtime, None if view is None else view[0][:width] & view[2][:width], shape)
    propagate = take(total, slice(0, width))
    stride = 1
    while stride < width:
        high = [k for k in range(width) if k & stride]
        low = [(k & ~(stride - 1)) - 1 for k in high]
        p_high = take(propagate, high)
        product = and_(runtime, join(p_high, p_high), join(take(generate, low), take(propagate, low)))
        generate = _update(generate, high, xor(take(generate, high), take(product, slice(0, len(high)))))
        propagate = _update(propagate, high, take(product, slice(len(high), None)))
        stride *= 2
    return ReplicatedShare(*(_add_carry(t, g) for t, g in zip(total.pair, generate.pair, strict=True)))


def _add_carry(total: Tensor, carries: Tensor) -> Tensor:
    return torch.cat([total[:1], total[1:] ^ carries])


def _update(planes: Planes, rows: list[int], values: Planes) -> Planes:
    own, after = planes.own.clone(), planes.next.clone()
    own[rows], after[rows] = values.own, values.next
    return ReplicatedShare(own, after)


def a2b_cost(elements: int, bits: int) -> Cost:
    words = kernels.words_for(elements)
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
    linear in P0's sharing of u.
    """
    step, party, shape = runtime.step("b2a"), runtime.party, (elements,)
    if party == 0:
        u = kernels.bits_to_words((x.own ^ x.next)[0], elements)
        step.send(2, u - step.mask(1, shape))
        return _spread_words(runtime, None, shape)
    if party == 1:
        w = kernels.bits_to_words(x.next[0], elements)
        return _spread_words(runtime, step.mask(0, shape) * (1 - 2 * w), shape)
    w = kernels.bits_to_words(x.own[0], elements)
    return _spread_words(runtime, step.recv(0, shape)[0] * (1 - 2 * w) + w, shape)


def _spread_words(runtime: Runtime, part: Tensor | None, shape: tuple[int, ...]) -> ReplicatedShare:
    """As `_spread_bits`, for an additive sharing of words between P1 and P2."""
    step, party = runtime.step("spread_words"), runtime.party
    if part is None:
        return ReplicatedShare(step.mask(2, shape), step.mask(1, shape))
    mask = step.mask(0, shape)
    mine = part - mask
    step.send(3 - party, mine)
    last = mine + step.recv(3 - party, shape)[0]
    return ReplicatedShare(mask, last) if party == 1 else ReplicatedShare(last, mask)


def b2a_cost(elements: int) -> Cost:
    return Cost(2, product_cost(elements).sent)
