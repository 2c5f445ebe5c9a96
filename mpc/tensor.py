"""Secret values that read like numpy: `SecretTensor` (ring words) and `SecretBits` (packed bits).

Shape, scale and bound are public and travel with the value; words never show. An operation whose
result could leave the ring raises `RangeError` before it runs. Asking a secret for its truth value
raises `SecretControlFlow`: use `where`.

Rounds and bytes are those of the protocol's primitive (`docs/protocols.md`); additions, public
factors, sums and reshapes send nothing.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mpc.bits import SecretBits, no_truth
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale, encode, scale_of
from mpc.errors import RangeError
from mpc.protocols.base import Protocol

Public = int | float | npt.NDArray[np.generic]


def _checked(bound: int, what: str) -> int:
    if bound >= MAX_MAGNITUDE:
        raise RangeError(
            f"{what} could reach {bound.bit_length()} bits; the ring holds words below 2^62.",
            remedy="Narrow the operands' bounds, use a coarser scale, or sum in limbs.",
        )
    return bound


def _magnitude(words: npt.NDArray[np.int64]) -> int:
    return max(abs(int(words.max())), abs(int(words.min()))) if words.size else 0


def _numpy_names() -> Any:
    # At first use: functions stand above tensors and import them.
    return importlib.import_module("mpc.functions.numpy_names")


class SecretTensor:
    """A secret array of ring words with a public scale and a public bound on the words' magnitude."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, protocol: Protocol[Any], share: Any, scale: Scale = INTEGER, bound: int = 1) -> None:
        self.protocol = protocol
        self.share = share
        self.scale = scale
        self.bound = _checked(bound, "A secret tensor")

    @classmethod
    def of_bits(cls, bits: SecretBits) -> SecretTensor:
        """0/1 words of the same shape: two rounds, 8 B a bit and party."""
        shape, kernels = bits.shape, bits.protocol.kernels

        def flatten(words: Tensor) -> Tensor:
            return kernels.words_to_bits(kernels.bits_to_words(words, bits.length).reshape(1, -1))

        flat = bits.protocol.b2a(bits.protocol.linear(flatten, bits.share), math.prod(shape))
        return cls(bits.protocol, bits.protocol.linear(lambda words: words.reshape(shape), flat))

    # --- numpy ----------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """`np.maximum(x, y)`, and `array + x`: numpy asks the tensor, the tensor asks `mpc.functions`."""
        return _numpy_names().ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return _numpy_names().function(function, inputs, options)

    # --- public facts ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.protocol.shape(self.share)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"SecretTensor(shape={self.shape}, scale={self.scale}, bound={self.bound})"

    def __bool__(self) -> NoReturn:
        no_truth("The truth value")

    def __int__(self) -> NoReturn:
        no_truth("The integer value")

    def __float__(self) -> NoReturn:
        no_truth("The value")

    def __index__(self) -> NoReturn:
        no_truth("The index value")

    # --- shape ----------------------------------------------------------------------------------

    def linear(
        self, fn: Callable[..., Tensor], *, bound: int | None = None, scale: Scale | None = None
    ) -> SecretTensor:
        """A linear function of the words (a sum, an index, a reshape, a public factor). No message.

        `bound` and `scale` are those of the outcome where they differ.
        """
        share = self.protocol.linear(fn, self.share)
        return SecretTensor(
            self.protocol,
            share,
            self.scale if scale is None else scale,
            self.bound if bound is None else bound,
        )

    def view(self, *, scale: Scale | None = None, bound: int | None = None) -> SecretTensor:
        """The same words, read at another scale or under a bound that the algorithm guarantees. No message.

        Nothing checks such a bound; one that somebody *states* goes through `mpc.assume_bound`.
        """
        return self.linear(lambda words: words, scale=scale, bound=bound)

    def __getitem__(self, index: Any) -> SecretTensor:
        """Public indices only."""
        return self.linear(lambda words: words[index])

    def reshape(self, *shape: int) -> SecretTensor:
        return self.linear(lambda words: words.reshape(shape))

    def broadcast_to(self, shape: tuple[int, ...]) -> SecretTensor:
        return self.linear(lambda words: words.expand(shape))

    @property
    def T(self) -> SecretTensor:  # noqa: N802 - the array API's name
        return self.linear(lambda words: words.transpose(-1, -2))

    def sum(self, axis: int | None = None) -> SecretTensor:
        """Sum over an axis, or over all. No message."""
        count = self.size if axis is None else self.shape[axis]
        bound = _checked(self.bound * max(1, count), f"A sum of {count} elements")
        return self.linear(lambda words: words.sum() if axis is None else words.sum(axis), bound=bound)

    def mean(self, axis: int | None = None) -> SecretTensor:
        return self.sum(axis) / (self.size if axis is None else self.shape[axis])

    # --- linear arithmetic ----------------------------------------------------------------------

    def rescale(self, scale: Scale) -> SecretTensor:
        """The same value at a finer scale. No message, no error."""
        if scale == self.scale:
            return self
        step = self.scale.steps_to(scale)
        bound = _checked(self.bound * step, "A rescaled tensor")
        return self.linear(lambda words: words * step, bound=bound, scale=scale)

    def truncate(self, bits: int) -> SecretTensor:
        """Drop `bits` fraction bits: floor or ceiling. Two rounds, 16 B an element and party."""
        return self.shifted_down(bits).view(scale=Scale(self.scale.bits - bits, self.scale.digits))

    def shifted_down(self, places: int | Tensor) -> SecretTensor:
        """Words over 2^places at the same scale, floor or ceiling. Two rounds, 16 B an element and party.

        Places are public and at least 1: one for all, or int64 ones that broadcast to this shape.
        """
        share = self.protocol.truncate(self.share, places)
        least = places if isinstance(places, int) else int(places.min())
        return SecretTensor(self.protocol, share, self.scale, (self.bound >> least) + 1)

    def __neg__(self) -> SecretTensor:
        return self.linear(torch.neg)

    def __add__(self, other: SecretTensor | Public) -> SecretTensor:
        if not isinstance(other, SecretTensor):
            other = self.lift(other)
        scale = self.scale.join(other.scale)
        x, y = self.rescale(scale), other.rescale(scale)
        share = self.protocol.linear(torch.add, x.share, y.share)
        return SecretTensor(self.protocol, share, scale, _checked(x.bound + y.bound, "A sum"))

    def __sub__(self, other: SecretTensor | Public) -> SecretTensor:
        return self + (-other if isinstance(other, SecretTensor) else -self.lift(other))

    def __radd__(self, other: Public) -> SecretTensor:
        return self + other

    def __rsub__(self, other: Public) -> SecretTensor:
        return -self + other

    def lift(self, values: Public) -> SecretTensor:
        """A public operand at this tensor's scale or its own, whichever is finer."""
        array = np.asarray(values)
        own = INTEGER if array.dtype.kind in "biu" else self.scale
        if array.dtype.kind not in "biu" and self.scale.bits == 0:
            own = Scale(DEFAULT_BITS, self.scale.digits)
        words = np.ascontiguousarray(encode(array, own, MAX_MAGNITUDE - 1))
        share = self.protocol.public(torch.from_numpy(words))
        return SecretTensor(self.protocol, share, own, _magnitude(words))

    # --- products -------------------------------------------------------------------------------

    def __mul__(self, other: SecretTensor | Public) -> SecretTensor:
        """Elementwise product. Secret times secret: one round, 8 B; with truncation two rounds, 16 B."""
        if not isinstance(other, SecretTensor):
            return self._by_public(other, torch.mul)
        shape = np.broadcast_shapes(self.shape, other.shape)
        x, y = self.broadcast_to(shape), other.broadcast_to(shape)
        return x._product(y, self.protocol.mul, 1)

    def __rmul__(self, other: Public) -> SecretTensor:
        return self * other

    def _product(self, other: SecretTensor, primitive: Callable[..., Any], terms: int) -> SecretTensor:
        """Run a bilinear primitive with `terms` products a sum; binary scales truncate to the finer one."""
        bound = _checked(self.bound * other.bound * max(1, terms), "A product")
        drop = min(self.scale.bits, other.scale.bits)
        share = primitive(self.share, other.share, drop)
        wide = self.scale * other.scale
        scale = Scale(wide.bits - drop, wide.digits)
        return SecretTensor(self.protocol, share, scale, (bound >> drop) + (1 if drop else 0))

    def _by_public(
        self, values: Public, multiply: Callable[[Tensor, Tensor], Tensor], terms: int = 1
    ) -> SecretTensor:
        """A bilinear function with a public operand: no message, but a truncation of binary scales."""
        array = np.asarray(values)
        scale = scale_of(array)
        words = encode(array, scale, MAX_MAGNITUDE - 1)
        factor = torch.from_numpy(np.ascontiguousarray(words))
        bound = _checked(self.bound * _magnitude(words) * max(1, terms), "A product with a public factor")
        wide = self.linear(lambda own: multiply(own, factor), bound=bound, scale=self.scale * scale)
        drop = min(self.scale.bits, scale.bits)
        return wide.truncate(drop) if drop else wide

    def __truediv__(self, divisor: SecretTensor | int | float) -> SecretTensor:
        """Divide by a public number: one public factor and one truncation; error 1 unit in the last place.

        By a secret: `mpc.divide`.
        """
        if isinstance(divisor, SecretTensor):
            return _numpy_names().divided(self, divisor)  # type: ignore[no-any-return]
        if divisor == 0:
            raise RangeError("Division by 0.", remedy="Give another divisor.")
        scale = self.scale if self.scale.bits else Scale(DEFAULT_BITS, self.scale.digits)
        ratio = Fraction(self.scale.steps_to(scale)) / Fraction(divisor)
        reach = max(1, self.bound).bit_length() + max(0, math.floor(math.log2(abs(ratio))) + 1)
        shift = min(60, 61 - reach)
        if shift < 1:
            raise RangeError("The quotient leaves the ring.", remedy="Use a coarser scale.")
        factor = round(ratio * 2**shift)
        bound = _checked(self.bound * abs(factor), "A quotient")
        wide = self.linear(lambda x: x * factor, bound=bound, scale=Scale(scale.bits + shift, scale.digits))
        return wide.truncate(shift)

    def __rtruediv__(self, dividend: Public) -> SecretTensor:
        return _numpy_names().divided(self.lift(dividend), self)  # type: ignore[no-any-return]

    def dot(self, other: SecretTensor) -> SecretTensor:
        """Sum of products over the last axis: the cost of one product an output element."""
        shape = np.broadcast_shapes(self.shape, other.shape)
        return self.broadcast_to(shape)._product(other.broadcast_to(shape), self.protocol.dot, shape[-1])

    def __matmul__(self, other: SecretTensor | Public) -> SecretTensor:
        """Matrix product (batched): the cost of one product an output element; by a public matrix none."""
        if isinstance(other, SecretTensor):
            return self._product(other, self.protocol.matmul, self.shape[-1])
        return self._by_public(other, torch.matmul, self.shape[-1])

    def __rmatmul__(self, other: Public) -> SecretTensor:
        return self._by_public(other, lambda words, factor: torch.matmul(factor, words), np.shape(other)[-1])

    # --- comparisons ----------------------------------------------------------------------------

    def _flat(self) -> Any:
        return self.protocol.linear(lambda words: words.reshape(-1), self.share)

    def _unflat(self, share: Any) -> SecretTensor:
        shape = self.shape
        return SecretTensor(self.protocol, self.protocol.linear(lambda words: words.reshape(shape), share))

    @property
    def _bits(self) -> int:
        """Bit planes below the sign that the public bound needs."""
        return max(1, self.bound.bit_length())

    def _negative(self) -> SecretTensor:
        """1 where below 0."""
        return self._unflat(self.protocol.sign(self._flat(), self._bits))

    def _minus(self, other: SecretTensor | Public) -> SecretTensor:
        return self - other

    def __lt__(self, other: SecretTensor | Public) -> SecretTensor:
        """0/1. At most 8 rounds, about 24 B an element and party for 62-bit bounds."""
        return self._minus(other)._negative()

    def __gt__(self, other: SecretTensor | Public) -> SecretTensor:
        return (-self._minus(other))._negative()

    def __ge__(self, other: SecretTensor | Public) -> SecretTensor:
        return _opposite(self < other)

    def __le__(self, other: SecretTensor | Public) -> SecretTensor:
        return _opposite(self > other)

    def __eq__(self, other: object) -> SecretTensor:  # type: ignore[override]
        """0/1. At most 8 rounds."""
        difference = self._minus(other)  # type: ignore[arg-type]
        return difference._unflat(self.protocol.is_zero(difference._flat(), difference._bits))

    def __ne__(self, other: object) -> SecretTensor:  # type: ignore[override]
        return _opposite(self == other)

    def less_bits(self, other: SecretTensor | Public) -> SecretBits:
        """`self < other` for vectors `[..., n]` as packed bits `[..., n]`: one conversion less than `<`."""
        difference = self._minus(other)
        bits = self.protocol.sign_bits(difference._flat(), difference._bits)
        return SecretBits.from_plane(self.protocol, bits, difference.shape)

    # --- operators of `mpc.functions` -----------------------------------------------------------

    def __pow__(self, exponent: SecretTensor | Public) -> SecretTensor:
        """`mpc.power`."""
        return _numpy_names().raised(self, exponent)  # type: ignore[no-any-return]

    def __rpow__(self, base: Public) -> SecretTensor:
        return _numpy_names().raised(base, self)  # type: ignore[no-any-return]

    def __abs__(self) -> SecretTensor:
        """`mpc.abs`."""
        return _numpy_names().absolute(self)  # type: ignore[no-any-return]

    def __pos__(self) -> SecretTensor:
        return self

    def __and__(self, other: SecretTensor | SecretBits | Public) -> SecretTensor:
        """Of masks of 0 and 1: one product. `RangeError` for other words."""
        return _numpy_names().conjunction(self, other)  # type: ignore[no-any-return]

    def __rand__(self, other: Public) -> SecretTensor:
        return self & other

    def __or__(self, other: SecretTensor | SecretBits | Public) -> SecretTensor:
        """As `&`."""
        return _numpy_names().disjunction(self, other)  # type: ignore[no-any-return]

    def __ror__(self, other: Public) -> SecretTensor:
        return self | other

    def __xor__(self, other: SecretTensor | SecretBits | Public) -> SecretTensor:
        """As `&`."""
        return _numpy_names().exclusive(self, other)  # type: ignore[no-any-return]

    def __rxor__(self, other: Public) -> SecretTensor:
        return self ^ other

    def __invert__(self) -> SecretTensor:
        """Of a mask of 0 and 1: 1 less it. No message. `RangeError` for other words."""
        return _numpy_names().negation(self)  # type: ignore[no-any-return]

    def __contains__(self, item: object) -> NoReturn:
        no_truth("Whether something is in the words")


