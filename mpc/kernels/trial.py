"""A short trial of kernels against the reference: are they equal, and how much faster?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mpc.kernels.reference import Kernels

#: Elements of a vector, and the side of a matrix.
ELEMENTS = 1 << 17
SIDE = 256
WAVES = 8
#: All trials together, both kernels (seconds).
BUDGET_S = 1.0

Call = Callable[[Kernels], Tensor]


@dataclass(frozen=True)
class Trial:
    """Millions a second, of what `unit` says."""

    name: str
    unit: str
    rate: float
    reference_rate: float
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times as fast as the reference."""
        return self.rate / self.reference_rate


def trials(kernels: Kernels, budget_s: float = BUDGET_S) -> list[Trial]:
    """Run each call with `kernels` and with the reference on as many threads, within about `budget_s`."""
    reference, made = Kernels(kernels.threads), []
    calls = _calls()
    for name, (unit, work, call) in calls.items():
        equal = torch.equal(call(kernels), call(reference))
        share_s = budget_s / (2 * len(calls))
        rate, base = (work / _seconds(call, chosen, share_s) / 1e6 for chosen in (kernels, reference))
        made.append(Trial(name, unit, rate, base, equal))
    return made


def _seconds(call: Call, kernels: Kernels, budget_s: float) -> float:
    """The fastest of the calls that fit into the budget; at least one."""
    best, end = float("inf"), time.perf_counter() + budget_s
    while (start := time.perf_counter()) < end or best == float("inf"):
        call(kernels)
        best = min(best, time.perf_counter() - start)
    return best


def _calls() -> dict[str, tuple[str, int, Call]]:
    drawn = torch.Generator().manual_seed(1)

    def words(*shape: int) -> Tensor:
        return torch.randint(-(2**63), 2**63 - 1, shape, dtype=torch.int64, generator=drawn)

    x, y, masks = [(words(ELEMENTS), words(ELEMENTS)) for _ in range(3)]
    left, right = words(SIDE, SIDE), words(SIDE, SIDE)
    return {
        "product and mask": ("products/s", ELEMENTS, lambda k: k.cross(x, y, masks)),
        "AND and mask": ("words/s", ELEMENTS, lambda k: k.cross_and(x, y, masks)),
        "words to planes": ("words/s", ELEMENTS, lambda k: k.to_planes(x[0], 64)),
        "bits to words": ("bits/s", ELEMENTS, lambda k: k.bits_to_words(x[0][: ELEMENTS // 64], ELEMENTS)),
        "truncation pair": ("words/s", ELEMENTS, lambda k: k.truncation_pair(x[0], 16)[0]),
        "stable order": ("words/s", ELEMENTS, lambda k: k.argsort(x[0])),
        "waves": ("terms/s", 2 * WAVES * ELEMENTS, lambda k: k.wave_words(x[0], WAVES, 2, 30)),
        "octaves": ("words/s", 16 * ELEMENTS, lambda k: k.octave_words(x[0], 22)),
        "matrix product": ("multiply-adds/s", SIDE**3, lambda k: k.matmul(left, right)),
    }
