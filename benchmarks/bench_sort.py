"""What does sorting take?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.workloads import WORKLOADS, Workload

ROWS = ("sort 10k", "sort 100k")


@pytest.mark.parametrize("name", ROWS, ids=lambda name: WORKLOADS[name].id)
def test_sort(run_workload: Callable[[Workload], None], name: str) -> None:
    run_workload(WORKLOADS[name])
