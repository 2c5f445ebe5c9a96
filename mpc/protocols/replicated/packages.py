"""What travels from an owner outside the computation to the parties, and from them to a recipient.

Numpy alone: neither a holder nor an analyst needs what computes on shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np

from mpc.encoding import Words
from mpc.errors import CopyMismatch, NotSupported, ProtocolAbort
from mpc.randomness import STREAM_KEY_BYTES, expand, fresh_seed

PARTIES: Final = 3


@dataclass(frozen=True, repr=False)
class InputPackage:
    """What an owner outside the computation sends to one party: two components of its input.

    Components 0 and 1 travel as 16-byte seeds of AES-CTR streams, component 2 as words: 32 B to
    party 0, 16 B + 8 B an element to parties 1 and 2.
    """

    party: int
    elements: int
    seeds: tuple[bytes, ...]
    words: Words | None

    def __repr__(self) -> str:
        return f"InputPackage(party={self.party}, elements={self.elements}, redacted)"

    def __reduce__(self) -> NoReturn:
        raise NotSupported("An input package is neither pickled nor copied.", remedy="Use to_bytes.")

    def to_bytes(self) -> bytes:
        """As the holder sends it."""
        tail = b"" if self.words is None else self.words.astype("<i8", copy=False).tobytes()
        return b"".join(self.seeds) + tail

    @staticmethod
    def size(party: int, elements: int) -> int:
        """Bytes of a package for `party`."""
        return 2 * STREAM_KEY_BYTES if party == 0 else STREAM_KEY_BYTES + 8 * elements

    @classmethod
    def from_bytes(cls, party: int, data: bytes | memoryview, elements: int) -> InputPackage:
        """Parse what an owner sent. Raises `ProtocolAbort` if the size is not exactly right."""
        raw = bytes(data)
        if not 0 <= party < PARTIES or len(raw) != cls.size(party, elements):
            raise ProtocolAbort(
                f"An input package for party {party} has {len(raw)} bytes, not {cls.size(party, elements)}.",
                remedy="Make sure that the holder runs the same version and schema.",
            )
        if party == 0:
            return cls(party, elements, (raw[:STREAM_KEY_BYTES], raw[STREAM_KEY_BYTES:]), None)
        words = np.frombuffer(raw, dtype="<i8", offset=STREAM_KEY_BYTES).astype(np.int64, copy=True)
        return cls(party, elements, (raw[:STREAM_KEY_BYTES],), words)

    def components(self) -> tuple[Words, Words]:
        """The party's two components, its own first, flat `[elements]`."""
        streams = [expand(seed, self.elements) for seed in self.seeds]
        if self.words is None:
            return streams[0], streams[1]
        return (streams[0], self.words) if self.party == 1 else (self.words, streams[0])


def share_input(words: Words, domain: str = "arithmetic") -> tuple[InputPackage, InputPackage, InputPackage]:
    """Split an owner's words `[n]` into one package a party; `domain` is arithmetic or boolean.

    Fresh seeds from the operating system each time: sharing the same words twice is unlinkable.
    """
    flat = np.asarray(words, dtype=np.int64).reshape(-1)
    seeds, size = (fresh_seed(), fresh_seed()), flat.size
    first, second = (expand(seed, size) for seed in seeds)
    third = (flat ^ first ^ second) if domain == "boolean" else (flat - first - second)
    return (
        InputPackage(0, size, seeds, None),
        InputPackage(1, size, (seeds[1],), third),
        InputPackage(2, size, (seeds[0],), third),
    )


def reconstruct(copies: Sequence[bytes], elements: int, names: Sequence[str] = ("0", "1", "2")) -> Words:
    """Open a result from the three parties' `result_to_bytes`, in party order; `[elements]` words.

    Each component arrives twice; `CopyMismatch` if a pair differs or a size is wrong.
    """
    if len(copies) != PARTIES:
        raise CopyMismatch(f"A result needs {PARTIES} shares, got {len(copies)}.")
    pairs = []
    for name, copy in zip(names, copies, strict=True):
        if len(copy) != 16 * elements:
            raise CopyMismatch(
                f"The result share of {name} has {len(copy)} bytes, expected {16 * elements}.", culprit=name
            )
        pairs.append(np.frombuffer(copy, dtype="<i8").astype(np.int64).reshape(2, elements))
    for party in range(PARTIES):
        following = (party + 1) % PARTIES
        if not np.array_equal(pairs[party][1], pairs[following][0]):
            raise CopyMismatch(
                f"{names[party]} and {names[following]} sent different copies of one result component.",
                remedy="Do not use this result; report the job to the operators of both.",
            )
    total: Words = pairs[0][0] + pairs[1][0] + pairs[2][0]
    return total
