"""For every test: a hypothesis profile, one torch thread, quiet logs; and nodes that run in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import structlog
import torch
from hypothesis import HealthCheck, settings

from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE
from parties.demo.processes import free_ports
from parties.management.datasets import DataSets
from parties.management.schema_file import load_schema
from parties.node import sandbox
from parties.node.app import Node
from parties.node.config import load

# No deadline: machines are shared, and a slow example is not a wrong one. Failures print how to replay them.
settings.register_profile(
    "house", deadline=None, max_examples=50, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("house"), max_examples=1000)
settings.load_profile("house")

# Without a GPU Triton's kernels run in its interpreter; it looks at this when they are defined.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Parties are threads here; more threads a party only take turns on the same cores.
torch.set_num_threads(1)

# As in a node: unconfigured, structlog would print what nodes of this process say among a test's output.
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, structlog.processors.JSONRenderer()],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
)

HOLDERS = ("ada", "bert", "cleo", "dora")
CUTS = (0, 300, 500, 640, 686)


@dataclass(frozen=True)
class Hospitals:
    """Three compute parties that are hospitals too, a hospital that only dials out, two analysts."""

    folder: Path
    nodes: dict[str, Node]
    pooled: pd.DataFrame

    @property
    def config(self) -> Path:
        return self.folder / "eve" / "analyst.toml"


def _node(folder: Path, part: pd.DataFrame) -> Node:
    part.to_csv(folder / "part.csv", index=False)
    chosen = load(folder / "node.toml")
    DataSets(chosen.state, chosen.name).add(load_schema(SCHEMA_FILE), folder / "part.csv")
    return Node(chosen)


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    """Real TLS between nodes in this process; the cohort is split unevenly between four holders."""
    folder = tmp_path_factory.mktemp("hospitals") / "box"
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(HOLDERS[:3], free_ports(3), strict=True)}
    sandbox.init(folder, "test", compute=compute, holders=list(HOLDERS), analysts=["eve", "otto"])
    pooled = pd.read_csv(COHORT_FILE)
    parts = {name: pooled.iloc[a:b] for name, a, b in zip(HOLDERS, CUTS, CUTS[1:], strict=False)}
    nodes = {name: _node(folder / name, part) for name, part in parts.items()}
    for node in nodes.values():
        node.start()
    assert all(node.wait_ready() for node in nodes.values())
    yield Hospitals(folder, nodes, pooled)
    for node in nodes.values():
        node.stop()
