"""What do models take: networks that answer, and regressions that learn?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.workloads import WORKLOADS, Workload

ROWS = ("mlp b128", "cnn b32", "logreg 569x30", "logreg 10000x100")


@pytest.mark.parametrize("name", ROWS, ids=lambda name: WORKLOADS[name].id)
def test_inference(run_workload: Callable[[Workload], None], name: str) -> None:
    run_workload(WORKLOADS[name])
