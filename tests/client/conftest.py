"""Three compute parties that are hospitals too, and a hospital that only dials out, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from parties.client import Space, connect
from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE
from parties.demo.processes import free_ports
from parties.identity import sandbox
from parties.management.datasets import DataSets
from parties.node.app import Node
from parties.node.config import NodeConfig, load

HOLDERS = ("ada", "bert", "cleo", "dora")
CUTS = (0, 300, 500, 640, 686)


@dataclass
class World:
    folder: Path
    nodes: dict[str, Node]
    pooled: pd.DataFrame

    @property
    def config(self) -> Path:
        return self.folder / "eve" / "analyst.toml"


def _node(folder: Path, part: pd.DataFrame) -> Node:
    part.to_csv(folder / "part.csv", index=False)
    settings = load(folder / "node.toml", NodeConfig)
    DataSets(settings.state, settings.name).add(SCHEMA_FILE, folder / "part.csv")
    return Node(settings)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world") / "box"
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(HOLDERS[:3], free_ports(3), strict=True)}
    sandbox.init(folder, "test", compute=compute, holders=list(HOLDERS), analysts=["eve", "otto"])
    pooled = pd.read_csv(COHORT_FILE)
    parts = {name: pooled.iloc[a:b] for name, a, b in zip(HOLDERS, CUTS, CUTS[1:], strict=False)}
    nodes = {name: _node(folder / name, part) for name, part in parts.items()}
    for node in nodes.values():
        node.start()
    yield World(folder, nodes, pooled)
    for node in nodes.values():
        node.stop()


@pytest.fixture(scope="module")
def space(world) -> Iterator[Space]:
    with connect(world.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)
        yield made


@pytest.fixture(scope="module")
def gbsg(space):
    return space.dataset("gbsg2", holders=HOLDERS)
