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
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from torch import Tensor

from mpc import factors
from mpc.bits import SecretBits, no_truth
from mpc.bounds import Public, checked, common_shape, magnitude, misfit, named, shape_of, summed_terms
from mpc.comparisons import Comparisons
from mpc.encoding import (
    DEFAULT_BITS,
    INTEGER,
    MAX_MAGNITUDE,
    Scale,
    as_numbers,
    encode,
    whole_bound,
)
from mpc.errors import NotSupported, RangeError
from mpc.operators import provided
from mpc.packing import WORD_BITS
from mpc.protocols.base import Protocol

Axes = int | Sequence[int] | None

__all__ = ["Axes", "Public", "SecretTensor", "axes_of", "concat", "secrets", "stack"]


class SecretTensor(Comparisons):
    """A secret array of ring words with a public scale and a public bound on the words' magnitude."""

    __array_priority__ = 1000

    def __init__(self, protocol: Protocol[Any], share: Any, scale: Scale = INTEGER, bound: int = 1) -> None:
        self.protocol = protocol
        self.share = share
        self.scale = scale
        self.bound = checked(whole_bound(bound), "A secret tensor")

    @classmethod
    def of_bits(cls, bits: SecretBits) -> SecretTensor:
        """0/1 words of the same shape: two rounds, 8 B a bit and party."""
        shape, kernels = bits.shape, bits.protocol.kernels
        one_row = bits.length % WORD_BITS == 0 or math.prod(shape[:-1]) == 1

        def flatten(words: Tensor) -> Tensor:
            if one_row:  # the rows stand one after the other as they are
                return words.reshape(1, -1)
            return kernels.words_to_bits(kernels.bits_to_words(words, bits.length).reshape(1, -1))

        flat = bits.protocol.b2a(bits.protocol.linear(flatten, bits.share), math.prod(shape))
        return cls(bits.protocol, bits.protocol.linear(lambda words: words.reshape(shape), flat))

    @classmethod
    def of_public(cls, protocol: Protocol[Any], values: Public, scale: Scale) -> SecretTensor:
        """Public numbers rounded to the nearest word. No message. Programs ask `session.public`, or `lift`.

        `RangeError` for NaN, infinities, and what has no word.
        """
        words = encode(values, scale, MAX_MAGNITUDE - 1)
        return cls(protocol, protocol.public(torch.from_numpy(words)), scale, magnitude(words))

    def like(self, share: Any, *, scale: Scale | None = None, bound: int | None = None) -> SecretTensor:
        """Another share of this protocol: at this scale and under this bound, where no others are given."""
        return SecretTensor(
            self.protocol,
            share,
            self.scale if scale is None else scale,
            self.bound if bound is None else bound,
        )

    # --- shape ----------------------------------------------------------------------------------

    def linear(
        self, fn: Callable[..., Tensor], *, bound: int | None = None, scale: Scale | None = None
    ) -> SecretTensor:
        """A linear function of the words (a sum, an index, a reshape, a public factor). No message.

        `bound` and `scale` are those of the outcome where they differ.
        """
        return self.like(self.protocol.linear(fn, self.share), scale=scale, bound=bound)

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

    def reshape(self, *shape: int | Sequence[int]) -> SecretTensor:
        """As numpy's, of lengths or a sequence of them; one may be -1. No message.

        `RangeError` if they do not fit.
        """
        given = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        sizes = [int(size) for size in np.atleast_1d(np.asarray(given, dtype=np.int64))]
        known = math.prod(size for size in sizes if size >= 0)
        if sizes.count(-1) == 1 and known:
            sizes[sizes.index(-1)] = self.size // known
        if min(sizes, default=0) < 0 or math.prod(sizes) != self.size:
            raise RangeError(
                f"A tensor of shape {self.shape} does not have the shape {given}.",
                remedy=f"Give lengths whose product is {self.size}.",
            )
        return self.linear(lambda words: words.reshape(sizes))

    def broadcast_to(self, shape: tuple[int, ...]) -> SecretTensor:
        """As numpy's. No message. `RangeError` if they do not fit."""
        try:
            return self.linear(lambda words: words.expand(shape))
        except RuntimeError:
            raise RangeError(
                f"A tensor of shape {self.shape} does not broadcast to {tuple(shape)}.",
                remedy="Give axes of the same length, or of length 1.",
            ) from None

    @property
    def T(self) -> SecretTensor:  # noqa: N802 - numpy's name
        """All axes in reverse, as numpy's. No message."""
        return self.linear(lambda words: words.permute(*reversed(range(words.ndim))))

    @property
    def mT(self) -> SecretTensor:  # noqa: N802 - the array API's name
        """The last two axes exchanged. No message. `RangeError` for fewer."""
        if self.ndim < 2:
            raise RangeError(f"A tensor of shape {self.shape} is no matrix.", remedy="Give two axes or more.")
        return self.linear(lambda words: words.transpose(-1, -2))

    def sum(self, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
        """Sum over an axis, several, or all, at this scale. No message. `RangeError` if it might not fit."""
        axes = axes_of(self, axis)
        count = math.prod(self.shape[place] for place in axes)
        bound = checked(self.bound * max(1, count), f"A sum of {count} elements", self)
        if not axes:
            return self.view(bound=bound)
        return self.linear(lambda words: words.sum(axes, keepdim=keepdims), bound=bound)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
        """The sum over the number of elements; scale, error and cost as `/`. `RangeError` of none."""
        count = math.prod(self.shape[place] for place in axes_of(self, axis))
        if count == 0:
            raise RangeError(f"No elements have no mean.{named([self])}", remedy="Give at least one.")
        return self.sum(axis, keepdims) / count

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

    def to_binary(self, bits: int) -> SecretTensor:
        """The same value with `bits` fraction bits and no decimals, as curves, roots and quotients take.

        Of binary scales exact, or floor or ceiling, as `rescale` and `truncate`. Of decimals within 2 units
        in the last place: 2 rounds and 8, 8 and 16 B an element; 3 or 4 rounds and twice or thrice that where
        words have more than about 31 bits. `RangeError` if it could leave the ring.
        """
        if not self.scale.digits:
            finer = bits >= self.scale.bits
            return self.rescale(Scale(bits)) if finer else self.truncate(self.scale.bits - bits)
        inverse = factors.of_inverses(np.asarray(10**self.scale.digits)).scaled(bits - self.scale.bits)
        words = self.view(scale=Scale(bits))
        return words._by_reals(inverse, torch.mul, 1, "A decimal as a binary number", scale=Scale(bits))

    def shifted_down(self, places: int | Tensor) -> SecretTensor:
        """Words over 2^places at the same scale, floor or ceiling. 2 rounds; 8, 8 and 16 B an element.

        Places are public and at least 1: one for all, or int64 ones that broadcast to this shape.
        """
        share = self.protocol.truncate(self.share, places)
        least = places if isinstance(places, int) else int(places.min())
        return self.like(share, bound=(self.bound >> least) + 1)

    def __neg__(self) -> SecretTensor:
        """No message."""
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
        return self.like(share, scale=scale, bound=checked(x.bound + y.bound, "A sum", x, y))

    def __sub__(self, other: SecretTensor | Public) -> SecretTensor:
        """Difference; as `+`."""
        return self + (-other if isinstance(other, SecretTensor) else -self.lift(other))

    def __radd__(self, other: Public) -> SecretTensor:
        """As `+`."""
        return self + other

    def __rsub__(self, other: Public) -> SecretTensor:
        """As `-`."""
        return -self + other

    def lift(self, values: Public) -> SecretTensor:
        """Public numbers as a tensor: integers exact, reals at this scale, of at least 16 fraction bits.

        Rounded to the nearest word. No message. `RangeError` for NaN, infinities, and what has no word.
        """
        array = as_numbers(values)
        scale = INTEGER if array.dtype.kind in "biu" else self.scale.at_least(DEFAULT_BITS)
        return SecretTensor.of_public(self.protocol, array, scale)

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
        return self.like(share, scale=scale, bound=(bound >> drop) + (1 if drop else 0))

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
        self,
        given: factors.Factor,
        multiply: factors.Multiply,
        terms: int,
        what: str,
        scale: Scale | None = None,
    ) -> SecretTensor:
        """By real factors, within 2 units of `scale`, or of this one with at least 16 fraction bits."""
        scale, terms = scale or self.scale.at_least(DEFAULT_BITS), max(1, terms)
        factor, most = given.scaled(scale.bits - self.scale.bits), max(1, self.bound)
        bound = checked(math.ceil(most * terms * factor.magnitude) + 2, what, self)
        plan = factors.plan(most, terms, factor)
        if plan is None:
            raise RangeError(
                f"{what} is not within 2 units in the last place: sums of {terms} terms.{named([self])}",
                remedy="Narrow the bound, or sum fewer terms at a time.",
            )
        share = factors.product(self.protocol, self.share, factor, plan, multiply)
        return self.like(share, scale=scale, bound=bound)

    def __truediv__(self, divisor: SecretTensor | Public) -> SecretTensor:
        """Over public numbers: at this scale, of at least 16 fraction bits, within 2 units in the last place.

        So integers over integers have 16 fraction bits. Shapes broadcast. Exact without a message for powers
        of 2 where the result has the bits for it. Else 2 rounds and 8, 8 and 16 B an element; 3 or 4 rounds
        and twice or thrice that where words have more than about 31 bits. `RangeError` for shapes that do not
        fit, for 0, NaN and infinities, and if the quotient could leave the ring.

        Over a secret: `mpc.divide`.
        """
        if isinstance(divisor, SecretTensor):
            return provided("divided")(self, divisor)  # type: ignore[no-any-return]
        inverses = factors.of_inverses(as_numbers(divisor))
        common_shape("A quotient", self, divisor)
        return self._by_reals(inverses, torch.mul, 1, "A quotient by a public number")

    def __rtruediv__(self, dividend: Public) -> SecretTensor:
        """Public numbers, as `lift` takes them, over a secret: `mpc.divide`."""
        return provided("divided")(self.lift(dividend), self)  # type: ignore[no-any-return]

    def vecdot(self, other: SecretTensor | Public) -> SecretTensor:
        """Sum of products over the last axis: cost, scale and error of one product an output element.

        The other axes broadcast. `RangeError` as `*`, and for last axes of other lengths.
        """
        mine, theirs = self.shape, shape_of(other)
        if not mine or not theirs or mine[-1] != theirs[-1]:
            raise misfit("vecdot", self, other)
        if not isinstance(other, SecretTensor):
            row = self.reshape(*mine[:-1], 1, mine[-1])
            return (row @ np.asarray(other)[..., None])[..., 0, 0]
        shape = common_shape("A vecdot", self, other)
        x, y = self.broadcast_to(shape), other.broadcast_to(shape)
        return x._product(y, self.protocol.dot, shape[-1])

    def __matmul__(self, other: SecretTensor | Public) -> SecretTensor:
        """Matrix product (batched): cost, scale and error of one product an output element, as `*`.

        By public reals within 2 units in the last place, whatever the length: sums of n words of b bits count
        for words of b + 2 log2 n bits there, with a round and 8, 8 and 16 B a word for each further part that
        they are taken in. `RangeError` as `*`, and where bound and length leave too little room for that.
        """
        terms = summed_terms(self, other)
        if isinstance(other, SecretTensor):
            return self._product(other, self.protocol.matmul, terms)
        return self._by_public(other, self.protocol.kernels.matmul, terms)

    def __rmatmul__(self, other: Public) -> SecretTensor:
        """As `@`."""
        return self._by_public(
            other,
            lambda words, factor: self.protocol.kernels.matmul(factor, words),
            summed_terms(other, self),
        )


