"""The kernels in torch, on any device: what every other implementation must equal bit for bit.

Words are int64 tensors with wrap-around arithmetic mod 2^64. Bits are packed in planes: element r of a
vector lies in word r // 64, bit r % 64 of every plane, so one 64-bit AND works on 64 elements. Words and
planes convert by 64x64 bit-matrix transposition (Hacker's Delight, section 7-3).

`x` and `y` of the products are the two components (own, next) that a party holds of a replicated value; what
comes out is its additive (or XOR) part of the product. `masks` are two streams of it, one added and one
taken off: a part of a fresh sharing of zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from mpc.packing import WORD_BITS, words_for

_LOW_63: Final = (1 << 63) - 1
_SWAP_MASKS: Final = {
    32: 0x00000000FFFFFFFF,
    16: 0x0000FFFF0000FFFF,
    8: 0x00FF00FF00FF00FF,
    4: 0x0F0F0F0F0F0F0F0F,
    2: 0x3333333333333333,
    1: 0x5555555555555555,
}

#: Rows of a table of octaves, one for each value of a word's top bits.
OCTAVES: Final = 16
_OCTAVE_BITS: Final = OCTAVES.bit_length() - 1
#: Of a word so many bits become a double: few enough for processors that convert no longer ones.
_EXACT: Final = 52
_TOP: Final = -(1 << 63)
#: Taylor's, lowest first, in the square of an angle within pi / 4 (sine, cosine) and in |t| <= log(2) / 2.
_SINE: Final = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(8))
_COSINE: Final = tuple((-1) ** k / math.factorial(2 * k) for k in range(9))
#: log(2) as every machine has it.
_LOG2: Final = 0.6931471805599453
_EXP: Final = tuple(1 / math.factorial(k) for k in range(14))

Pair = tuple[Tensor, Tensor]


class Kernels:
    """All kernels. Shapes broadcast nowhere: operands of one kernel have one shape, or are said to differ."""

    name = "reference"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, threads={self.threads})"

    # --- products -------------------------------------------------------------------------------

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """`x @ y` (batched as torch.matmul)."""
        return torch.matmul(x, y)

    def cross(self, x: Pair, y: Pair, masks: Pair | None = None) -> Tensor:
        """`x0 (y0 + y1) + x1 y0 [+ masks0 - masks1]`."""
        part = x[0] * (y[0] + y[1]) + x[1] * y[0]
        return part if masks is None else part + masks[0] - masks[1]

    def cross_dot(self, x: Pair, y: Pair) -> Tensor:
        """As `cross`, summed over the last axis."""
        return self.cross(x, y).sum(-1)

    def cross_matmul(self, x: Pair, y: Pair) -> Tensor:
        """As `cross`, with matrix products."""
        return self.matmul(x[0], y[0] + y[1]) + self.matmul(x[1], y[0])

    def cross_and(self, x: Pair, y: Pair, masks: Pair) -> Tensor:
        """As `cross` over GF(2), 64 bits a word."""
        return (x[0] & (y[0] ^ y[1])) ^ (x[1] & y[0]) ^ masks[0] ^ masks[1]

    def cross_and_rows(self, x: Pair, high: list[int], low: list[int], add: list[int], masks: Pair) -> Tensor:
        """Rows of planes `[rows, words]`: x[high] and x[low]; the first len(add) of them plus x[add]."""
        part = self.cross_and((x[0][high], x[1][high]), (x[0][low], x[1][low]), masks)
        part[: len(add)] ^= x[0][add]
        return part

    # --- truncation by a dealt pair (`mpc.protocols.shifts`) ---------------------------

    def truncation_pair(self, r: Tensor, bits: int | Tensor) -> Pair:
        """(r mod 2^63) >> bits, and r's top bit times 2^(63 - bits)."""
        return self.shift_right(r & _LOW_63, bits), self.shift_right(r, 63) << (63 - bits)

    def truncation_share(
        self, opened: Tensor, pair: Pair, bits: int | Tensor, minus: Tensor, *, first: bool
    ) -> Tensor:
        """A party's share of the shifted value from c and its shares of the pair, less `minus`."""
        low, top = pair
        wrapped = self.shift_right(opened, 63)
        share = (1 - 2 * wrapped) * top - low - minus
        if first:
            share = share + self.shift_right(opened & _LOW_63, bits) + (wrapped << (63 - bits))
            share = share - (torch.ones_like(opened) << (62 - bits))
        return share

    def shift_right(self, x: Tensor, bits: int | Tensor) -> Tensor:
        """Logical shift: zeros come in from the left. One shift, or words of shifts from 1 to 63."""
        if isinstance(bits, int) and bits == 0:
            return x.clone()
        return (x >> bits) & ((torch.ones_like(x) << (WORD_BITS - bits)) - 1)

    # --- separable functions (`mpc.protocols.separable`) -----------------------------------------
    #
    # Two parties must come to the same factors, bit for bit, on any machine: doubles, and nothing of them but
    # sums, products and rounding to whole numbers, one after the other (IEEE 754 defines each).

    def wave_words(self, r: Tensor, count: int, stride: int, bits: int) -> Tensor:
        """`[n]` angles, 2^64 a turn -> `[2 count, n]`: cosines, then sines, of 1, 1 + stride, ... times them.

        Rounded to `bits` fraction bits.
        """
        waves = list(_waves(r, count, stride))
        unit = 2.0**bits
        rows = [_whole(wave[part] * unit) for part in (0, 1) for wave in waves]
        return torch.stack(rows) if rows else r.new_empty((0, *r.shape))

    def wave_sum(
        self, c: Tensor, dealt: Tensor, cosines: Sequence[float], sines: Sequence[float], stride: int
    ) -> Tensor:
        """`[n]`: the sum of a cos(k (c - r)) + b sin(k (c - r)); `dealt` are `wave_words` of r, or shares.

        a and b, the coefficients, times a cosine or sine are rounded to whole numbers.
        """
        total, count = torch.zeros_like(c), len(cosines)
        for place, (cosine, sine) in enumerate(_waves(c, count, stride)):
            a, b = cosines[place], sines[place]
            total += _whole(a * cosine + b * sine) * dealt[place]
            total += _whole(a * sine - b * cosine) * dealt[count + place]
        return total

    def octave_words(self, r: Tensor, bits: int) -> Tensor:
        """`[n]` -> `[16, n]`: row k is 2^(d - f) with `bits` fraction bits.

        r = 2^60 (i + f), i whole, and d = k - i mod 16.
        """
        base = _exp2(r, -1) * (2.0**bits * math.sqrt(0.5))
        first = self.shift_right(r, WORD_BITS - _OCTAVE_BITS)
        return torch.stack(
            [
                _whole(base * (torch.ones_like(r) << ((row - first) & (OCTAVES - 1))).to(torch.float64))
                for row in range(OCTAVES)
            ]
        )

    def octave_product(self, c: Tensor, dealt: Tensor, bits: int) -> Tensor:
        """`[n]`: 2^(f - 1/2) with `bits` fraction bits, c = 2^60 (i + f), times row i of `[16, n]`.

        Every row is read, whatever c is.
        """
        factor = _whole(_exp2(c, 1) * 2.0**bits)
        first = self.shift_right(c, WORD_BITS - _OCTAVE_BITS)
        picked = torch.zeros_like(c)
        for row in range(OCTAVES):
            picked += dealt[row] * (first == row)
        return factor * picked

    # --- words and planes -----------------------------------------------------------------------

    def to_planes(self, x: Tensor, count: int) -> Tensor:
        """The low `count` bits of `[n]` words as `[count, ceil(n/64)]` planes; padding bits are 0."""
        words = words_for(x.numel())
        padded = torch.zeros(words * WORD_BITS, dtype=torch.int64, device=x.device)
        padded[: x.numel()] = x
        return _transpose(padded.reshape(words, WORD_BITS)).T[:count].contiguous()

    def from_planes(self, planes: Tensor, elements: int) -> Tensor:
        """`[count, ceil(n/64)]` planes -> `[n]` words, planes above `count` taken as 0."""
        full = torch.zeros((WORD_BITS, planes.shape[1]), dtype=torch.int64, device=planes.device)
        full[: planes.shape[0]] = planes
        return _transpose(full.T.contiguous()).reshape(-1)[:elements].contiguous()

    def bits_to_words(self, packed: Tensor, elements: int) -> Tensor:
        """`[..., ceil(n/64)]` packed bits -> `[..., n]` words of 0 or 1."""
        places = torch.arange(WORD_BITS, dtype=torch.int64, device=packed.device)
        bits = (packed.unsqueeze(-1) >> places) & 1
        return bits.reshape(*packed.shape[:-1], -1)[..., :elements].contiguous()

    def words_to_bits(self, bits: Tensor) -> Tensor:
        """`[..., n]` words, lowest bit used -> `[..., ceil(n/64)]` packed bits; padding bits are 0."""
        elements = bits.shape[-1]
        words = words_for(elements)
        padded = torch.zeros((*bits.shape[:-1], words * WORD_BITS), dtype=torch.int64, device=bits.device)
        padded[..., :elements] = bits & 1
        places = torch.arange(WORD_BITS, dtype=torch.int64, device=bits.device)
        return (padded.reshape(*bits.shape[:-1], words, WORD_BITS) << places).sum(-1)

    def flip(self, packed: Tensor, x: Tensor, one: int, minus: Tensor) -> Tensor:
        """`[n]`: x where the bit of `[ceil(n/64)]` is 0, one - x where it is 1; less `minus`."""
        bits = self.bits_to_words(packed, x.numel())
        return (1 - 2 * bits) * x + one * bits - minus

    # --- rows -----------------------------------------------------------------------------------

    def gather(self, rows: Tensor, *parts: Tensor) -> Tensor:
        """The sum of `[n, ...]` parts, its rows in the order `rows`."""
        return sum(parts[1:], parts[0])[rows]

    def argsort(self, keys: Tensor) -> Tensor:
        """The stable order of `[n]` words as signed integers."""
        return torch.argsort(keys, stable=True)

    def inverse(self, order: Tensor) -> Tensor:
        """The permutation that undoes `[n]` rows in an order."""
        places = torch.empty_like(order)
        places[order] = torch.arange(order.numel(), device=order.device)
        return places


