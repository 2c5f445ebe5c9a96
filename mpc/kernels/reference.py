"""Reference kernels on torch int64 tensors: any device, wrap-around arithmetic mod 2^64.

Bits are packed in planes: element r of a vector lies in word r // 64, bit r % 64 of every plane, so
one 64-bit AND works on 64 elements. Words and planes convert by 64x64 bit-matrix transposition
(Hacker's Delight, section 7-3), six masked swaps for the whole tensor.
"""

from __future__ import annotations

import torch
from torch import Tensor

WORD_BITS = 64
_ONE = torch.tensor(1)
_SWAP_MASKS = {
    32: 0x00000000FFFFFFFF,
    16: 0x0000FFFF0000FFFF,
    8: 0x00FF00FF00FF00FF,
    4: 0x0F0F0F0F0F0F0F0F,
    2: 0x3333333333333333,
    1: 0x5555555555555555,
}


def words_for(elements: int) -> int:
    """Words of one plane of `elements` bits."""
    return -(-elements // WORD_BITS)


def matmul(x: Tensor, y: Tensor) -> Tensor:
    """`x @ y` mod 2^64 (batched as torch.matmul)."""
    return torch.matmul(x, y)


def cross(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> Tensor:
    """`x0*y0 + x0*y1 + x1*y0`: a party's additive share of a replicated product."""
    return x[0] * (y[0] + y[1]) + x[1] * y[0]


def cross_matmul(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> Tensor:
    """As `cross`, with matrix products."""
    return matmul(x[0], y[0] + y[1]) + matmul(x[1], y[0])


def cross_and(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> Tensor:
    """As `cross` over GF(2), 64 bits a word."""
    return (x[0] & (y[0] ^ y[1])) ^ (x[1] & y[0])


def shift_right(x: Tensor, bits: int | Tensor) -> Tensor:
    """Logical shift: zeros come in from the left. One shift, or words of shifts from 1 to 63."""
    if isinstance(bits, int) and bits == 0:
        return x.clone()
    return (x >> bits) & ((_ONE << (WORD_BITS - bits)) - 1)


def transpose64(blocks: Tensor) -> Tensor:
    """`[..., 64]` words -> `[..., 64]`: bit k of word r becomes bit r of word k."""
    shape = blocks.shape
    out = blocks.reshape(-1, WORD_BITS)
    for width, mask in _SWAP_MASKS.items():
        pairs = out.reshape(out.shape[0], WORD_BITS // (2 * width), 2, width)
        low, high = pairs[:, :, 0], pairs[:, :, 1]
        swap = ((low >> width) ^ high) & mask
        out = torch.stack((low ^ (swap << width), high ^ swap), dim=2).reshape(-1, WORD_BITS)
    return out.reshape(shape)


def to_planes(x: Tensor, count: int) -> Tensor:
    """The low `count` bits of `[n]` words as `[count, ceil(n/64)]` planes; padding bits are 0."""
    words = words_for(x.numel())
    padded = torch.zeros(words * WORD_BITS, dtype=torch.int64, device=x.device)
    padded[: x.numel()] = x
    return transpose64(padded.reshape(words, WORD_BITS)).T[:count].contiguous()


def from_planes(planes: Tensor, elements: int) -> Tensor:
    """`[count, ceil(n/64)]` planes -> `[n]` words, planes above `count` taken as 0."""
    if planes.shape[0] == 1:
        return bits_to_words(planes[0], elements)
    full = torch.zeros((WORD_BITS, planes.shape[1]), dtype=torch.int64, device=planes.device)
    full[: planes.shape[0]] = planes
    return transpose64(full.T.contiguous()).reshape(-1)[:elements].contiguous()


def bits_to_words(packed: Tensor, elements: int) -> Tensor:
    """`[..., ceil(n/64)]` packed bits -> `[..., n]` words of 0 or 1."""
    places = torch.arange(WORD_BITS, dtype=torch.int64, device=packed.device)
    bits = (packed.unsqueeze(-1) >> places) & 1
    return bits.reshape(*packed.shape[:-1], -1)[..., :elements].contiguous()


def words_to_bits(bits: Tensor) -> Tensor:
    """`[..., n]` words, lowest bit used -> `[..., ceil(n/64)]` packed bits; padding bits are 0."""
    elements = bits.shape[-1]
    words = words_for(elements)
    padded = torch.zeros((*bits.shape[:-1], words * WORD_BITS), dtype=torch.int64, device=bits.device)
    padded[..., :elements] = bits & 1
    places = torch.arange(WORD_BITS, dtype=torch.int64, device=bits.device)
    return (padded.reshape(*bits.shape[:-1], words, WORD_BITS) << places).sum(-1)