def _opposite(flags: SecretTensor) -> SecretTensor:
    """1 - flags of 0/1 words. Interval arithmetic would say at most 2, and a product of k flags 2^k."""
    return (1 - flags).view(bound=1)


def _joined(tensors: Sequence[SecretTensor]) -> tuple[list[SecretTensor], Scale, int]:
    scale = tensors[0].scale
    for tensor in tensors[1:]:
        scale = scale.join(tensor.scale)
    same = [tensor.rescale(scale) for tensor in tensors]
    return same, scale, max(tensor.bound for tensor in same)


def concat(tensors: Sequence[SecretTensor], axis: int = 0) -> SecretTensor:
    """Join along an axis; the scale is the finest of all. No message."""
    same, scale, bound = _joined(tensors)
    protocol = same[0].protocol
    share = protocol.linear(lambda *words: torch.cat(words, dim=axis), *(tensor.share for tensor in same))
    return SecretTensor(protocol, share, scale, bound)


def stack(tensors: Sequence[SecretTensor], axis: int = 0) -> SecretTensor:
    """Join along a new axis. No message."""
    same, scale, bound = _joined(tensors)
    protocol = same[0].protocol
    share = protocol.linear(lambda *words: torch.stack(words, dim=axis), *(tensor.share for tensor in same))
    return SecretTensor(protocol, share, scale, bound)


def where(condition: SecretTensor, x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """`x` where the 0/1 condition is 1, else `y`. One round, 8 B an element and party."""
    return (y + condition * (x - y)).view(bound=_joined([x, y])[2])
