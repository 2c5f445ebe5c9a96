"""The dealer: correlated randomness for the parties, drawn from the streams that it has with each of them.

A party's parts are streams that it and the dealer know; party 0's last parts are what is missing to make all
parts fit, and are all that the dealer sends. The dealer learns operations and sizes, never a word of a share;
with one party it could unmask everything, so it is an organisation that is neither (`Guarantees.model`).
(Triples: Beaver, CRYPTO 1991. Truncation pairs: Dalskov, Escudero, Keller, eprint 2019/131, section 5.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mpc.errors import PeerSilent, ProtocolAbort
from mpc.protocols.runtime import Runtime, Step
from mpc.protocols.separable import Octaves, Separable, Waves
from mpc.protocols.shifts import in_reach

Shape = tuple[int, ...]
#: Deals have a branch of their own, so that the dealer need not know what happens between them. Branches of
#: `gather` have at least two places.
BRANCH: Final = (0,)
KINDS: Final = ("end", "mul", "matmul", "and", "bit", "truncate", "waves", "octaves")
KIND_OF: Final[dict[type[Separable], str]] = {Waves: "waves", Octaves: "octaves"}
MAX_AXES: Final = 8
#: kind, number of axes and sizes of the first shape, of the second (words).
HEAD_WORDS: Final = 1 + 2 * (1 + MAX_AXES)
#: Waves, stride and bits; bits of octaves.
MOST_WAVES: Final = (64, 2, 32)
MOST_OCTAVE_BITS: Final = 34
#: The dealer refuses to deal more at once (elements).
MAX_ELEMENTS: Final = 1 << 31


@dataclass(frozen=True)
class Request:
    """What a deal is for; shapes are public."""

    kind: str
    shapes: tuple[Shape, ...] = ()

    def to_words(self) -> Tensor:
        """`[HEAD_WORDS]`, as it goes to the dealer."""
        words = [KINDS.index(self.kind)]
        for shape in (*self.shapes, (), ())[:2]:
            words += [len(shape), *shape, *[0] * (MAX_AXES - len(shape))]
        return torch.tensor(words)

    @classmethod
    def from_words(cls, words: Tensor) -> Request:
        """What party 0 asked. `ProtocolAbort` if it is none of the kinds, or of no size."""
        kind, *rest = words.tolist()
        shapes = [_shape(rest[: 1 + MAX_AXES]), _shape(rest[1 + MAX_AXES :])]
        if not 0 <= kind < len(KINDS):
            raise ProtocolAbort(f"The dealer was asked for kind {kind}, which it does not know.")
        return cls(KINDS[kind], tuple(shapes))


def _shape(words: list[int]) -> Shape:
    axes, shape = words[0], tuple(words[1 : 1 + max(0, words[0])])
    if not 0 <= axes <= MAX_AXES or any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise ProtocolAbort("The dealer was asked for a shape that is none.")
    return shape


class Deals:
    """A computing party's side: asks (party 0) and takes its parts."""

    def __init__(self, runtime: Runtime, dealer: int) -> None:
        self._runtime, self._dealer, self._made = runtime, dealer, 0

    def take(self, request: Request, parts: list[Shape], shifts: Tensor | None = None) -> list[Tensor]:
        """This party's parts: streams; the last `len(parts) - free` of party 0 come from the dealer."""
        asked, dealt = _steps(self._runtime, self._made, request.kind)
        self._made += 1
        free = FREE[request.kind]
        if self._runtime.party != 0:
            return [dealt.mask(self._dealer, shape, stream) for stream, shape in enumerate(parts)]
        asked.send(self._dealer, request.to_words())
        if shifts is not None:
            dealt.send(self._dealer, shifts)
        mine = [dealt.mask(self._dealer, shape, stream) for stream, shape in enumerate(parts[:free])]
        return mine + dealt.recv(self._dealer, *parts[free:])

    def end(self) -> None:
        """Tell the dealer that nothing more will be asked."""
        if self._runtime.party == 0:
            _steps(self._runtime, self._made, "end")[0].send(self._dealer, Request("end").to_words())


#: How many parts of each kind are free streams at party 0 too; the rest is the correction.
FREE: Final = {"mul": 2, "matmul": 2, "and": 2, "bit": 1, "truncate": 1, "waves": 1, "octaves": 1}


