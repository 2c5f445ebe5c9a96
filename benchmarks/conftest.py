"""`pytest benchmarks/ --device --kernels --transport`: what a row stands for is in its `extra_info`.

The clock runs from a barrier to the slowest party; inputs are shared before, results stay shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from benchmarks import limits
from benchmarks.links import Parties, linked_parties
from benchmarks.local import LocalParties
from benchmarks.report import table
from benchmarks.workloads import FRACTION_BITS, Workload
from mpc.errors import ConfigError
from mpc.kernels import Kernels, choose
from parties.node.config import ComputeConfig

SECURITY = "3 parties, semi-honest, honest majority"
TRANSPORTS = {
    "grpc": "mutual TLS 1.3 on loopback, a process a party, data on lanes beside gRPC",
    "links": "mutual TLS 1.3 on loopback, a process a party, data over gRPC",
    "local": "memory, a thread a party",
}
REPETITIONS = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("triune")
    group.addoption("--device", choices=["cpu", "cuda"], default="cpu", help="where kernels compute")
    group.addoption(
        "--kernels", choices=["auto", "reference", "native", "cuda"], default="auto", help="which kernels"
    )
    group.addoption(
        "--transport", choices=list(TRANSPORTS), default="grpc", help="grpc: as nodes do; links: no lanes"
    )


@dataclass(frozen=True)
class Setting:
    """The options of this run."""

    device: str
    kernels: str
    transport: str

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "security": SECURITY,
            "transport": TRANSPORTS[self.transport],
            "device": self.device,
            "kernels": self.kernels,
            "threads_per_party": 1,
        }


@pytest.fixture(scope="session")
def kernels(pytestconfig: pytest.Config) -> Kernels:
    """The chosen kernels; the run is skipped, with the reason, where this machine has none such."""
    name, device = pytestconfig.getoption("--kernels"), pytestconfig.getoption("--device")
    try:
        return choose("cuda" if device == "cuda" and name == "auto" else name)
    except ConfigError as error:
        pytest.skip(f"{error.message} {error.remedy}")


@pytest.fixture(scope="session")
def setting(pytestconfig: pytest.Config, kernels: Kernels) -> Setting:
    device = pytestconfig.getoption("--device")
    return Setting(device, kernels.name, pytestconfig.getoption("--transport"))


@pytest.fixture(scope="session")
def parties(
    pytestconfig: pytest.Config, kernels: Kernels, setting: Setting, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parties | LocalParties]:
    if setting.transport == "local":
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield LocalParties(kernels)
        torch.set_num_threads(threads)
        return
    chosen = pytestconfig.getoption("--kernels")
    lane = 0 if setting.transport == "grpc" else None
    settings = ComputeConfig(
        kernels="cuda" if setting.device == "cuda" and chosen == "auto" else chosen, lane_port=lane
    )
    with linked_parties(tmp_path_factory.mktemp("links") / "box", settings) as made:
        yield made


@pytest.fixture
def run_workload(
    benchmark: Any, parties: Parties | LocalParties, setting: Setting
) -> Callable[[Workload], None]:
    """Benchmark a workload; its costs, its setting and the ratio to its limit stand in `extra_info`."""

    def run(workload: Workload) -> None:
        parties.ready(workload.prepare, workload.work)
        laps = parties.go()
        rounds, sent = max(lap.rounds for lap in laps), [lap.bytes_sent for lap in laps]
        benchmark.extra_info.update(
            setting.facts,
            row=workload.name,
            fraction_bits=FRACTION_BITS,
            rounds=rounds,
            bytes_sent_per_party=sent,
            repeat=workload.repeat,
        )
        benchmark.pedantic(
            parties.go,
            setup=lambda: parties.ready(workload.prepare, workload.work, workload.repeat),
            rounds=REPETITIONS,
        )
        if benchmark.stats is None:  # --benchmark-disable
            return
        median = benchmark.stats.stats.median / workload.repeat
        needs = limits.measured().seconds(rounds, max(sent), workload.multiply_adds, workload.words_read)
        if setting.transport == "local":
            needs |= {"rounds": 0.0, "bytes": 0.0}
        limit = sum(needs.values())
        benchmark.extra_info.update(
            median_s=median,
            limit_s=limit,
            limit_of={name: seconds for name, seconds in needs.items() if seconds},
            times_the_limit=median / limit if limit else None,
        )

    return run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line a workload: what it takes, what it sends, and how far its limit is."""
    session = getattr(config, "_benchmarksession", None)
    rows = [
        bench.extra_info for bench in getattr(session, "benchmarks", ()) if "median_s" in bench.extra_info
    ]
    if rows:
        terminalreporter.section("what a row takes, and its limit on this machine")
        for line in table(rows):
            terminalreporter.write_line(line)
