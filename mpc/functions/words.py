"""The bits of words: planes, shifts, counting. A plane is `SecretBits`, one bit of every element.

Words are integers in two's complement; a tensor of another scale is taken as its words. Nothing is revealed.
"""

from __future__ import annotations

from typing import Final

import torch

from mpc.bits import SecretBits
from mpc.checks import demand
from mpc.encoding import INTEGER
from mpc.errors import RangeError
from mpc.tensor import SecretTensor

#: Words below 2^62 have so many bits.
MOST_PLANES: Final = 62


def planes_of(x: SecretTensor, bits: int | None = None) -> SecretBits:
    """`[bits, n]`, lowest bit first, of the words in C order; by default all of the bound, and the sign.

    ceil(log2(bits - 1)) + 2 rounds; 54.5 B an element for 64 bits. `RangeError` for more than 64 bits.
    """
    count = x.bound.bit_length() + 1 if bits is None else bits
    if not 1 <= count <= 64:
        raise RangeError(f"A word has no {count} bits.", remedy="Ask for 1 to 64.")
    flat = x.protocol.linear(lambda words: words.reshape(-1), x.share)
    return SecretBits(x.protocol, x.protocol.a2b(flat, count), x.size)


def from_planes(planes: SecretBits, *, signed: bool = True) -> SecretTensor:
    """`[n]` integers from `[bits, n]`, lowest bit first; the top one is the sign. 2 rounds, 8 B a bit.

    `RangeError` for no planes, and for more than 62.
    """
    count = planes.shape[0]
    if planes.ndim != 2 or not 1 <= count <= MOST_PLANES:
        raise RangeError(
            f"Planes of {planes.shape} make no words.", remedy=f"Give [1 to {MOST_PLANES}, n] bits."
        )
    weights = [1 << place for place in range(count)]
    if signed:
        weights[-1] = -weights[-1]
    column = torch.tensor(weights).reshape(-1, 1)
    bound = (1 << (count - 1)) if signed else (1 << count) - 1
    return SecretTensor.of_bits(planes).linear(lambda words: (words * column).sum(0), bound=bound)


def shift_left(x: SecretTensor, places: int) -> SecretTensor:
    """Words times 2^places, at x's scale. No message.

    `RangeError` if the bound would leave the ring, and for places below 0.
    """
    _require_places(places)
    return x.linear(lambda words: words << places, bound=x.bound << places)


def shift_right(x: SecretTensor, places: int) -> SecretTensor:
    """floor(word / 2^places), exactly, at x's scale: a truncation, whose last bit one comparison sets right.

    Where no bit of the bound is left, one comparison: -1 below 0, else 0. 2 rounds and 16 B, and a comparison
    with its rounds, an element and party. `RangeError` for places below 0.
    """
    _require_places(places)
    if places == 0:
        return x
    words = x.view(scale=INTEGER)
    if places >= x.bound.bit_length():
        return (-(words < 0)).view(scale=x.scale)
    guess = words.shifted_down(places)
    # what is left of the word tells by its sign whether the guess is the ceiling; it is within one step
    rest = x.protocol.linear(lambda word, floor: word - (floor << places), x.share, guess.share)
    ceiling = x.like(rest, scale=INTEGER, bound=1 << places) < 0
    return (guess - ceiling).view(scale=x.scale, bound=guess.bound)


def _require_places(places: int) -> None:
    if places < 0:
        raise RangeError(f"A shift by {places} places.", remedy="Shift the other way.")


def popcount(x: SecretTensor, bits: int | None = None) -> SecretTensor:
    """How many of the low bits are 1, in two's complement (by default all of the bound, and the sign).

    The rounds of `planes_of` and 2; 8 B a bit, element and party. `RangeError` for more than 64 bits.
    """
    planes = planes_of(x, bits)
    count = planes.shape[0]
    total = SecretTensor.of_bits(planes).sum(0)
    return total.reshape(*x.shape).view(bound=count)


def prefix_or(planes: SecretBits) -> SecretBits:
    """Of `[bits, n]`, each plane OR-ed with all planes above it: ceil(log2 bits) rounds."""
    step, count = 1, planes.shape[0]
    while step < count:
        joined = planes[: count - step] | planes[step:]
        planes = join([joined, planes[count - step :]])
        step *= 2
    return planes


def most_significant_bit(x: SecretTensor) -> SecretTensor:
    """The place of the highest 1 of words, lowest 0; -1 for a word of 0. The rounds of `planes_of`, of
    `prefix_or` and 2; 8 B a bit, element and party.

    That no word is below 0 is demanded (`mpc.checks`).
    """
    planes, bits = planes_of(x), x.bound.bit_length()
    flags = SecretTensor.of_bits(join([prefix_or(planes[:bits]), planes[bits:]]))
    demand(flags[bits], "the highest bit: no number is below 0")
    return (flags[:bits].sum(0) - 1).reshape(*x.shape).view(bound=max(1, bits))


def join(parts: list[SecretBits]) -> SecretBits:
    """Planes of several, one after the other. No message."""
    protocol = parts[0].protocol
    share = protocol.linear(lambda *words: torch.cat(words), *(part.share for part in parts))
    return SecretBits(protocol, share, parts[0].length)
