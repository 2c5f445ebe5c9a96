"""What do real functions take, over their whole domain?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.workloads import WORKLOADS, Workload

ROWS = ("div 100k", "exp 100k", "log 100k", "sqrt 100k", "rsqrt 100k", "sigmoid 100k")


@pytest.mark.parametrize("name", ROWS, ids=lambda name: WORKLOADS[name].id)
def test_functions(run_workload: Callable[[Workload], None], name: str) -> None:
    run_workload(WORKLOADS[name])
