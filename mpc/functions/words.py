"""The bits of words: planes, shifts, counting. A plane is `SecretBits`, one bit of every element.

Words are integers in two's complement; a tensor of another scale is taken as its words.
"""

from __future__ import annotations

import torch

from mpc.bits import SecretBits
from mpc.encoding import INTEGER
from mpc.errors import RangeError
from mpc.tensor import SecretTensor


def planes_of(x: SecretTensor, bits: int | None = None) -> SecretBits:
    """`[bits, n]`, lowest bit first, of the flattened words; by default all that the bound needs.

    ceil(log2(bits - 1)) + 2 rounds; 54.5 B an element for 64 bits.
    """
    count = x.bound.bit_length() + 1 if bits is None else bits
    if not 1 <= count <= 64:
        raise RangeError(f"A word has no {count} bits.", remedy="Ask for 1 to 64.")
    flat = x.protocol.linear(lambda words: words.reshape(-1), x.share)
    return SecretBits(x.protocol, x.protocol.a2b(flat, count), x.size)


def from_planes(planes: SecretBits, *, signed: bool = True) -> SecretTensor:
    """`[n]` integers from `[bits, n]`, lowest bit first; the top one is the sign. 2 rounds, 8 B a bit."""
    count = planes.shape[0]
    weights = [1 << place for place in range(count)]
    if signed:
        weights[-1] = -weights[-1]
    elif count > 62:
        raise RangeError(f"{count} bits without a sign leave the ring.", remedy="Use at most 62.")
    column = torch.tensor(weights).reshape(-1, 1)
    bound = (1 << (count - 1)) if signed else (1 << count) - 1
    return SecretTensor.of_bits(planes).linear(lambda words: (words * column).sum(0), bound=bound)


def shift_left(x: SecretTensor, places: int) -> SecretTensor:
    """Words times 2^places. No message; `RangeError` if the bound would leave the ring."""
    return x.linear(lambda words: words << places, bound=x.bound << places)


def shift_right(x: SecretTensor, places: int) -> SecretTensor:
    """floor(word / 2^places), exactly: a truncation, whose last bit one comparison sets right."""
    if places == 0:
        return x
    words = x.view(scale=INTEGER)
    guess = words.shifted_down(places)
    # only the sign of the rest counts, and it is within one step: the wide product may pass 2^62 unharmed
    steps = guess.linear(lambda floor: floor << places, bound=x.bound)
    ceiling = (words - steps).view(bound=1 << places) < 0
    return (guess - ceiling).view(scale=x.scale, bound=guess.bound)


def popcount(x: SecretTensor, bits: int | None = None) -> SecretTensor:
    """How many of the low bits are 1 (by default all that the bound needs, sign included)."""
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
    """The place of the highest 1 of words >= 0, lowest 0; -1 for a word of 0."""
    planes = prefix_or(planes_of(x, x.bound.bit_length()))
    return (SecretTensor.of_bits(planes).sum(0) - 1).reshape(*x.shape)


def inject(bits: SecretBits, x: SecretTensor) -> SecretTensor:
    """x where the bit is 1, else 0: a conversion of the bits and a product, 3 rounds."""
    return SecretTensor.of_bits(bits) * x


def join(parts: list[SecretBits]) -> SecretBits:
    """Planes of several, one after the other. No message."""
    protocol = parts[0].protocol
    share = protocol.linear(lambda *words: torch.cat(words), *(part.share for part in parts))
    return SecretBits(protocol, share, parts[0].length)
