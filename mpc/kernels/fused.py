"""Elementwise kernels in Triton, each one pass over memory; also under Triton's interpreter on a CPU.

Words are int64 with wrap-around arithmetic; shifts to the right are logical. `n` elements, `BLOCK` a program.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl
from torch import Tensor
from triton import knobs

BLOCK = 1024


def interpreted() -> bool:
    """Whether kernels run in Python, on any tensor (TRITON_INTERPRET=1 when Triton was imported)."""
    return bool(knobs.runtime.interpret)


def launch(kernel: Any, n: int, *arguments: Tensor | int, **constants: int) -> None:
    """Run a kernel over n elements; operands are contiguous."""
    kernel[(triton.cdiv(n, BLOCK),)](*arguments, n, BLOCK=BLOCK, **constants)


@triton.jit
def _places(n, BLOCK: tl.constexpr):
    places = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    return places, places < n


@triton.jit
def _down(x, bits: tl.constexpr):
    return (x.to(tl.uint64, bitcast=True) >> bits).to(tl.int64, bitcast=True)


@triton.jit
def cross(x0, x1, y0, y1, m0, m1, out, n, BLOCK: tl.constexpr, MASKED: tl.constexpr):
    i, live = _places(n, BLOCK)
    b = tl.load(y0 + i, mask=live)
    part = tl.load(x0 + i, mask=live) * (b + tl.load(y1 + i, mask=live)) + tl.load(x1 + i, mask=live) * b
    if MASKED:
        part += tl.load(m0 + i, mask=live) - tl.load(m1 + i, mask=live)
    tl.store(out + i, part, mask=live)


@triton.jit
def cross_and(x0, x1, y0, y1, m0, m1, out, n, BLOCK: tl.constexpr):
    i, live = _places(n, BLOCK)
    b = tl.load(y0 + i, mask=live)
    part = tl.load(x0 + i, mask=live) & (b ^ tl.load(y1 + i, mask=live))
    part ^= tl.load(x1 + i, mask=live) & b
    part ^= tl.load(m0 + i, mask=live) ^ tl.load(m1 + i, mask=live)
    tl.store(out + i, part, mask=live)


@triton.jit
def truncation_pair(r, low, top, n, BLOCK: tl.constexpr, BITS: tl.constexpr):
    i, live = _places(n, BLOCK)
    word = tl.load(r + i, mask=live)
    highest = _down(word, 63)
    tl.store(low + i, _down(word ^ (highest << 63), BITS), mask=live)
    tl.store(top + i, highest << (63 - BITS), mask=live)


@triton.jit
def truncation_share(
    opened, low, top, minus, out, n, BLOCK: tl.constexpr, BITS: tl.constexpr, FIRST: tl.constexpr
):
    i, live = _places(n, BLOCK)
    word = tl.load(opened + i, mask=live)
    wrapped = _down(word, 63)
    share = (1 - 2 * wrapped) * tl.load(top + i, mask=live) - tl.load(low + i, mask=live)
    share -= tl.load(minus + i, mask=live)
    if FIRST:
        one = tl.full([BLOCK], 1, tl.int64)
        share += _down(word ^ (wrapped << 63), BITS) + (wrapped << (63 - BITS)) - (one << (62 - BITS))
    tl.store(out + i, share, mask=live)


@triton.jit
def flip(packed, x, minus, out, n, BLOCK: tl.constexpr, ONE: tl.constexpr):
    i, live = _places(n, BLOCK)
    bit = (tl.load(packed + i // 64, mask=live) >> (i % 64)) & 1
    made = (1 - 2 * bit) * tl.load(x + i, mask=live) + ONE * bit - tl.load(minus + i, mask=live)
    tl.store(out + i, made, mask=live)


@triton.jit
def bits_to_words(packed, out, n, BLOCK: tl.constexpr, LENGTH: tl.constexpr, WIDTH: tl.constexpr):
    i, live = _places(n, BLOCK)
    row, place = i // LENGTH, i % LENGTH
    word = tl.load(packed + row * WIDTH + place // 64, mask=live)
    tl.store(out + i, (word >> (place % 64)) & 1, mask=live)
