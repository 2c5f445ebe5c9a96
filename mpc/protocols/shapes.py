"""A program on shapes alone: the same interface without any word, booking what each primitive declares.

Control never depends on a secret, so a program takes the same steps whatever its inputs are, and what it will
cost follows from shapes, scales and bounds. Primitives do nothing but book; linear functions run, on zeros.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpc.kernels import Kernels
from mpc.packing import words_for
from mpc.protocols.base import Cost, Costs, Guarantees, Protocol
from mpc.protocols.runtime import Runtime
from mpc.protocols.separable import Separable


class ShapesProtocol(Protocol[Tensor]):
    """One party that holds nothing. `booked` is what the parties of the rehearsed protocol would spend.

    Bytes are exact. Rounds are those of the longest chain of primitives, branches of `gather` beside each
    other: at most so many are counted, since a party that waits for no last message may be ahead.
    """

    guarantees = Guarantees(
        name="shapes",
        parties=1,
        model="none: it holds no words",
        node_ready=False,
    )

    def __init__(self, runtime: Runtime, costs: Costs, of: Guarantees) -> None:
        super().__init__(runtime)
        self.guarantees = replace(
            type(self).guarantees, concurrent=of.concurrent, permutations=of.permutations
        )
        self._costs = costs
        self._sent: tuple[int, ...] = ()
        self._lock = threading.Lock()
        self._reference = Kernels()

    @property
    def kernels(self) -> Kernels:
        """The reference: torch knows the shapes of what it does."""
        return self._reference

    @property
    def booked(self) -> Cost:
        """Rounds to this thread's place in the program; bytes of all branches that have run."""
        return Cost(self.runtime.position.depth, self._sent)

    def _book(self, primitive: str, *facts: int) -> None:
        if not self._costs:
            return
        cost = self._costs[primitive](*facts)
        self.runtime.position.depth += cost.rounds
        with self._lock:
            before = self._sent or (0,) * len(cost.sent)
            self._sent = tuple(a + b for a, b in zip(before, cost.sent, strict=True))

    # sharing and opening

    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> Tensor:
        made = _zeros(*shape)
        self._book("input", made.numel(), owner)
        return made

    def public(self, words: Tensor) -> Tensor:
        return _zeros(*words.shape)

    def reveal(self, x: Tensor) -> Tensor:
        """What functions open on the way is a shuffled order, and the identity is one."""
        self._book("reveal", x.numel())
        return torch.arange(x.numel()).reshape(x.shape)

    def reveal_to(self, x: Tensor, party: int) -> Tensor | None:
        self._book("reveal_to", x.numel(), party)
        return x

    def compare_copies(self, inputs: dict[str, list[Tensor]]) -> None:
        self._book("compare_copies", len(inputs))

    def agree(self, digest: bytes, what: str) -> None:
        self._book("agree")

    def announce_bound(self, bits: int | None, owner: int) -> int:
        self._book("announce_bound", owner)
        return bits or 0

    # linear

    def linear(self, fn: Callable[..., Tensor], *shares: Tensor) -> Tensor:
        return _zeros(*fn(*shares).shape)

    def add_public(self, x: Tensor, words: Tensor) -> Tensor:
        return x

    def shape(self, x: Tensor) -> tuple[int, ...]:
        return tuple(x.shape)

    # products

    def mul(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        self._book("mul_truncate" if truncate else "mul", x.numel())
        return x

    def dot(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        made = x[..., 0]
        self._book("matmul_truncate" if truncate else "dot", made.numel(), x.numel(), y.numel())
        return made

    def matmul(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        none = torch.matmul(x[..., :0], y[:0] if y.ndim == 1 else y[..., :0, :])  # no term, the same shape
        made = _zeros(*none.shape)
        self._book("matmul_truncate" if truncate else "matmul", made.numel(), x.numel(), y.numel())
        return made

    def truncate(self, x: Tensor, bits: int | Tensor) -> Tensor:
        made = x if isinstance(bits, int) else _zeros(*np.broadcast_shapes(x.shape, bits.shape))
        self._book("truncate", made.numel(), 1 if isinstance(bits, int) else bits.numel())
        return made

    def separable(self, x: Tensor, function: Separable, bits: int | Tensor) -> Tensor:
        shifts = 1 if isinstance(bits, int) else bits.numel()
        self._book("separable", x.numel(), function.rows, shifts)
        return x if isinstance(bits, int) else _zeros(*np.broadcast_shapes(x.shape, bits.shape))

    # bits

    def xor_public(self, x: Tensor, words: Tensor) -> Tensor:
        return x

    def and_(self, x: Tensor, y: Tensor) -> Tensor:
        self._book("and", x.numel())
        return x

    # conversions

    def a2b(self, x: Tensor, bits: int) -> Tensor:
        self._book("a2b", x.numel(), bits)
        return _zeros(bits, words_for(x.numel()))

    def b2a(self, x: Tensor, elements: int) -> Tensor:
        self._book("b2a", elements)
        return _zeros(elements)

    def sign(self, x: Tensor, bits: int) -> Tensor:
        self._book("sign", x.numel(), bits)
        return x

    def sign_bits(self, x: Tensor, bits: int) -> Tensor:
        self._book("sign_bits", x.numel(), bits)
        return _zeros(1, words_for(x.numel()))

    def is_zero(self, x: Tensor, bits: int) -> Tensor:
        self._book("is_zero", x.numel(), bits)
        return x

    # permutations

    def draw_shuffle(self, rows: int) -> Any:
        return None

    def shuffle(self, x: Tensor, shuffle: Any) -> Tensor:
        self._book("shuffle", x.numel())
        return x

    def unshuffle(self, x: Tensor, shuffle: Any) -> Tensor:
        self._book("unshuffle", x.numel())
        return x


def _zeros(*shape: int) -> Tensor:
    """Words that take the memory of one, whatever their shape is."""
    return torch.zeros((), dtype=torch.int64).expand(shape)
