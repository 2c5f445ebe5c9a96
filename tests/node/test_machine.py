"""A node's share of the machine: threads, kernels and memory; and `triune doctor`, which shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mpc.kernels import Kernels, available, trials

RESIDENT = """
import sys, torch
from parties.node.machine import give_back_memory, keep_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
keep_memory()
before = resident()
words = [torch.ones(1 << 20, dtype=torch.int64) for _ in range(40)]
del words
kept = resident()
give_back_memory()
print(kept - before, resident() - before)
"""
SIZES = """
import torch
from parties.node.config import ComputeConfig
from parties.node.machine import prepare
kernels = prepare(ComputeConfig(threads=3, kernels="reference"))
print(kernels.name, kernels.threads, torch.get_num_threads())
"""


def run(script: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return ran.stdout.split()


def doctor(*options: str) -> str:
    command = [sys.executable, "-m", "parties.cli", "doctor", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_pools_have_the_size_that_the_settings_say() -> None:
    assert run(SIZES) == ["reference", "3", "3"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux: glibc's mallopt")
def test_freed_memory_is_kept_until_a_job_ends() -> None:
    kept, left = map(int, run(RESIDENT))
    assert kept > 300
    assert left < 40


def test_the_doctor_names_kernels_threads_and_device() -> None:
    shown = doctor()
    for word in (*available(), "1 a computation", torch.__version__, "CUDA device", "matrix product"):
        assert word in shown
    assert "NO" not in shown


def test_the_doctor_takes_a_nodes_settings(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        'name = "a"\nconsortium = "c"\nkeys = "k"\nstate = "s"\n'
        '[compute]\nkernels = "reference"\nthreads = 2\n[policy]\npreset = "opensafely"\np_percent = 20\n',
        encoding="utf-8",
    )
    shown = doctor("--config", str(tmp_path / "node.toml"))
    assert "kernels   reference;" in shown
    assert "threads   2 a computation" in shown
    for line in ("policy    preset opensafely", "minimum_count = 8\n", "p_percent = 20 (the preset: 10)"):
        assert line in shown


def test_a_kernel_that_computes_something_else_is_found() -> None:
    class Wrong(Kernels):
        def argsort(self, keys: Tensor) -> Tensor:
            return torch.argsort(keys, descending=True)

    unequal = [trial.name for trial in trials(Wrong(), budget_s=0.01) if not trial.equal]
    assert unequal == ["stable order"]
