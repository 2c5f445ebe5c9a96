"""The kernels in C (`native.c`), for tensors in this machine's memory.

What the C file has no kernel for, the reference computes: tensors that are not on the CPU, shifts that differ
by element, batched matrix products of more than one matrix on the right. Calls release Python's lock.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from mpc.errors import ConfigError
from mpc.kernels.reference import OCTAVES, Kernels, Pair
from mpc.packing import words_for

#: The order of `enum` in the C file.
_KERNELS: Final = (
    "cross",
    "cross_dot",
    "cross_and",
    "pair",
    "shifted",
    "to_planes",
    "from_planes",
    "bits_to_words",
    "words_to_bits",
    "flip",
    "gather",
    "wave_words",
    "wave_sum",
    "octave_words",
    "octave_product",
    "cross_columns",
    "cross_rows",
)
LEVELS: Final = ("plain", "avx2", "avx512")
#: A thread is given at least so many elements, or words of planes.
GRAIN: Final = 1 << 13
GRAIN_PLANES: Final = 1 << 9
#: Matrix products with fewer rows or columns go without packing: to pack takes as long as to multiply.
THIN: Final = 4
#: Of waves and octaves, which are dozens of words an element.
GRAIN_ROWS: Final = 1 << 10
#: Blocks of 64 words are transposed in eights.
_LANES: Final = 8


class _Task(ctypes.Structure):
    _fields_ = (
        ("inputs", ctypes.c_void_p * 6),
        ("outputs", ctypes.c_void_p * 2),
        ("rows", ctypes.c_void_p * 3),
        ("count", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("number", ctypes.c_int64),
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled C file, or None where the installation had no compiler."""
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_native{suffix}")
        if path.exists():
            return _declared(ctypes.CDLL(str(path)))
    return None


def _declared(built: ctypes.CDLL) -> ctypes.CDLL:
    number, pointer, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_int64
    built.triune_run.argtypes = (number, number, number, size, size, ctypes.POINTER(_Task))
    built.triune_run.restype = None
    built.triune_argsort.argtypes = (size, pointer, pointer)
    built.triune_matmul.argtypes = (number, number, size, size, size, *(pointer, size) * 3)
    return built