def axes_of(x: SecretTensor, axis: Axes) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None. numpy's `AxisError` for one that is not there."""
    return tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)


# --- joining --------------------------------------------------------------------------------------


def secrets(*parts: SecretTensor | Public) -> list[SecretTensor]:
    """Operands of which at least one is secret, the public ones lifted. `NotSupported` if none is."""
    first = next((part for part in parts if isinstance(part, SecretTensor)), None)
    if first is None:
        raise NotSupported("None of the operands is secret.", remedy="Use numpy, or session.public.")
    return [part if isinstance(part, SecretTensor) else first.lift(part) for part in parts]


def concat(parts: Sequence[SecretTensor | Public], axis: int | None = 0) -> SecretTensor:
    """Join along an axis, for None in C order; parts may be public. The scale is the finest of all.

    No message. `RangeError` if their shapes do not fit.
    """
    same = secrets(*parts)
    if axis is None:
        return concat([part.reshape(-1) for part in same])
    place = normalize_axis_index(axis, same[0].ndim)
    sides = {(*part.shape[:place], *part.shape[place + 1 :]) for part in same}
    if len(sides) != 1 or len({part.ndim for part in same}) != 1:
        raise RangeError(
            f"Parts of {[part.shape for part in same]} do not join along axis {axis}.",
            remedy="Give parts that differ in that axis only.",
        )
    return _joined(lambda *words: torch.cat(words, dim=place), same)


def stack(parts: Sequence[SecretTensor | Public], axis: int = 0) -> SecretTensor:
    """Join along a new axis; parts may be public. No message. `RangeError` if their shapes differ."""
    same = secrets(*parts)
    if len({part.shape for part in same}) != 1:
        raise RangeError(
            f"Parts of {[part.shape for part in same]} do not stack.", remedy="Give parts of one shape."
        )
    place = normalize_axis_index(axis, same[0].ndim + 1)
    return _joined(lambda *words: torch.stack(words, dim=place), same)


def _joined(join: Callable[..., Tensor], tensors: Sequence[SecretTensor]) -> SecretTensor:
    """Words of all at the finest scale, joined."""
    scale = tensors[0].scale
    for tensor in tensors[1:]:
        scale = scale.join(tensor.scale)
    same = [tensor.rescale(scale) for tensor in tensors]
    share = same[0].protocol.linear(join, *(tensor.share for tensor in same))
    return same[0].like(share, bound=max(tensor.bound for tensor in same))