def serve(runtime: Runtime, parties: int) -> None:
    """Deal what is asked until the end, or until the session fails."""
    made = 0
    while (request := _next(runtime, made)).kind != "end":
        _, dealt = _steps(runtime, made, request.kind)
        shifts = dealt.recv(0, request.shapes[1])[0] if request.kind == "truncate" else None
        _Deal(dealt, parties).run(request, shifts)
        made += 1


def _next(runtime: Runtime, made: int) -> Request:
    asked, _ = _steps(runtime, made, "")
    while True:
        try:
            return Request.from_words(asked.recv(0, (HEAD_WORDS,))[0])
        except PeerSilent:
            continue  # parties may compute for long without a deal; a session that fails wakes this up


def _steps(runtime: Runtime, made: int, kind: str) -> tuple[Step, Step]:
    return Step(runtime, BRANCH, 2 * made, "deal.ask"), Step(runtime, BRANCH, 2 * made + 1, f"deal.{kind}")


class _Deal:
    """One deal: all parties' streams, and what party 0 lacks."""

    def __init__(self, step: Step, parties: int) -> None:
        self._step, self._parties = step, parties

    def run(self, request: Request, shifts: Tensor | None) -> None:
        if request.kind in ("mul", "matmul"):
            self._triple(
                request, {"mul": torch.mul, "matmul": torch.matmul}[request.kind], torch.add, torch.sub
            )
        elif request.kind == "and":
            self._triple(request, torch.bitwise_and, torch.bitwise_xor, torch.bitwise_xor)
        elif request.kind == "bit":
            self._bit(request.shapes[0])
        elif request.kind in KIND_OF.values():
            self._words(request.shapes[0], _function(request))
        elif shifts is not None:
            self._pair(request.shapes[0], shifts)

    def _all(self, shape: Shape, stream: int, combine: Callable[..., Tensor], first: int = 0) -> Tensor:
        """The streams of the parties from `first` on, combined."""
        total = torch.zeros(shape, dtype=torch.int64)
        for party in range(first, self._parties):
            total = combine(total, self._step.mask(party, shape, stream))
        return total

    def _triple(
        self,
        request: Request,
        op: Callable[..., Tensor],
        combine: Callable[..., Tensor],
        lacking: Callable[..., Tensor],
    ) -> None:
        a, b = (self._all(shape, stream, combine) for stream, shape in enumerate(request.shapes))
        c = op(a, b)
        self._step.send(0, lacking(c, self._all(tuple(c.shape), 2, combine, first=1)))

    def _bit(self, shape: Shape) -> None:
        """A random bit as XOR of the streams' lowest bits, and as a sum."""
        bit = self._all(shape, 0, torch.bitwise_xor) & 1
        self._step.send(0, bit - self._all(shape, 1, torch.add, first=1))

    def _pair(self, shape: Shape, shifts: Tensor) -> None:
        """r and its pair."""
        if not in_reach(shifts) or not _broadcasts(shifts, shape):
            raise ProtocolAbort("The dealer was asked for a truncation by shifts that are none.")
        r = self._all(shape, 0, torch.add)
        low, top = self._step.runtime.kernels.truncation_pair(r, shifts)
        self._step.send(
            0,
            low - self._all(shape, 1, torch.add, first=1),
            top - self._all(shape, 2, torch.add, first=1),
        )

    def _words(self, shape: Shape, function: Separable) -> None:
        """r, and the words of it that a separable function takes."""
        r = self._all(shape, 0, torch.add)
        words = function.dealt(self._step.runtime.kernels, r)
        self._step.send(0, words - self._all(tuple(words.shape), 1, torch.add, first=1))


def _function(request: Request) -> Separable:
    """What a request's numbers say of a separable function: no coefficients. `ProtocolAbort` for others."""
    spec = request.shapes[1]
    if request.kind == "waves" and len(spec) == len(MOST_WAVES):
        count, stride, bits = spec
        if all(0 < number <= most for number, most in zip(spec, MOST_WAVES, strict=True)):
            return Waves((0.0,) * count, (0.0,) * count, 0, stride, bits)
    if request.kind == "octaves" and len(spec) == 1 and 0 < spec[0] <= MOST_OCTAVE_BITS:
        return Octaves(spec[0], 0)
    raise ProtocolAbort("The dealer was asked for a function that is none.")


def _broadcasts(shifts: Tensor, shape: Shape) -> bool:
    """Whether the shifts fit elements of that shape."""
    sizes = zip(reversed(shifts.shape), reversed(shape), strict=False)
    return shifts.ndim <= len(shape) and all(size in (1, wanted) for size, wanted in sizes)
