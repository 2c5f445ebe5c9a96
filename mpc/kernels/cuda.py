"""The kernels on an NVIDIA GPU, for tensors in its memory; and matrix products of tensors that are not.

A ring product comes from 8-bit tensor cores: a word is eight signed bytes, x = sum of x_i 2^(8 i) mod 2^64,
and of the 64 products of bytes the 36 with i + j < 8 count. Those of one i + j are one product of matrices
side by side along the inner axis, so it is eight products in all, summed in 32 bits without loss (ADR 17).

Elementwise kernels are Triton's (`fused`). What is in this machine's memory stays there, with the host's
kernels, unless it is a matrix product large enough to be worth the way.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from mpc.errors import ConfigError
from mpc.kernels.reference import Kernels, Pair

BYTES: Final = 8
#: Products of signed bytes go up to 2^14, and eight for each inner place meet in a sum below 2^31.
INNER: Final = 1 << 13
#: cuBLASLt takes bytes in rows of a multiple of 8, and more than 16 rows.
_ALIGNED: Final = 8
_LEAST_ROWS: Final = 24
#: Multiply-adds from which a product of the host's tensors goes to the GPU.
WORTH_THE_WAY = 1 << 26


def lacking(*, interpreted: bool = False) -> str:
    """Why these kernels cannot run here; empty if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (pip install 'triune[gpu]')."
    if not interpreted and not torch.cuda.is_available():
        return "torch finds no CUDA device (it needs a CUDA build, a driver and a GPU)."
    return ""


