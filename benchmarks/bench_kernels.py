"""What does a party compute alone, per kernel, and how far is that from copying the same bytes?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import limits
from benchmarks.conftest import Setting
from mpc.kernels import Kernels

ELEMENTS = 1_000_000
SIDE = 512
ROUNDS = 7
BITS = 64
NAMES = (
    "cross", "cross-and", "to-planes", "from-planes", "bits-to-words", "words-to-bits", "flip",
    "truncation-pair", "truncation-share", "gather", "argsort", "matmul", "cross-matmul",
)  # fmt: skip
Call = Callable[[Kernels], object]


def _words(device: str, *shape: int) -> Tensor:
    drawn = torch.Generator().manual_seed(1)
    return torch.randint(-(2**63), 2**63 - 1, shape, dtype=torch.int64, generator=drawn).to(device)


def _calls(device: str) -> dict[str, tuple[int, int, Call]]:
    """By kernel: the words that it reads and writes at least, its multiply-adds, and the call."""
    x, y, masks = [(_words(device, ELEMENTS), _words(device, ELEMENTS)) for _ in range(3)]
    planes, bits = _words(device, BITS, ELEMENTS // BITS), _words(device, ELEMENTS // BITS)
    left, right = [(_words(device, SIDE, SIDE), _words(device, SIDE, SIDE)) for _ in range(2)]
    minus, order = _words(device, ELEMENTS), torch.randperm(ELEMENTS).to(device)
    return {
        "cross": (7 * ELEMENTS, 0, lambda k: k.cross(x, y, masks)),
        "cross-and": (7 * ELEMENTS, 0, lambda k: k.cross_and(x, y, masks)),
        "to-planes": (2 * ELEMENTS, 0, lambda k: k.to_planes(x[0], BITS)),
        "from-planes": (2 * ELEMENTS, 0, lambda k: k.from_planes(planes, ELEMENTS)),
        "bits-to-words": (ELEMENTS, 0, lambda k: k.bits_to_words(bits, ELEMENTS)),
        "words-to-bits": (ELEMENTS, 0, lambda k: k.words_to_bits(x[0])),
        "flip": (3 * ELEMENTS, 0, lambda k: k.flip(bits, x[0], 1, minus)),
        "truncation-pair": (3 * ELEMENTS, 0, lambda k: k.truncation_pair(x[0], 16)),
        "truncation-share": (5 * ELEMENTS, 0, lambda k: k.truncation_share(x[0], y, 16, minus, first=True)),
        "gather": (3 * ELEMENTS, 0, lambda k: k.gather(order, x[0])),
        "argsort": (2 * ELEMENTS, 0, lambda k: k.argsort(x[0])),
        "matmul": (3 * SIDE**2, SIDE**3, lambda k: k.matmul(left[0], right[0])),
        "cross-matmul": (5 * SIDE**2, 2 * SIDE**3, lambda k: k.cross_matmul(left, right)),
    }


@pytest.mark.parametrize("name", NAMES)
def test_kernel(benchmark: Any, kernels: Kernels, setting: Setting, name: str) -> None:
    words, products, call = _calls(setting.device)[name]

    def work() -> None:
        call(kernels)
        if setting.device == "cuda":
            torch.cuda.synchronize()

    work()
    benchmark.extra_info.update(setting.facts, row=f"kernel {name}", transport="none")
    benchmark.pedantic(work, rounds=ROUNDS)
    if benchmark.stats is not None:
        needs = limits.measured().seconds(0, 0, products, words // 2)  # a copy reads a word and writes one
        median, limit = benchmark.stats.stats.median, max(needs.values())
        benchmark.extra_info.update(
            median_s=median, limit_s=limit, limit_of=needs, times_the_limit=median / limit, rounds=0,
            bytes_sent_per_party=[0],
        )  # fmt: skip
