"""The kernels in torch, on any device: what every other implementation must equal bit for bit.

Words are int64 tensors with wrap-around arithmetic mod 2^64. Bits are packed in planes: element r of a
vector lies in word r // 64, bit r % 64 of every plane, so one 64-bit AND works on 64 elements. Words and
planes convert by 64x64 bit-matrix transposition (Hacker's Delight, section 7-3).

`x` and `y` of the products are the two components (own, next) that a party holds of a replicated value; what
comes out is its additive (or XOR) part of the product. `masks` are two streams of it, one added and one
taken off: a part of a fresh sharing of zero.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

WORD_BITS: Final = 64
_LOW_63: Final = (1 << 63) - 1
_SWAP_MASKS: Final = {
    32: 0x00000000FFFFFFFF,
    16: 0x0000FFFF0000FFFF,
    8: 0x00FF00FF00FF00FF,
    4: 0x0F0F0F0F0F0F0F0F,
    2: 0x3333333333333333,
    1: 0x5555555555555555,
}

Pair = tuple[Tensor, Tensor]


def words_for(elements: int) -> int:
    """Words of one plane of `elements` bits."""
    return -(-elements // WORD_BITS)


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

    # --- truncation by a dealt pair (`mpc.protocols.truncation_pairs`) ---------------------------

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
