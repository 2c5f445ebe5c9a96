"""Secret values that read like numpy: `SecretTensor` (ring words) and `SecretBits` (packed bits).

Shape, scale and bound are public and travel with the value; words never show. An operation whose
result could leave the ring raises `RangeError` before it runs. Asking a secret for its truth value
raises `SecretControlFlow`: use `where`.

Rounds and bytes are those of the protocol's primitive (`docs/protocols.md`), here of `replicated`;
additions, whole public factors, sums and reshapes send nothing. Nothing is revealed anywhere.

Public numbers are the same to the last bit at every party, or the shares no longer fit together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.array_utils import normalize_axis_index
from torch import Tensor

from mpc import factors
from mpc.bits import SecretBits, no_truth
from mpc.bounds import checked, common_shape, magnitude, named, summed_terms
from mpc.encoding import (
    DEFAULT_BITS,
    INTEGER,
    MAX_MAGNITUDE,
    Scale,
    as_numbers,
    encode,
    threshold,
    whole_bound,
)
from mpc.errors import NotSupported, RangeError
from mpc.operators import FunctionOperators, numpy_names
from mpc.protocols.base import Protocol

Public = int | float | npt.NDArray[np.generic]


class SecretTensor(FunctionOperators):
    """A secret array of ring words with a public scale and a public bound on the words' magnitude."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, protocol: Protocol[Any], share: Any, scale: Scale = INTEGER, bound: int = 1) -> None:
        self.protocol = protocol
        self.share = share
        self.scale = scale
        self.bound = checked(whole_bound(bound), "A secret tensor")

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
        return numpy_names().ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return numpy_names().function(function, inputs, options)

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

    if not TYPE_CHECKING:  # for whom a tensor would then be an array

        def __array__(self, *_: Any, **__: Any) -> NoReturn:
            raise NotSupported("numpy cannot hold a secret.", remedy="Release it, or use mpc.stack.")

    def __reduce__(self) -> NoReturn:
        raise NotSupported("A secret tensor does not leave its process.", remedy="Release it as a result.")

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
        """Public indices only, as numpy takes them. No message. `IndexError` where numpy has one."""
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, SecretTensor | SecretBits) for part in parts):
            no_truth("The place that an index names")
        if not any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
            return self.linear(lambda words: words[index])
        places = torch.from_numpy(np.arange(self.size).reshape(self.shape)[index].copy())
        return self.linear(lambda words: words.reshape(-1)[places])

    def reshape(self, *shape: int | tuple[int, ...]) -> SecretTensor:
        """As numpy's, of sizes or a tuple of them. No message. `RangeError` if they do not fit."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        try:
            return self.linear(lambda words: words.reshape(sizes))
        except RuntimeError as error:
            raise RangeError(
                f"A tensor of shape {self.shape} does not have the shape {tuple(sizes)}.",
                remedy=f"Give sizes whose product is {self.size}.",
            ) from error

    def broadcast_to(self, shape: tuple[int, ...]) -> SecretTensor:
        return self.linear(lambda words: words.expand(shape))

    @property
    def T(self) -> SecretTensor:  # noqa: N802 - the array API's name
        return self.linear(lambda words: words.transpose(-1, -2))

    def sum(self, axis: int | None = None) -> SecretTensor:
        """Sum over an axis, or over all, at this scale. No message. `RangeError` if it might not fit."""
        count = self._along(axis)
        bound = checked(self.bound * max(1, count), f"A sum of {count} elements", self)
        return self.linear(lambda words: words.sum() if axis is None else words.sum(axis), bound=bound)

    def mean(self, axis: int | None = None) -> SecretTensor:
        """Sum over an axis, or over all, over the number of elements; scale, error and cost as `/`."""
        count = self._along(axis)
        if count == 0:
            raise RangeError(f"No elements have no mean.{named([self])}", remedy="Give at least one.")
        return self.sum(axis) / count

    def _along(self, axis: int | None) -> int:
        """How many elements an axis has, or all; numpy's `AxisError` for one that is not there."""
        return self.size if axis is None else self.shape[normalize_axis_index(axis, self.ndim)]

    # --- linear arithmetic ----------------------------------------------------------------------

    def rescale(self, scale: Scale) -> SecretTensor:
        """The same value at a finer scale. No message, no error. `RangeError` if it is coarser."""
        if scale == self.scale:
            return self
        step = self.scale.steps_to(scale)
        bound = checked(self.bound * step, f"A tensor at {scale}", self)
        return self.linear(lambda words: words * step, bound=bound, scale=scale)

    def truncate(self, bits: int) -> SecretTensor:
        """Drop `bits` fraction bits: floor or ceiling. 2 rounds; 8, 8 and 16 B an element."""
        return self.shifted_down(bits).view(scale=Scale(self.scale.bits - bits, self.scale.digits))

    def shifted_down(self, places: int | Tensor) -> SecretTensor:
        """Words over 2^places at the same scale, floor or ceiling. 2 rounds; 8, 8 and 16 B an element.

        Places are public and at least 1: one for all, or int64 ones that broadcast to this shape.
        """
        share = self.protocol.truncate(self.share, places)
        least = places if isinstance(places, int) else int(places.min())
        return SecretTensor(self.protocol, share, self.scale, (self.bound >> least) + 1)

    def __neg__(self) -> SecretTensor:
        return self.linear(torch.neg)

    def __add__(self, other: SecretTensor | Public) -> SecretTensor:
        """Sum at the finer scale of the two, exactly; public reals as `lift` takes them. No message.

        Shapes broadcast. `RangeError` if they do not, or if the sum could leave the ring.
        """
        if not isinstance(other, SecretTensor):
            other = self.lift(other)
        common_shape("A sum", self, other)
        scale = self.scale.join(other.scale)
        x, y = self.rescale(scale), other.rescale(scale)
        share = self.protocol.linear(torch.add, x.share, y.share)
        return SecretTensor(self.protocol, share, scale, checked(x.bound + y.bound, "A sum", x, y))

    def __sub__(self, other: SecretTensor | Public) -> SecretTensor:
        return self + (-other if isinstance(other, SecretTensor) else -self.lift(other))

    def __radd__(self, other: Public) -> SecretTensor:
        return self + other

    def __rsub__(self, other: Public) -> SecretTensor:
        return -self + other

    def lift(self, values: Public) -> SecretTensor:
        """Public numbers as a tensor: integers exact, reals at this scale, of at least 16 fraction bits.

        Rounded to the nearest word. No message. `RangeError` for NaN, infinities, and what has no word.
        """
        array = as_numbers(values)
        scale = INTEGER if array.dtype.kind in "biu" else self.scale.at_least(DEFAULT_BITS)
        words = encode(array, scale, MAX_MAGNITUDE - 1)
        return SecretTensor(
            self.protocol, self.protocol.public(torch.from_numpy(words)), scale, magnitude(words)
        )

    # --- products -------------------------------------------------------------------------------

    def __mul__(self, other: SecretTensor | Public) -> SecretTensor:
        """Elementwise product. Shapes broadcast.

        By a secret: at the finer scale of the two, of at least as many fraction bits as both have, up to 16;
        error below 1 unit in the last place. One round, 8 B; two rounds, 16 B where bits are dropped.
        By public integers: exact, no message.
        By public reals: at this scale, of at least 16 fraction bits. Exact without a message where the
        factor has no more fraction bits than the result gains; without one for words of 0 and 1. Else within
        2 units, 2 rounds and 8, 8 and 16 B an element; 3 or 4 rounds and twice or thrice that where words
        have more than about 31 bits.

        `RangeError` for shapes that do not fit, NaN and infinities, and if the product could leave the ring.
        """
        shape = common_shape("A product", self, other)
        if not isinstance(other, SecretTensor):
            return self._by_public(other, torch.mul)
        x, y = self.broadcast_to(shape), other.broadcast_to(shape)
        return x._product(y, self.protocol.mul, 1)

    def __rmul__(self, other: Public) -> SecretTensor:
        """As `*`."""
        return self * other

    def _product(self, other: SecretTensor, primitive: Callable[..., Any], terms: int) -> SecretTensor:
        """Run a bilinear primitive with `terms` products a sum; drop bits beyond the finer scale, and 16."""
        bound = checked(self.bound * other.bound * max(1, terms), "A product", self, other)
        wide = self.scale * other.scale
        drop = max(0, wide.bits - self.scale.join(other.scale).at_least(DEFAULT_BITS).bits)
        share = primitive(self.share, other.share, drop)
        scale = Scale(wide.bits - drop, wide.digits)
        return SecretTensor(self.protocol, share, scale, (bound >> drop) + (1 if drop else 0))

    def _by_public(self, values: Public, multiply: factors.Multiply, terms: int = 1) -> SecretTensor:
        """A bilinear function with a public operand, `terms` products a sum."""
        array = as_numbers(values)
        if array.dtype.kind == "f":
            return self._by_reals(factors.of_reals(array), multiply, terms, "A product with a public factor")
        words = encode(array, INTEGER, MAX_MAGNITUDE - 1)
        reach = self.bound * magnitude(words) * max(1, terms)
        bound, factor = checked(reach, "A product with a public factor", self), torch.from_numpy(words)
        return self.linear(lambda own: multiply(own, factor), bound=bound)

    def _by_reals(
        self, given: factors.Factor, multiply: factors.Multiply, terms: int, what: str
    ) -> SecretTensor:
        """By real factors, within 2 units of this scale of at least 16 fraction bits."""
        scale, terms = self.scale.at_least(DEFAULT_BITS), max(1, terms)
        factor, most = given.scaled(scale.bits - self.scale.bits), max(1, self.bound)
        bound = checked(math.ceil(most * terms * factor.magnitude) + 2, what, self)
        plan = factors.plan(most, terms, factor)
        if plan is None:
            raise RangeError(
                f"{what} is not within 2 units in the last place: sums of {terms} terms.{named([self])}",
                remedy="Narrow the bound, or sum fewer terms at a time.",
            )
        share = factors.product(self.protocol, self.share, factor, plan, multiply)
        return SecretTensor(self.protocol, share, scale, bound)

    def __truediv__(self, divisor: SecretTensor | Public) -> SecretTensor:
        """Over public numbers: at this scale, of at least 16 fraction bits, within 2 units in the last place.

        So integers over integers have 16 fraction bits. Shapes broadcast. Exact without a message for powers
        of 2 where the result has the bits for it. Else 2 rounds and 8, 8 and 16 B an element; 3 or 4 rounds
        and twice or thrice that where words have more than about 31 bits. `RangeError` for shapes that do not
        fit, for 0, NaN and infinities, and if the quotient could leave the ring.

        Over a secret: `mpc.divide`.
        """
        if isinstance(divisor, SecretTensor):
            return numpy_names().divided(self, divisor)  # type: ignore[no-any-return]
        inverses = factors.of_inverses(as_numbers(divisor))
        common_shape("A quotient", self, divisor)
        return self._by_reals(inverses, torch.mul, 1, "A quotient by a public number")

    def __rtruediv__(self, dividend: Public) -> SecretTensor:
        """Public numbers, as `lift` takes them, over a secret: `mpc.divide`."""
        return numpy_names().divided(self.lift(dividend), self)  # type: ignore[no-any-return]

    def dot(self, other: SecretTensor | Public) -> SecretTensor:
        """Sum of products over the last axis: cost, scale and error of one product an output element."""
        shape = common_shape("A dot product", self, other)
        if not shape:
            return self * other
        x = self.broadcast_to(shape)
        if isinstance(other, SecretTensor):
            return x._product(other.broadcast_to(shape), self.protocol.dot, shape[-1])
        return x._by_public(other, lambda words, factor: (words * factor).sum(-1), shape[-1])

    def __matmul__(self, other: SecretTensor | Public) -> SecretTensor:
        """Matrix product (batched): cost, scale and error of one product an output element, as `*`.

        By public reals within 2 units in the last place, whatever the length: sums of n words of b bits count
        for words of b + 2 log2 n bits there, with a round and 8, 8 and 16 B a word for each further part that
        they are taken in. `RangeError` as `*`, and where bound and length leave too little room for that.
        """
        terms = summed_terms(self, other)
        if isinstance(other, SecretTensor):
            return self._product(other, self.protocol.matmul, terms)
        return self._by_public(other, torch.matmul, terms)

    def __rmatmul__(self, other: Public) -> SecretTensor:
        """As `@`."""
        return self._by_public(
            other, lambda words, factor: torch.matmul(factor, words), summed_terms(other, self)
        )

    # --- comparisons ----------------------------------------------------------------------------

    def _gap(
        self, other: Any, rounding: Callable[..., Any], *, swapped: bool = False
    ) -> tuple[Any, int, tuple[int, ...]]:
        """Flat words of self - other (or the reverse), how many bits they have, and their shape. No message.

        A public operand is taken as the word that decides (`threshold`), so its scale is no matter.
        """
        if isinstance(other, SecretTensor):
            scale = self.scale.join(other.scale)
            x, y = self.rescale(scale), other.rescale(scale)
            share, reach = y.share, y.bound
        else:
            words = threshold(other, self.scale, self.bound, rounding)
            x, share, reach = self, self.protocol.public(torch.from_numpy(words)), magnitude(words)
        shape = common_shape("A comparison", self, other)

        def difference(own: Tensor, word: Tensor) -> Tensor:
            return (word - own if swapped else own - word).reshape(-1)

        flat = self.protocol.linear(difference, x.share, share)
        return flat, max(1, (x.bound + reach).bit_length()), shape

    def _flags(self, share: Any, shape: tuple[int, ...]) -> SecretTensor:
        return SecretTensor(self.protocol, share).reshape(*shape)

    def __lt__(self, other: SecretTensor | Public) -> SecretTensor:
        """0/1 of the broadcast shape. At most 8 rounds, about 24 B an element and party for 62-bit bounds.

        Exact, with any public numbers, of any size or fineness. `RangeError` for NaN, for shapes that do not
        broadcast, and where one of two secrets leaves the ring at the other's scale. So are all comparisons.
        """
        flat, bits, shape = self._gap(other, np.ceil)
        return self._flags(self.protocol.sign(flat, bits), shape)

    def __gt__(self, other: SecretTensor | Public) -> SecretTensor:
        """0/1, as `<`."""
        flat, bits, shape = self._gap(other, np.floor, swapped=True)
        return self._flags(self.protocol.sign(flat, bits), shape)

    def __ge__(self, other: SecretTensor | Public) -> SecretTensor:
        """0/1, as `<`."""
        return _opposite(self < other)

    def __le__(self, other: SecretTensor | Public) -> SecretTensor:
        """0/1, as `<`."""
        return _opposite(self > other)

    def __eq__(self, other: Any) -> SecretTensor:  # type: ignore[override]
        """0/1, as `<`; at most 8 rounds."""
        flat, bits, shape = self._gap(other, np.equal)
        return self._flags(self.protocol.is_zero(flat, bits), shape)

    def __ne__(self, other: Any) -> SecretTensor:  # type: ignore[override]
        """0/1, as `==`."""
        return _opposite(self == other)

    def less_bits(self, other: SecretTensor | Public) -> SecretBits:
        """`self < other` for vectors `[..., n]` as packed bits `[..., n]`: one conversion less than `<`."""
        flat, bits, shape = self._gap(other, np.ceil)
        return SecretBits.from_plane(self.protocol, self.protocol.sign_bits(flat, bits), shape)


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
