"""What tests of several rooms need: waiting for something, members with real keys, nodes in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE
from parties.demo.processes import free_ports
from parties.identity.consortium import Member
from parties.identity.keys import Identity
from parties.management.datasets import DataSets
from parties.management.schema_file import load_schema
from parties.node import sandbox
from parties.node.app import Node
from parties.node.config import PolicyConfig, load
from parties.node.deadlines import DEADLINES, Deadlines

HOLDERS: Final = ("ada", "bert", "cleo", "dora")
CUTS: Final = (0, 300, 500, 640, 686)
PATIENCE_S: Final = 40.0
#: Tests ask hundreds of questions of the same few records; what such a series may tell is not their subject.
ASKED_OFTEN: Final = PolicyConfig(differencing="off", records_per_cohort=0)


def until(done: Callable[[], Any], seconds: float = PATIENCE_S, pause_s: float = 0.02) -> None:
    """Wait for something to come about; a broken test ends."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause_s)


def member(identity: Identity, roles: Collection[str] = ("compute",), address: str = "") -> Member:
    """A member of a consortium, with the keys of `identity`."""
    public = identity.public()
    return Member(identity.name, frozenset(roles), address, public.tls_key, public.signing_key)


@dataclass(frozen=True)
class Hospitals:
    """Three compute parties that are hospitals too, a hospital that only dials out, two analysts."""

    folder: Path
    nodes: dict[str, Node]
    pooled: pd.DataFrame

    @property
    def config(self) -> Path:
        """The settings of the analyst eve."""
        return self.folder / "eve" / "analyst.toml"


@contextmanager
def running_hospitals(
    folder: Path,
    deadlines: Deadlines = DEADLINES,
    round_timeout_s: float = DEADLINES.round,
    policies: Mapping[str, PolicyConfig] = MappingProxyType({}),
) -> Iterator[Hospitals]:
    """Real TLS between nodes in this process; the cohort is split unevenly between four holders.

    `policies`: by name, of those whose policy is not `ASKED_OFTEN`.
    """
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(HOLDERS[:3], free_ports(3), strict=True)}
    sandbox.init(folder, "test", compute=compute, holders=list(HOLDERS), analysts=["eve", "otto"])
    pooled = pd.read_csv(COHORT_FILE)
    nodes = {}
    for name, first, last in zip(HOLDERS, CUTS, CUTS[1:], strict=False):
        place = folder / name
        pooled.iloc[first:last].to_csv(place / "part.csv", index=False)
        chosen = load(place / "node.toml")
        chosen = chosen.model_copy(
            update={
                "compute": chosen.compute.model_copy(update={"round_timeout_s": round_timeout_s}),
                "policy": policies.get(name, ASKED_OFTEN),
            }
        )
        DataSets(chosen.state, chosen.name).add(load_schema(SCHEMA_FILE), place / "part.csv")
        nodes[name] = Node(chosen, deadlines)
    try:
        for node in nodes.values():
            node.start()
        assert all(node.wait_ready() for node in nodes.values())
        yield Hospitals(folder, nodes, pooled)
    finally:
        for node in nodes.values():
            node.stop()
