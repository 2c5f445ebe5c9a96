"""What does a matrix product take?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.workloads import WORKLOADS, Workload

ROWS = ("matmul 512", "matmul 1024")


@pytest.mark.parametrize("name", ROWS, ids=lambda name: WORKLOADS[name].id)
def test_matmul(run_workload: Callable[[Workload], None], name: str) -> None:
    run_workload(WORKLOADS[name])
