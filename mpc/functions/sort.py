"""Sorting by radix: stable, for one or several keys, without a comparison.

Asharov, Hamada, Ikarashi, Kikuchi, Nof, Pinkas, Takahashi, Tomida (CCS 2022, eprint 2022/1595): the
order is a secret permutation that grows by a few key bits a pass. In a pass the rows are shuffled
together with the permutation so far; that shuffled permutation is opened, and is uniform whatever the
keys are; then the counting of the next bits happens in the order so far.

Rounds: about 8 for every 3 key bits, a few to take the keys apart, 3 to apply the order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpc.bits import SecretBits
from mpc.encoding import INTEGER
from mpc.errors import NotSupported, ProtocolAbort, RangeError
from mpc.functions.shape import along
from mpc.functions.words import planes_of
from mpc.protocols.base import lacks_permutations
from mpc.tensor import SecretTensor, concat, stack

#: Key bits of one pass: more would take fewer rounds and more products (2^bits an element).
PASS_BITS = 3
WHY = "a secret permutation under a fresh random one: uniform, whatever it orders"

Keys = SecretTensor | Sequence[SecretTensor]


class Order:
    """A secret permutation of n rows: `places[i]` is where row i goes, 0-based; integers `[n]`.

    Opens, each time it is used, a permutation that is uniform whatever this one is. Other words in its place
    would open as they are: so it comes from `order_by`, `order_of_bit` or `inverse` only, which make
    permutations of any words, and `NotSupported` answers whoever makes one of places.
    """

    _places: SecretTensor

    def __init__(self, places: SecretTensor) -> None:
        raise NotSupported(
            f"An order of places that are given: {places!r} might be no permutation, and would open.",
            remedy="Sort by the places: mpc.order_by(places).",
        )

    @classmethod
    def _of(cls, places: SecretTensor) -> Order:
        """Of places that are a permutation by construction, whatever their bound or a demand says."""
        made = cls.__new__(cls)
        made._places = places
        return made

    @classmethod
    def _of_bits(cls, bits: SecretTensor) -> Order:
        """`order_of_bit` of `[n]` words that are 0 or 1 by construction: flags of a protocol. One round."""
        _require_permutations(bits)
        return cls._of(_counted(bits.reshape(1, -1)))

    @property
    def places(self) -> SecretTensor:
        """Where each row goes."""
        return self._places

    def __repr__(self) -> str:
        return f"Order(rows={self.places.shape[0]})"

    def apply(self, *columns: SecretTensor) -> list[SecretTensor]:
        """Columns `[n, ...]` in this order: 3 rounds, all columns together. `RangeError` for others."""
        if not columns:
            return []
        _require_rows([self.places, *columns])
        return _unpacked(_ordered(self.places, _packed(columns))[2], columns)

    def undo(self, *columns: SecretTensor) -> list[SecretTensor]:
        """Columns `[n, ...]` from this order back into the rows' own: row i gets what is at its place.

        5 rounds, all columns together. `RangeError` for columns of other lengths.
        """
        _require_rows([self.places, *columns])
        return self.fixed().undo(*columns) if columns else []

    def fixed(self) -> FixedOrder:
        """This order for several uses: 3 rounds now, then 2 each."""
        shuffle, _, where = _shuffled(self.places, self.places.reshape(-1, 1).share)
        return FixedOrder(shuffle, where, _inverse(where))

    def inverse(self) -> Order:
        """The order that undoes this one. 3 rounds."""
        return Order._of(self.apply(indices(self.places))[0])


@dataclass(frozen=True, repr=False)
class FixedOrder:
    """A secret permutation that one fresh shuffle hides in all its uses: what opened is uniform."""

    shuffle: Any
    #: what opened: where each row goes under the shuffle; and the row of each place
    where: Tensor
    rows: Tensor

    def apply(self, *columns: SecretTensor) -> list[SecretTensor]:
        """Columns `[n, ...]` in this order: 2 rounds, all columns together."""
        protocol = columns[0].protocol
        mixed = protocol.shuffle(_packed(columns), self.shuffle)
        gathered = protocol.linear(lambda words: protocol.kernels.gather(self.rows, words), mixed)
        return _unpacked(gathered, columns)

    def undo(self, *columns: SecretTensor) -> list[SecretTensor]:
        """Columns `[n, ...]` from this order back into the rows' own: 2 rounds."""
        protocol = columns[0].protocol
        table = protocol.linear(lambda words: words[self.where], _packed(columns))
        return _unpacked(protocol.unshuffle(table, self.shuffle), columns)


def order_of_bit(flags: SecretBits | SecretTensor) -> Order:
    """Rows with a 0 first, then those with a 1, each in their own order. `[n]` bits, or words of 0 and 1.

    3 rounds, 16 B an element and party. Of words one more, since their lowest bit is taken, whatever else
    they are: that words are 0 or 1 is what their bound says, which nothing has to keep. Opens nothing.
    `RangeError` for other shapes and words that are no mask, `NotSupported` where there is no shuffle.
    """
    return Order._of_bits(certain_bit(flags))