class CudaKernels(Kernels):
    """`host` computes what is in this machine's memory; `interpreted` takes that, too, for tests."""

    name = "cuda"

    def __init__(self, host: Kernels, *, interpreted: bool = False) -> None:
        super().__init__(host.threads)
        missing = lacking(interpreted=interpreted)
        if missing:
            raise ConfigError(
                f"There are no cuda kernels here. {missing}", remedy="Choose auto, native or reference."
            )
        from mpc.kernels import fused  # noqa: PLC0415 - Triton is an extra

        self._host, self._fused, self._interpreted = host, fused, interpreted

    # --- products -------------------------------------------------------------------------------

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        if y.ndim != 2 or x.ndim < 2:
            return super().matmul(x, y) if self._on(x, y) else self._host.matmul(x, y)
        if self._on(x, y):
            return ring_product(x.reshape(-1, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
        if x.numel() * y.shape[-1] < WORTH_THE_WAY or self._interpreted:
            return self._host.matmul(x, y)
        return self.matmul(x.cuda(), y.cuda()).cpu()

    def cross_matmul(self, x: Pair, y: Pair) -> Tensor:
        """The two products side by side along the inner axis: one product."""
        if y[0].ndim != 2 or x[0].ndim < 2:
            return super().cross_matmul(x, y)
        return self.matmul(torch.cat(x, -1), torch.cat((y[0] + y[1], y[0]), 0))

    def cross(self, x: Pair, y: Pair, masks: Pair | None = None) -> Tensor:
        if not self._on(*x, *y):
            return self._host.cross(x, y, masks)
        given = [tensor.contiguous() for tensor in (*x, *y, *(masks or x))]
        out = torch.empty_like(given[0])
        self._fused.launch(self._fused.cross, out.numel(), *given, out, MASKED=int(masks is not None))
        return out

    def cross_dot(self, x: Pair, y: Pair) -> Tensor:
        return super().cross_dot(x, y) if self._on(*x, *y) else self._host.cross_dot(x, y)

    def cross_and(self, x: Pair, y: Pair, masks: Pair) -> Tensor:
        if not self._on(*x, *y, *masks):
            return self._host.cross_and(x, y, masks)
        given = [tensor.contiguous() for tensor in (*x, *y, *masks)]
        out = torch.empty_like(given[0])
        self._fused.launch(self._fused.cross_and, out.numel(), *given, out)
        return out

    def cross_and_rows(self, x: Pair, high: list[int], low: list[int], add: list[int], masks: Pair) -> Tensor:
        chosen: Any = super() if self._on(*x, *masks) else self._host
        part: Tensor = chosen.cross_and_rows(x, high, low, add, masks)
        return part

    # --- truncation -----------------------------------------------------------------------------

    def truncation_pair(self, r: Tensor, bits: int | Tensor) -> Pair:
        if not self._on(r):
            return self._host.truncation_pair(r, bits)
        if not isinstance(bits, int):
            return super().truncation_pair(r, bits)
        given = r.contiguous()
        low, top = torch.empty_like(given), torch.empty_like(given)
        self._fused.launch(self._fused.truncation_pair, r.numel(), given, low, top, BITS=bits)
        return low, top

    def truncation_share(
        self, opened: Tensor, pair: Pair, bits: int | Tensor, minus: Tensor, *, first: bool
    ) -> Tensor:
        if not self._on(opened, *pair, minus):
            return self._host.truncation_share(opened, pair, bits, minus, first=first)
        if not isinstance(bits, int):
            return super().truncation_share(opened, pair, bits, minus, first=first)
        given = [tensor.contiguous() for tensor in (opened, *pair, minus)]
        out = torch.empty_like(given[0])
        kernel = self._fused.truncation_share
        self._fused.launch(kernel, out.numel(), *given, out, BITS=bits, FIRST=int(first))
        return out

    # --- separable functions: torch's own operations, which round as the host's do ----------------

    def wave_words(self, r: Tensor, count: int, stride: int, bits: int) -> Tensor:
        chosen: Any = super() if self._on(r) else self._host
        words: Tensor = chosen.wave_words(r, count, stride, bits)
        return words

    def wave_sum(
        self, c: Tensor, dealt: Tensor, cosines: Sequence[float], sines: Sequence[float], stride: int
    ) -> Tensor:
        chosen: Any = super() if self._on(c, dealt) else self._host
        total: Tensor = chosen.wave_sum(c, dealt, cosines, sines, stride)
        return total

    def octave_words(self, r: Tensor, bits: int) -> Tensor:
        return super().octave_words(r, bits) if self._on(r) else self._host.octave_words(r, bits)

    def octave_product(self, c: Tensor, dealt: Tensor, bits: int) -> Tensor:
        chosen: Any = super() if self._on(c, dealt) else self._host
        made: Tensor = chosen.octave_product(c, dealt, bits)
        return made

    # --- words, planes and rows -----------------------------------------------------------------

    def bits_to_words(self, packed: Tensor, elements: int) -> Tensor:
        if not self._on(packed):
            return self._host.bits_to_words(packed, elements)
        out = torch.empty((*packed.shape[:-1], elements), dtype=torch.int64, device=packed.device)
        facts = {"LENGTH": elements, "WIDTH": packed.shape[-1]}
        self._fused.launch(self._fused.bits_to_words, out.numel(), packed.contiguous(), out, **facts)
        return out

    def flip(self, packed: Tensor, x: Tensor, one: int, minus: Tensor) -> Tensor:
        if not self._on(packed, x, minus):
            return self._host.flip(packed, x, one, minus)
        given = [tensor.contiguous() for tensor in (packed, x, minus)]
        out = torch.empty_like(given[1])
        self._fused.launch(self._fused.flip, out.numel(), *given, out, ONE=one)
        return out

    def to_planes(self, x: Tensor, count: int) -> Tensor:
        return super().to_planes(x, count) if self._on(x) else self._host.to_planes(x, count)

    def from_planes(self, planes: Tensor, elements: int) -> Tensor:
        chosen: Any = super() if self._on(planes) else self._host
        made: Tensor = chosen.from_planes(planes, elements)
        return made

    def words_to_bits(self, bits: Tensor) -> Tensor:
        return super().words_to_bits(bits) if self._on(bits) else self._host.words_to_bits(bits)

    def gather(self, rows: Tensor, *parts: Tensor) -> Tensor:
        return super().gather(rows, *parts) if self._on(rows) else self._host.gather(rows, *parts)

    def argsort(self, keys: Tensor) -> Tensor:
        return super().argsort(keys) if self._on(keys) else self._host.argsort(keys)

    def _on(self, *tensors: Tensor) -> bool:
        """Whether all are words with something in them where these kernels run."""
        return all(
            tensor.dtype == torch.int64 and tensor.numel() > 0 and (tensor.is_cuda or self._interpreted)
            for tensor in tensors
        )


def ring_product(x: Tensor, y: Tensor) -> Tensor:
    """`[m, k] @ [k, n]` mod 2^64 from products of signed bytes."""
    (m, k), n = x.shape, y.shape[1]
    rows, columns = max(_LEAST_ROWS, _rounded(m)), _rounded(n)
    total = torch.zeros((rows, columns), dtype=torch.int64, device=x.device)
    for start in range(0, k, INNER):
        inner = min(k - start, INNER)
        left = signed_bytes(_padded(x[:, start : start + inner], rows, _rounded(inner)))
        right = signed_bytes(_padded(y[start : start + inner], _rounded(inner), columns))
        for place in range(BYTES):
            beside = torch.cat([left[i] for i in range(place + 1)], 1)
            below = torch.cat([right[place - i] for i in range(place + 1)], 0)
            total += torch._int_mm(beside, below).to(torch.int64) << (8 * place)
    return total[:m, :n].contiguous()


def signed_bytes(x: Tensor) -> list[Tensor]:
    """Eight int8 digits of words, lowest first: x = sum of digit_i 2^(8 i) mod 2^64, each from -128."""
    digits = []
    for _ in range(BYTES):
        digit = x.to(torch.int8)
        digits.append(digit)
        x = (x - digit) >> 8
    return digits


def _rounded(size: int) -> int:
    return math.ceil(size / _ALIGNED) * _ALIGNED


def _padded(x: Tensor, rows: int, columns: int) -> Tensor:
    if x.shape == (rows, columns):
        return x
    made = torch.zeros((rows, columns), dtype=x.dtype, device=x.device)
    made[: x.shape[0], : x.shape[1]] = x
    return made