class NativeKernels(Kernels):
    """The C kernels with `threads` threads, at this machine's best level or at a lower one."""

    def __init__(self, threads: int = 1, level: str | None = None) -> None:
        super().__init__(threads)
        built = library()
        if built is None:
            raise ConfigError(
                "The native kernels are not built.",
                remedy="Install a C compiler (Debian: apt install gcc) and install Triune again.",
            )
        best = built.triune_level()
        self._level = best if level is None else LEVELS.index(level)
        if self._level > best:
            raise ConfigError(f"This processor has no {level}.", remedy=f"Use at most {LEVELS[best]}.")
        self._built = built
        self.name = f"native-{LEVELS[self._level]}"

    # --- products -------------------------------------------------------------------------------

    def cross(self, x: Pair, y: Pair, masks: Pair | None = None) -> Tensor:
        if not _here(*x, *y):
            return super().cross(x, y, masks)
        out = torch.empty(x[0].shape, dtype=torch.int64)
        self._run("cross", out.numel(), GRAIN, (*x, *y, *(masks or ())), (out,))
        return out

    def cross_dot(self, x: Pair, y: Pair) -> Tensor:
        if not _here(*x, *y):
            return super().cross_dot(x, y)
        *outer, width = x[0].shape
        out = torch.empty(outer, dtype=torch.int64)
        if out.numel() == 1 and self.threads > 1:
            return super().cross_dot(x, y)  # one row cannot be cut; torch cuts it
        self._run("cross_dot", out.numel(), max(1, GRAIN // max(width, 1)), (*x, *y), (out,), width=width)
        return out

    def cross_and(self, x: Pair, y: Pair, masks: Pair) -> Tensor:
        if not _here(*x, *y, *masks):
            return super().cross_and(x, y, masks)
        rows = torch.zeros(1, dtype=torch.int64)
        out = torch.empty(x[0].shape, dtype=torch.int64)
        places = (rows, rows, rows - 1)
        self._run("cross_and", out.numel(), GRAIN_PLANES, (*x, *y, *masks), (out,), places, width=out.numel())
        return out

    def cross_and_rows(self, x: Pair, high: list[int], low: list[int], add: list[int], masks: Pair) -> Tensor:
        if not _here(*x, *masks):
            return super().cross_and_rows(x, high, low, add, masks)
        width = x[0].shape[1]
        out = torch.empty((len(high), width), dtype=torch.int64)
        added = [*add, *[-1] * (len(high) - len(add))]
        places = tuple(torch.tensor(rows, dtype=torch.int64) for rows in (high, low, added))
        self._run("cross_and", out.numel(), GRAIN_PLANES, (*x, *x, *masks), (out,), places, width=width)
        return out

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        if not _here(x, y) or y.ndim != 2 or x.ndim < 2:
            return super().matmul(x, y)
        out = torch.zeros((*x.shape[:-1], y.shape[-1]), dtype=torch.int64)
        self._accumulate(x, y, out)
        return out

    def cross_matmul(self, x: Pair, y: Pair) -> Tensor:
        if not _here(*x, *y) or y[0].ndim != 2 or x[0].ndim < 2:
            return super().cross_matmul(x, y)
        if y[0].shape[1] < THIN or x[0].numel() < THIN * x[0].shape[-1]:
            return self._thin(x, y)
        out = torch.zeros((*x[0].shape[:-1], y[0].shape[-1]), dtype=torch.int64)
        self._accumulate(x[0], y[0] + y[1], out)
        self._accumulate(x[1], y[0], out)
        return out

    def _thin(self, x: Pair, y: Pair) -> Tensor:
        """A matrix product with few columns or few rows."""
        (inner, columns), outer = y[0].shape, x[0].shape[:-1]
        rows = math.prod(outer)
        out = torch.empty((*outer, columns), dtype=torch.int64)
        if columns < THIN:
            given, grain = (*x, y[0].T, y[1].T), max(1, GRAIN // inner)
            self._run("cross_columns", rows, grain, given, (out,), width=inner, number=columns)
        else:
            grain = max(_LANES, GRAIN // inner)
            self._run("cross_rows", columns, grain, (*x, *y), (out,), count=inner, width=columns, number=rows)
        return out

    def _accumulate(self, x: Tensor, y: Tensor, out: Tensor) -> None:
        x, y = x.contiguous(), y.contiguous()
        (k, n), m = y.shape, math.prod(x.shape[:-1])
        places = (x.data_ptr(), k, y.data_ptr(), n, out.data_ptr(), n)
        if not self._built.triune_matmul(self._level, self.threads, m, n, k, *places):
            raise MemoryError

    # --- truncation -----------------------------------------------------------------------------

    def truncation_pair(self, r: Tensor, bits: int | Tensor) -> Pair:
        if not isinstance(bits, int) or not _here(r):
            return super().truncation_pair(r, bits)
        low, top = (torch.empty(r.shape, dtype=torch.int64) for _ in range(2))
        self._run("pair", r.numel(), GRAIN, (r,), (low, top), number=bits)
        return low, top

    def truncation_share(
        self, opened: Tensor, pair: Pair, bits: int | Tensor, minus: Tensor, *, first: bool
    ) -> Tensor:
        if not isinstance(bits, int) or not _here(opened, *pair, minus):
            return super().truncation_share(opened, pair, bits, minus, first=first)
        out = torch.empty(opened.shape, dtype=torch.int64)
        number = bits + (64 if first else 0)
        self._run("shifted", out.numel(), GRAIN, (opened, *pair, minus), (out,), number=number)
        return out

    # --- separable functions --------------------------------------------------------------------

    def wave_words(self, r: Tensor, count: int, stride: int, bits: int) -> Tensor:
        if not _here(r):
            return super().wave_words(r, count, stride, bits)
        out = torch.empty((2 * count, r.numel()), dtype=torch.int64)
        given = (r, _doubles(2.0**bits))
        self._run(
            "wave_words", r.numel(), GRAIN_ROWS, given, (out,), count=r.numel(), width=count, number=stride
        )
        return out

    def wave_sum(
        self, c: Tensor, dealt: Tensor, cosines: Sequence[float], sines: Sequence[float], stride: int
    ) -> Tensor:
        if not _here(c, dealt):
            return super().wave_sum(c, dealt, cosines, sines, stride)
        out, width = torch.empty(c.shape, dtype=torch.int64), len(cosines)
        given = (c, dealt, _doubles(*cosines, *sines))
        self._run(
            "wave_sum", c.numel(), GRAIN_ROWS, given, (out,), count=c.numel(), width=width, number=stride
        )
        return out

    def octave_words(self, r: Tensor, bits: int) -> Tensor:
        if not _here(r):
            return super().octave_words(r, bits)
        out = torch.empty((OCTAVES, r.numel()), dtype=torch.int64)
        given = (r, _doubles(2.0**bits * math.sqrt(0.5)))
        self._run("octave_words", r.numel(), GRAIN_ROWS, given, (out,), count=r.numel())
        return out

    def octave_product(self, c: Tensor, dealt: Tensor, bits: int) -> Tensor:
        if not _here(c, dealt):
            return super().octave_product(c, dealt, bits)
        out = torch.empty(c.shape, dtype=torch.int64)
        given = (c, dealt, _doubles(2.0**bits))
        self._run("octave_product", c.numel(), GRAIN_ROWS, given, (out,), count=c.numel())
        return out

    # --- words and planes -----------------------------------------------------------------------

    def to_planes(self, x: Tensor, count: int) -> Tensor:
        if not _here(x):
            return super().to_planes(x, count)
        out = torch.empty((count, width := words_for(x.numel())), dtype=torch.int64)
        self._run("to_planes", width, _LANES, (x,), (out,), count=x.numel(), width=width, number=count)
        return out

    def from_planes(self, planes: Tensor, elements: int) -> Tensor:
        if not _here(planes):
            return super().from_planes(planes, elements)
        count, width = planes.shape
        out = torch.empty(elements, dtype=torch.int64)
        work = words_for(elements)
        self._run("from_planes", work, _LANES, (planes,), (out,), count=elements, width=width, number=count)
        return out

    def bits_to_words(self, packed: Tensor, elements: int) -> Tensor:
        if not _here(packed) or words_for(elements) != packed.shape[-1]:
            return super().bits_to_words(packed, elements)
        out = torch.empty((*packed.shape[:-1], elements), dtype=torch.int64)
        width = packed.shape[-1]
        self._run(
            "bits_to_words", packed.numel(), GRAIN_PLANES, (packed,), (out,), count=elements, width=width
        )
        return out

    def words_to_bits(self, bits: Tensor) -> Tensor:
        if not _here(bits):
            return super().words_to_bits(bits)
        elements = bits.shape[-1]
        out = torch.empty((*bits.shape[:-1], width := words_for(elements)), dtype=torch.int64)
        self._run("words_to_bits", out.numel(), GRAIN_PLANES, (bits,), (out,), count=elements, width=width)
        return out

    def flip(self, packed: Tensor, x: Tensor, one: int, minus: Tensor) -> Tensor:
        if not _here(packed, x, minus):
            return super().flip(packed, x, one, minus)
        out = torch.empty(x.shape, dtype=torch.int64)
        given, width = (packed, x, minus), packed.numel()
        self._run("flip", width, GRAIN_PLANES, given, (out,), count=x.numel(), width=width, number=one)
        return out

    # --- rows -----------------------------------------------------------------------------------

    def gather(self, rows: Tensor, *parts: Tensor) -> Tensor:
        if not _here(rows, *parts):
            return super().gather(rows, *parts)
        shape = (rows.numel(), *parts[0].shape[1:])
        out = torch.empty(shape, dtype=torch.int64)
        self._run("gather", rows.numel(), GRAIN, parts, (out,), (rows,), width=math.prod(shape[1:]))
        return out

    def argsort(self, keys: Tensor) -> Tensor:
        if not _here(keys):
            return super().argsort(keys)
        given, order = keys.contiguous(), torch.empty(keys.shape, dtype=torch.int64)
        if not self._built.triune_argsort(given.numel(), given.data_ptr(), order.data_ptr()):
            raise MemoryError
        return order

    # --- calling --------------------------------------------------------------------------------

    def _run(
        self,
        name: str,
        work: int,
        grain: int,
        inputs: tuple[Tensor, ...],
        outputs: tuple[Tensor, ...],
        rows: tuple[Tensor, ...] = (),
        **numbers: int,
    ) -> None:
        """Run a C kernel. Every tensor is kept alive, and made contiguous, until it has returned."""
        given = [tensor.contiguous() for tensor in (*inputs, *rows)]
        task = _Task(**numbers)
        for place, tensor in enumerate(given[: len(inputs)]):
            task.inputs[place] = tensor.data_ptr()
        for place, tensor in enumerate(outputs):
            task.outputs[place] = tensor.data_ptr()
        for place, tensor in enumerate(given[len(inputs) :]):
            task.rows[place] = tensor.data_ptr()
        which: Any = _KERNELS.index(name)
        self._built.triune_run(which, self._level, self.threads, work, grain, ctypes.byref(task))


def _here(*tensors: Tensor) -> bool:
    """Whether all are words in this machine's memory, with something in them."""
    return all(
        tensor.device.type == "cpu" and tensor.dtype == torch.int64 and tensor.numel() > 0
        for tensor in tensors
    )


def _doubles(*numbers: float) -> Tensor:
    """Doubles as the words that hold them."""
    return torch.tensor(numbers, dtype=torch.float64).view(torch.int64)