def certain_bit(flags: SecretBits | SecretTensor) -> SecretTensor:
    """`[n]` words that are 0 or 1 for certain: what opens may depend on them. Cost as `order_of_bit`'s."""
    _require_permutations(flags)
    if flags.ndim != 1:
        raise RangeError(f"Flags of {flags.shape}.", remedy="Give [n] bits, or words of 0 and 1.")
    if isinstance(flags, SecretBits):
        return SecretTensor.of_bits(flags)
    if flags.bound > 1 or flags.scale != INTEGER:
        raise RangeError(f"{flags!r} is no mask of 0 and 1.", remedy="Compare it, as in x != 0.")
    return SecretTensor.of_bits(planes_of(flags, 1)[0])


def shuffle(*columns: SecretTensor) -> list[SecretTensor]:
    """Columns `[n, ...]` in a uniform order that nobody knows, the same for all: 2 rounds. Nothing opens.

    `RangeError` for columns of different length.
    """
    _require_rows(columns)
    protocol = columns[0].protocol
    drawn = protocol.draw_shuffle(columns[0].shape[0])
    return _unpacked(protocol.shuffle(_packed(columns), drawn), columns)


def order_by(keys: Keys, *, descending: bool = False) -> Order:
    """The stable order of rows by one key, or by several, the most significant first. Keys are `[n]`.

    Radix sorting under fresh shuffles (eprint 2022/1595, section 4): the rounds of `bit_planes` and 2, then
    8 for every 3 key bits. `RangeError` for keys of other shapes, `NotSupported` where the
    protocol has no shuffle.
    """
    columns = [keys] if isinstance(keys, SecretTensor) else list(keys)
    if not columns or any(key.ndim != 1 or key.shape != columns[0].shape for key in columns):
        raise RangeError("Keys are columns of one length.", remedy="Give one or more [n] tensors.")
    _require_permutations(columns[0])
    if columns[0].shape[0] == 0:
        return Order._of(indices(columns[0]))
    bits = concat([_key_bits(key, descending) for key in reversed(columns)])
    places = _counted(bits[:PASS_BITS])
    for start in range(PASS_BITS, bits.shape[0], PASS_BITS):
        places = _refined(places, bits[start : start + PASS_BITS])
    return Order._of(places)


def sort_by(keys: Keys, *columns: SecretTensor, descending: bool = False) -> list[SecretTensor]:
    """Columns `[n, ...]` in the order of the keys: `order_by`, and 3 rounds; errors as its own."""
    return order_by(keys, descending=descending).apply(*columns)


def sort(x: SecretTensor, *, axis: int | None = -1, descending: bool = False) -> SecretTensor:
    """The elements in order along an axis, for None in C order. `order_by` and 3 rounds.

    Several rows are sorted at once: their numbers are a key more, of log2 of their number bits.
    """
    return _sorted(x, axis, lambda rows: rows, descending)


def argsort(x: SecretTensor, *, axis: int | None = -1, descending: bool = False) -> SecretTensor:
    """The indices that would sort an axis; equal elements keep their order. Cost as `sort`."""
    return _sorted(x, axis, lambda rows: indices(rows).reshape(-1, 1).broadcast_to(rows.shape), descending)


def _sorted(
    x: SecretTensor, axis: int | None, column: Callable[[SecretTensor], SecretTensor], descending: bool
) -> SecretTensor:
    """A column made of x, in the order of x along an axis."""

    def of_rows(rows: SecretTensor) -> SecretTensor:
        """Of `[n, ...]` along the first axis."""
        table = rows.reshape(len(rows), math.prod(rows.shape[1:]))
        keys, count = [table.T.reshape(-1)], table.shape[1]
        if count > 1:
            numbers = np.repeat(np.arange(count), len(table))
            keys.insert(0, table.lift(-numbers if descending else numbers))
        (made,) = sort_by(keys, column(table).T.reshape(-1), descending=descending)
        return made.reshape(count, len(table)).T.reshape(*rows.shape)

    return along(x, axis, of_rows)


def top_k(x: SecretTensor, count: int) -> SecretTensor:
    """The greatest `count` elements of `[n]`, the greatest first. Cost as `sort`.

    `RangeError` for other shapes, and for a count that is not from 0 to n.
    """
    if x.ndim != 1 or not 0 <= count <= x.shape[0]:
        raise RangeError(f"There are no {count} elements of {x.shape}.", remedy="Ask for 0 to n of [n].")
    return sort(x, descending=True)[:count]


def _require_rows(columns: Sequence[SecretTensor]) -> None:
    """`RangeError` unless there are columns, all of one length."""
    if not columns or any(not column.ndim or len(column) != len(columns[0]) for column in columns):
        raise RangeError("Columns have one length.", remedy="Give one or more [n, ...] tensors.")


def _require_permutations(x: SecretTensor | SecretBits) -> None:
    """`NotSupported` before anything is computed that could not be finished."""
    if not x.protocol.guarantees.permutations:
        raise lacks_permutations(x.protocol.guarantees)


def indices(x: SecretTensor) -> SecretTensor:
    """0 to n - 1 for the n rows of x. No message."""
    return x.lift(np.arange(x.shape[0])).view(bound=x.shape[0])


