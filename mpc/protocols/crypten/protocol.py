"""The CrypTen protocol behind `base.Protocol`: words stay here, CrypTen's arithmetic runs in the worker.

Knott, Venkataraman, Hannun, Sengupta, Ibrahim, van der Maaten: CrypTen (NeurIPS 2021), section 4.
Products and ANDs take a triple and one opening, comparisons a carry tree over 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from mpc.errors import ConfigError, ProtocolAbort
from mpc.protocols.base import Costs, Guarantees, Protocol, lacks_permutations
from mpc.protocols.crypten import dealer, truncation
from mpc.protocols.crypten.costs import costs
from mpc.protocols.crypten.dealer import KIND_OF, Deals, Request
from mpc.protocols.crypten.process import Worker
from mpc.protocols.crypten.shares import CryptenShare
from mpc.protocols.runtime import Runtime
from mpc.protocols.separable import Separable, for_each

FEWEST, MOST = 2, 5


class CryptenProtocol(Protocol[CryptenShare]):
    """2 to 5 parties and a dealer, the channel's last party. Semi-honest; all parties but one may be corrupt.

    Truncations are the floor or the ceiling.
    """

    guarantees = Guarantees(
        name="crypten",
        parties=3,
        model="semi-honest, dishonest majority, with a dealer; the dealer and one party learn everything",
        node_ready=False,  # a consortium has no dealer's role
        parties_at_most=MOST,
        helpers=1,
        concurrent=False,
        permutations=False,
    )
    costs = costs(guarantees.parties)

    @classmethod
    def costs_for(cls, parties: int) -> Costs:
        """By the number of parties."""
        return costs(parties)

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        if not FEWEST <= self.parties <= MOST:
            raise ConfigError(
                f"CrypTen takes {FEWEST} to {MOST} parties and a dealer, not {self.parties}.",
                remedy=f"Give parties={FEWEST} to {MOST}.",
            )
        self._dealer = self.parties
        self._deals = Deals(runtime, self._dealer)
        if runtime.party != self._dealer:
            self._worker = Worker(runtime.party, self.parties, self._answer)

    def serve(self) -> None:
        dealer.serve(self.runtime, self.parties)

    def close(self, *, completed: bool) -> None:
        if self.runtime.party != self._dealer:
            self._worker.close()
            if completed:
                self._deals.end()

    # --- what CrypTen asks for on the way -------------------------------------------------------

    def _answer(self, op: str, head: dict[str, Any], words: list[Tensor]) -> list[Tensor]:
        if op == "exchange":
            return self._exchange(words, torch.bitwise_xor if head["domain"] == "boolean" else torch.add)
        shapes = tuple(tuple(shape) for shape in head["shapes_of"])
        if op == "zero":
            return [self._zero(shapes[0], torch.bitwise_xor if head["domain"] == "boolean" else torch.sub)]
        if op == "bit":
            arithmetic_part, bits = self._dealt_bit(shapes[0])
            return [arithmetic_part, bits]
        return self._deals.take(Request(op, shapes), [*shapes, _product_shape(op, *shapes)])

    def _dealt_bit(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        bits, arithmetic_part = self._deals.take(Request("bit", (shape,)), [shape, shape])
        return arithmetic_part, bits & 1

    def _exchange(self, words: list[Tensor], combine: Callable[..., Tensor]) -> list[Tensor]:
        """Open to all computing parties: one round, 8 B a word to each of the others."""
        step, shapes = self.runtime.step("open"), [tuple(word.shape) for word in words]
        others = [peer for peer in range(self.parties) if peer != self.runtime.party]
        for peer in others:
            step.send(peer, *words)
        totals = words
        for peer in others:
            theirs = step.recv(peer, *shapes)
            totals = [combine(total, part) for total, part in zip(totals, theirs, strict=True)]
        return totals

    def _open(self, words: Tensor) -> Tensor:
        return self._exchange([words], torch.add)[0]

    def _zero(self, shape: tuple[int, ...], combine: Callable[..., Tensor]) -> Tensor:
        """A part of a fresh sharing of zero: streams with the neighbours on a ring. No message."""
        step, party = self.runtime.step("zero"), self.runtime.party
        after, before = (party + 1) % self.parties, (party - 1) % self.parties
        return combine(step.mask(after, shape, stream=party), step.mask(before, shape, stream=before))

    # --- sharing and opening --------------------------------------------------------------------

    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> CryptenShare:
        if not 0 <= owner < self.parties:
            raise ConfigError(f"Party {owner} is none of the {self.parties}.", remedy="Name one.")
        if words is None and self.runtime.party == owner:
            raise ProtocolAbort("The owner of an input must give its words.")
        given = torch.zeros(shape, dtype=torch.int64) if words is None else words.reshape(shape)
        return CryptenShare(self._worker("input", given, source=owner))

    def public(self, words: Tensor) -> CryptenShare:
        return CryptenShare(words if self.runtime.party == 0 else torch.zeros_like(words))

    def reveal(self, x: CryptenShare) -> Tensor:
        return self._open(x.words)

    def reveal_to(self, x: CryptenShare, party: int) -> Tensor | None:
        step, shape = self.runtime.step("reveal_to"), tuple(x.words.shape)
        if self.runtime.party != party:
            step.send(party, x.words)
            return None
        total = x.words
        for peer in range(self.parties):
            if peer != party:
                total = total + step.recv(peer, shape)[0]
        return total

    def compare_copies(self, inputs: dict[str, list[CryptenShare]]) -> None:
        """There is one copy of each part."""

    # --- linear ---------------------------------------------------------------------------------

    def linear(self, fn: Callable[..., Tensor], *shares: CryptenShare) -> CryptenShare:
        return CryptenShare(fn(*(share.words for share in shares)))

    def add_public(self, x: CryptenShare, words: Tensor) -> CryptenShare:
        return CryptenShare(x.words + self.public(words.expand(x.words.shape)).words)

    def xor_public(self, x: CryptenShare, words: Tensor) -> CryptenShare:
        return CryptenShare(x.words ^ self.public(words.expand(x.words.shape)).words)

    def shape(self, x: CryptenShare) -> tuple[int, ...]:
        return tuple(x.words.shape)

    # --- products -------------------------------------------------------------------------------

    def mul(self, x: CryptenShare, y: CryptenShare, truncate: int = 0) -> CryptenShare:
        return self._truncated(self._worker("mul", x.words, y.words), truncate)

    def dot(self, x: CryptenShare, y: CryptenShare, truncate: int = 0) -> CryptenShare:
        made = self._worker("matmul", x.words.unsqueeze(-2), y.words.unsqueeze(-1))
        return self._truncated(made.reshape(made.shape[:-2]), truncate)

    def matmul(self, x: CryptenShare, y: CryptenShare, truncate: int = 0) -> CryptenShare:
        return self._truncated(self._worker("matmul", x.words, y.words), truncate)

    def truncate(self, x: CryptenShare, bits: int | Tensor) -> CryptenShare:
        part = truncation.truncate(self.runtime, self._deals, self._open, x.words, bits)
        return CryptenShare(part)

    def separable(self, x: CryptenShare, function: Separable, bits: int | Tensor) -> CryptenShare:
        """c = x + r, where r is dealt with the words of it: one opening."""
        shape = tuple(x.words.shape)
        request = Request(KIND_OF[type(function)], (shape, function.spec))
        r, dealt = self._deals.take(request, [shape, (function.rows, *shape)])
        opened = self._open(x.words + r)
        part = function.part(self.kernels, opened, dealt, first=self.runtime.party == 0)
        return self.truncate(CryptenShare(for_each(bits, part)), bits)

    def _truncated(self, words: Tensor, bits: int) -> CryptenShare:
        return self.truncate(CryptenShare(words), bits) if bits else CryptenShare(words)

    # --- bits -----------------------------------------------------------------------------------

    def and_(self, x: CryptenShare, y: CryptenShare) -> CryptenShare:
        return CryptenShare(self._worker("and", x.words, y.words))

    def a2b(self, x: CryptenShare, bits: int) -> CryptenShare:
        return CryptenShare(self.kernels.to_planes(self._worker("a2b", x.words), bits))

    def b2a(self, x: CryptenShare, elements: int) -> CryptenShare:
        return CryptenShare(self._worker("b2a", self.kernels.bits_to_words(x.words[0], elements)))

    def _sign_words(self, x: CryptenShare) -> Tensor:
        return self.kernels.shift_right(self._worker("a2b", x.words), 63)

    def sign(self, x: CryptenShare, bits: int) -> CryptenShare:
        return CryptenShare(self._worker("b2a", self._sign_words(_shifted(x, bits))))

    def sign_bits(self, x: CryptenShare, bits: int) -> CryptenShare:
        return CryptenShare(self.kernels.to_planes(self._sign_words(_shifted(x, bits)), 1))

    def is_zero(self, x: CryptenShare, bits: int) -> CryptenShare:
        return CryptenShare(self._worker("b2a", self._worker("is_zero", x.words)))

    # --- permutations ---------------------------------------------------------------------------

    def draw_shuffle(self, rows: int) -> NoReturn:
        raise lacks_permutations(self.guarantees)

    def shuffle(self, x: CryptenShare, shuffle: Any) -> NoReturn:
        raise lacks_permutations(self.guarantees)

    def unshuffle(self, x: CryptenShare, shuffle: Any) -> NoReturn:
        raise lacks_permutations(self.guarantees)


def _shifted(x: CryptenShare, bits: int) -> CryptenShare:
    """As `sign` is defined: the bit above `bits` bits is the sign, whatever is above it."""
    return CryptenShare(x.words << (63 - bits))


def _product_shape(op: str, x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a triple's third part: torch's own rules, without data."""
    product = torch.matmul if op == "matmul" else torch.mul
    return tuple(product(torch.empty(x, device="meta"), torch.empty(y, device="meta")).shape)