def _transpose(blocks: Tensor) -> Tensor:
    """`[n, 64]` words -> `[n, 64]`: bit k of word r becomes bit r of word k."""
    out = blocks
    for width, mask in _SWAP_MASKS.items():
        pairs = out.reshape(out.shape[0], WORD_BITS // (2 * width), 2, width)
        low, high = pairs[:, :, 0], pairs[:, :, 1]
        swap = ((low >> width) ^ high) & mask
        out = torch.stack((low ^ (swap << width), high ^ swap), dim=2).reshape(-1, WORD_BITS)
    return out


def _whole(x: Tensor) -> Tensor:
    """The nearest whole number, even where two are as near; below 2^51."""
    return torch.round(x).to(torch.int64)


def _exact(words: Tensor) -> Tensor:
    """The upper bits as a number."""
    below = WORD_BITS - _EXACT
    return ((words >> below) & ((1 << _EXACT) - 1)).to(torch.float64)


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _waves(words: Tensor, count: int, stride: int) -> Iterator[Pair]:
    """Cosine and sine of 1, 1 + stride, ... times an angle, 2^64 a turn; `stride` is 1 or 2."""
    turns = _exact(words ^ _TOP) - 2.0 ** (_EXACT - 1)
    angle = turns * (math.pi / 2.0 ** (_EXACT + 1))  # a quarter, so that it is within pi / 4
    square = angle * angle
    cosine, sine = _polynomial(square, _COSINE), _polynomial(square, _SINE) * angle
    for _ in range(2):
        cosine, sine = _doubled(cosine, sine)
    by_cosine, by_sine = (cosine, sine) if stride == 1 else _doubled(cosine, sine)
    for place in range(count):
        if place:
            cosine, sine = cosine * by_cosine - sine * by_sine, sine * by_cosine + cosine * by_sine
        yield cosine, sine


def _doubled(cosine: Tensor, sine: Tensor) -> Pair:
    """Of the doubled angle."""
    twice = sine + sine
    return 1.0 - twice * sine, twice * cosine


def _exp2(words: Tensor, sign: int) -> Tensor:
    """2^(sign (f - 1/2)), where f is what a word holds below its top four bits."""
    middle = _exact(words << _OCTAVE_BITS) * 2.0**-_EXACT - 0.5
    return _polynomial(middle * (sign * _LOG2), _EXP)
