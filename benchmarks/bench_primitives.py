"""What do a product, a comparison and a sum take?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.workloads import WORKLOADS, Workload

ROWS = (
    "scalar mul",
    "scalar less",
    "mul 1M",
    "less 100k",
    "less 1M",
    "sum 10M",
    "mean 10M",
    "var 1M",
    "var 10M",
)


@pytest.mark.parametrize("name", ROWS, ids=lambda name: WORKLOADS[name].id)
def test_primitives(run_workload: Callable[[Workload], None], name: str) -> None:
    run_workload(WORKLOADS[name])
