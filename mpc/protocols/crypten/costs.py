"""What CrypTen's primitives cost, for any number of parties; a test compares it with what the channel counts.

All traffic is openings, of 8 B a word to each other party, and deals. A deal is asked for by party 0, whose
message to the dealer has one size; what the dealer sends is not the parties' (docs/protocols.md, section 10).
A chain of k deals, each with its opening, takes 2 k + 1 rounds: party 0 asks for the next one while the
others wait for its part of the last. So where primitives follow each other, the sum of their rounds is an
upper limit.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from mpc.packing import WORD_BITS
from mpc.protocols.base import Cost, Costs
from mpc.protocols.crypten.dealer import HEAD_WORDS
from mpc.protocols.runtime import DIGEST_BYTES

#: ANDs one after the other in CrypTen's adder of 64-bit words, and the words that each element opens there:
#: two for the first, four in each of the six levels of its tree.
ADDER_ANDS: Final = 7
ADDER_WORDS: Final = 2 + 4 * 6
#: ANDs of its test for zero, of two words each.
ZERO_ANDS: Final = 6
WORD_BYTES: Final = WORD_BITS // 8


def costs(parties: int) -> Costs:
    """Declared cost by primitive where so many parties compute."""
    made = _Costs(parties)
    nothing = Cost(0, (0,) * parties)
    return MappingProxyType(
        {
            "input": lambda _elements, _owner=0: nothing,
            "reveal": made.opened,
            "reveal_to": made.reveal_to,
            "agree": lambda: made.opened(DIGEST_BYTES // WORD_BYTES),
            "announce_bound": made.announce_bound,
            "compare_copies": lambda _owners: nothing,
            "mul": lambda elements: made.opened(2 * elements, deals=1),
            "dot": lambda _elements, left, right: made.opened(left + right, deals=1),
            "matmul": lambda _elements, left, right: made.opened(left + right, deals=1),
            "mul_truncate": lambda elements: made.truncated(elements, 2 * elements, deals=1),
            "matmul_truncate": lambda elements, left, right: made.truncated(elements, left + right, deals=1),
            "truncate": lambda elements, shifts=1: made.truncated(elements, shifts=shifts),
            "separable": lambda elements, _rows, shifts=1: made.truncated(
                elements * shifts, elements, deals=1, shifts=shifts
            ),
            "and": lambda words: made.opened(2 * words, deals=1),
            "a2b": lambda elements, _bits: made.circuit(elements),
            "b2a": lambda elements: made.opened(elements, deals=1),
            "sign": lambda elements, _bits: made.circuit(elements, more=1, deals=1),
            "sign_bits": lambda elements, _bits: made.circuit(elements),
            "is_zero": lambda elements, _bits: made.circuit(
                elements, more=2 * ZERO_ANDS + 1, deals=ZERO_ANDS + 1
            ),
        }
    )


class _Costs:
    """Openings and deals of so many parties."""

    def __init__(self, parties: int) -> None:
        self.parties = parties

    def opened(self, words: int, *, deals: int = 0, shifts: int = 0) -> Cost:
        """Words that all open to all, deals on the way, and shifts that go with them to the dealer."""
        each = WORD_BYTES * words * (self.parties - 1)
        asked = WORD_BYTES * (HEAD_WORDS * deals + shifts)
        return Cost(2 * deals + 1, (each + asked, *[each] * (self.parties - 1)))

    def truncated(self, elements: int, words: int = 0, *, deals: int = 0, shifts: int = 1) -> Cost:
        """A truncation after so many opened words and deals."""
        return self.opened(words + elements, deals=deals + 1, shifts=shifts)

    def circuit(self, elements: int, *, more: int = 0, deals: int = 0) -> Cost:
        """The parts of words as bits, and their sum; `more` opened words an element, and deals, after it."""
        words, size = more, self.parties
        while size > 1:
            words, deals = words + ADDER_WORDS * (size // 2), deals + ADDER_ANDS
            size -= size // 2
        return self.opened(words * elements, deals=deals)

    def reveal_to(self, elements: int, party: int = 0) -> Cost:
        """All parts to one party."""
        sent = (0 if sender == party else WORD_BYTES * elements for sender in range(self.parties))
        return Cost(1, tuple(sent))

    def announce_bound(self, owner: int = 0) -> Cost:
        """A word to each of the others."""
        sent = (WORD_BYTES * (self.parties - 1) if sender == owner else 0 for sender in range(self.parties))
        return Cost(1, tuple(sent))