def _key_bits(key: SecretTensor, descending: bool) -> SecretTensor:
    """`[bits, n]` words of 0 and 1, lowest bit first, that order as the key does."""
    bits = SecretTensor.of_bits(planes_of(key))
    sign = bits.shape[0] - 1
    turned = [place for place in range(bits.shape[0]) if descending != (place == sign)]
    flips = torch.zeros((bits.shape[0], 1), dtype=torch.int64)
    flips[turned] = 1
    signs = 1 - 2 * flips
    linear = bits.protocol.linear(lambda words: words * signs, bits.share)
    return bits.like(bits.protocol.add_public(linear, flips), bound=1)


def _counted(bits: SecretTensor) -> SecretTensor:
    """Where each row goes by its few bits `[m, n]` alone: a counting sort over one-hot buckets."""
    flags = _buckets(bits)  # [2^m, n], the bucket of the value v at v
    inside = flags.linear(lambda words: words.cumsum(1), bound=flags.shape[1])
    totals = inside.linear(lambda words: words[:, -1:])
    before = totals.linear(lambda words: words.cumsum(0) - words, bound=flags.shape[1])
    places = (inside + before.broadcast_to(inside.shape) - 1).T
    return flags.T.vecdot(places).view(bound=bits.shape[1])


def _buckets(bits: SecretTensor) -> SecretTensor:
    """`[2^m, n]` one-hot flags of the values whose bits these are; m - 1 rounds, 2^m - m - 1 products."""
    flags = stack([1 - bits[0], bits[0]])
    for place in range(1, bits.shape[0]):
        bit = bits[place].reshape(1, -1)
        upper = bit.broadcast_to((flags.shape[0] - 1, flags.shape[1])) * flags[1:]
        # exactly one flag is 1, so the lowest has what the others leave of the bit
        lowest = bit - upper.linear(lambda words: words.sum(0, keepdim=True))
        high = concat([lowest, upper])
        flags = concat([flags - high, high]).view(bound=1)
    return flags


def _refined(places: SecretTensor, bits: SecretTensor) -> SecretTensor:
    """The order so far, refined by more significant bits."""
    protocol = places.protocol
    shuffle, where, table = _ordered(places, bits.T.share)
    step = _counted(bits.like(table).T)
    back = protocol.unshuffle(protocol.linear(lambda words: words[where], step.share), shuffle)
    return places.like(back, bound=places.shape[0])


def _ordered(places: SecretTensor, table: Any) -> tuple[Any, Tensor, Any]:
    """The rows of `table` `[n, k]` at their places; the shuffle in use, and the shuffled places, opened."""
    protocol = places.protocol
    joined = protocol.linear(
        lambda own, rows: torch.cat([own.reshape(-1, 1), rows], dim=1), places.share, table
    )
    shuffle, mixed, where = _shuffled(places, joined)
    rows, kernels = _inverse(where), protocol.kernels
    return shuffle, where, protocol.linear(lambda words: kernels.gather(rows, words[:, 1:]), mixed)


def _shuffled(places: SecretTensor, table: Any) -> tuple[Any, Any, Tensor]:
    """A fresh shuffle, the table `[n, k]` under it, and its first column, the places, opened."""
    protocol = places.protocol
    shuffle = protocol.draw_shuffle(places.shape[0])
    mixed = protocol.shuffle(table, shuffle)
    return shuffle, mixed, protocol.open(protocol.linear(lambda words: words[:, 0].contiguous(), mixed), WHY)


def _inverse(where: Tensor) -> Tensor:
    """The rows in the order of their places. `ProtocolAbort` if what was opened is no permutation.

    An `Order` is one by construction, so this finds a party that computes something else.
    """
    count = where.numel()
    places, rows = torch.arange(count), torch.zeros(count, dtype=torch.int64)
    inside = count == 0 or bool((where.min() >= 0) & (where.max() < count))
    if inside:
        rows[where] = places
    # a place that is missing has row 0, which is at another place
    if not inside or not torch.equal(where[rows], places):
        raise ProtocolAbort(
            "A shuffled order that was opened is no permutation.",
            remedy="Do not use this session's results; ask the operators for their nodes' versions.",
        )
    return rows


def _packed(columns: Sequence[SecretTensor]) -> Any:
    """`[n, k]` words of columns `[n, ...]` side by side."""
    protocol = columns[0].protocol
    return protocol.linear(
        lambda *words: torch.cat(
            [word.reshape(len(word), math.prod(word.shape[1:])) for word in words], dim=1
        ),
        *(column.share for column in columns),
    )


def _unpacked(table: Any, columns: Sequence[SecretTensor]) -> list[SecretTensor]:
    protocol, made, start = columns[0].protocol, [], 0
    for column in columns:
        stop, shape = start + math.prod(column.shape[1:]), column.shape

        def cut(words: Tensor, start: int = start, stop: int = stop, shape: Any = shape) -> Tensor:
            return words[:, start:stop].reshape(shape)

        made.append(column.like(protocol.linear(cut, table)))
        start = stop
    return made
