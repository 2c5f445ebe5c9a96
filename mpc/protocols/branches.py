"""Parts of a program that run at once: their rounds overlap, each part on its own tags and its own streams.

Long vectors are cut into pieces that do: while one piece waits for its messages another computes, and what a
piece works on stays in the processor's caches. At most `IN_FLIGHT` pieces are under way, in the same order at
all parties, so the first unfinished one always goes on; one piece of a party computes at a time, with all the
threads that the party was given. The parties take turns in the protocol's roles from piece to piece, so that
none sends or receives more than the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from mpc.errors import ProtocolAbort, TriuneError
from mpc.protocols.base import Cost, Protocol
from mpc.protocols.runtime import Runtime

Result = TypeVar("Result")
Other = TypeVar("Other")

#: A vector of so many elements is cut, into pieces of at most `PIECE` elements.
SHORTEST: Final = 1 << 21
PIECE: Final = 1 << 20
IN_FLIGHT: Final = 3
#: Where one party deals many words, turns are worth more than what a piece costs from here on.
SHORTEST_DEALT: Final = 1 << 13
#: Pieces end where a word of packed bits ends.
_ALIGNMENT: Final = 64


def gather(protocol: Protocol[Any], *bodies: Callable[[], Result]) -> list[Result]:
    """Run independent bodies so that their rounds overlap; results in order. The first error ends all.

    Where the protocol's rounds cannot overlap, the bodies run one after the other.
    """
    if not protocol.guarantees.concurrent:
        return [body() for body in bodies]
    return _run(protocol.runtime, list(bodies), len(bodies))


def both(
    protocol: Protocol[Any], one: Callable[[], Result], other: Callable[[], Other]
) -> tuple[Result, Other]:
    """`gather` of two bodies that make different things."""
    bodies: tuple[Callable[[], Any], ...] = (one, other)
    made, beside = gather(protocol, *bodies)
    return made, beside


def pieces(runtime: Runtime, elements: int, body: Callable[[slice], Result], rows: int = 1) -> list[Result]:
    """`body` of each piece of a vector, in order; a short vector is one piece, and no branch.

    `rows`: words that are dealt for each element, where they are many.
    """
    cuts = list(cut(elements, runtime.channel.parties, rows))
    if len(cuts) == 1:
        return [body(cuts[0])]

    def work(piece: slice) -> Callable[[], Result]:
        return lambda: body(piece)

    return _run(runtime, [work(piece) for piece in cuts], IN_FLIGHT, pieces=True)


def cut(elements: int, parties: int, rows: int = 1) -> Iterator[slice]:
    """The pieces of a vector; as many as make the parties' turns come out even."""
    if elements < (SHORTEST if rows == 1 else SHORTEST_DEALT):
        yield slice(0, elements)
        return
    count = parties * -(-elements * rows // (parties * PIECE))
    size = -(-elements // (count * _ALIGNMENT)) * _ALIGNMENT
    for start in range(0, elements, size):
        yield slice(start, min(start + size, elements))


def cost_in_pieces(cost: Callable[..., Cost], elements: int, *facts: Any, rows: int = 1) -> Cost:
    """What a primitive of declared cost takes for a vector that is cut: the rounds of one, bytes in turns."""
    parties = len(cost(_ALIGNMENT, *facts).sent)
    made = [cost(piece.stop - piece.start, *facts) for piece in cut(elements, parties, rows)]
    sent = [
        sum(part.sent[(party - turn) % parties] for turn, part in enumerate(made)) for party in range(parties)
    ]
    return Cost(max(part.rounds for part in made), tuple(sent))


def _run(
    runtime: Runtime, bodies: list[Callable[[], Result]], at_once: int, *, pieces: bool = False
) -> list[Result]:
    path, depth = runtime.fork(), runtime.position.depth
    errors: list[BaseException] = []
    runs = [_Branch(runtime, (*path, place), depth, body, errors) for place, body in enumerate(bodies)]
    if pieces:
        for turn, run in enumerate(runs):
            run.turn = (runtime.position.turn + turn) % runtime.channel.parties
    waiting = iter(runs)

    def work() -> None:
        for run in waiting:
            run.run(alone=pieces)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(runs)))]
    with runtime.waiting():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    runtime.position.depth = max([depth, *(run.depth for run in runs)])
    return [run.result for run in runs]


class _Branch:
    """One body at its place; `errors` of all of them, in the order in which they happened."""

    def __init__(
        self,
        runtime: Runtime,
        path: tuple[int, ...],
        depth: int,
        body: Callable[[], Any],
        errors: list[BaseException],
    ) -> None:
        self.runtime, self.path, self.depth, self.body = runtime, path, depth, body
        self.turn = runtime.position.turn
        self.result: Any = None
        self.errors = errors

    def run(self, *, alone: bool) -> None:
        self.runtime.enter(self.path, self.depth, self.turn)
        try:
            if alone:
                with self.runtime.computing():
                    self.result = self.body()
            else:
                self.result = self.body()
        except BaseException as error:  # noqa: BLE001 - handed to the joining thread, which raises it
            self.errors.append(error)  # before the others hear of it, and fail in turn
            self.runtime.channel.fail(as_abort(error))
        self.depth = self.runtime.position.depth


def as_abort(error: BaseException) -> TriuneError:
    """What the other parties of a simulation are told: never the text of a foreign exception.

    In this process it has that as its cause.
    """
    if isinstance(error, TriuneError):
        return error
    abort = ProtocolAbort(f"A party's program failed with {type(error).__name__}.")
    abort.__cause__ = error
    return abort
