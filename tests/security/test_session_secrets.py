"""What lives for one attempt only: pair keys, stream keys, seeds and the masks that come out of them.

They are caught where they are made, in nodes of this process, and then searched for in every file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import structlog

from mpc import randomness
from mpc.protocols.replicated import packages
from parties.client import connect
from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE
from parties.demo.processes import free_ports
from parties.management.datasets import DataSets
from parties.management.schema_file import load_schema
from parties.node import sandbox, telemetry
from parties.node.app import Node
from parties.node.config import load

NAMES = ("ada", "bert", "cleo")
MASK_BYTES = 16
#: Streams of one describe that are caught; most have no key of their own.
MANY = 300


@pytest.fixture
def talkative(tmp_path: Path) -> Iterator[Path]:
    """Logs at debug level, as a node writes them; the logging of this process is restored afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("triune")
    ours_before = structlog.get_config()
    handlers, levels = root.handlers[:], (root.level, ours.level)
    telemetry.configure(tmp_path, "debug")
    yield tmp_path / telemetry.LOG_FILE
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    structlog.configure(**ours_before)


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Every pair key, every key of a stream, and the first words of every stream."""
    found: set[bytes] = set()
    make, stream, short = randomness.PairKeys.__init__, randomness.expand, randomness.short_stream

    def caught_keys(self: Any, keys: Any, ledger: Any = None) -> None:
        found.update(keys.values())
        make(self, keys, ledger)

    def caught_stream(key: bytes, elements: int) -> Any:
        words = stream(key, elements)
        found.update({key, words.tobytes()[:MASK_BYTES]})
        return words

    def caught_short_stream(key: bytes, address: Any, elements: int) -> Any:
        words = short(key, address, elements)
        found.update({key, words.tobytes()[:MASK_BYTES]})
        return words

    monkeypatch.setattr(randomness.PairKeys, "__init__", caught_keys)
    monkeypatch.setattr(randomness, "short_stream", caught_short_stream)
    monkeypatch.setattr(randomness, "expand", caught_stream)
    monkeypatch.setattr(packages, "expand", caught_stream)
    return found


def start_nodes(folder: Path) -> list[Node]:
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(NAMES, free_ports(3), strict=True)}
    sandbox.init(folder, "test", compute=compute, holders=list(NAMES), analysts=["eve"])
    cohort, nodes = pd.read_csv(COHORT_FILE), []
    for place, name in enumerate(NAMES):
        cohort.iloc[place::3].to_csv(folder / name / "part.csv", index=False)
        settings = load(folder / name / "node.toml")
        DataSets(settings.state, name).add(load_schema(SCHEMA_FILE), folder / name / "part.csv")
        nodes.append(Node(settings))
    for node in nodes:
        node.start()
    return nodes


def test_no_key_and_no_mask_is_written_down(talkative: Path, caught: set[bytes], tmp_path: Path) -> None:
    nodes = start_nodes(tmp_path / "box")
    try:
        with connect(tmp_path / "box" / "eve" / "analyst.toml") as space:
            described = space.dataset("gbsg2", holders=NAMES).describe("age", "tsize")
        assert described.to_pandas().loc["age", "n"] == 686
    finally:
        for node in nodes:
            node.stop()
    secrets = {secret for secret in caught if len(secret) >= MASK_BYTES}
    assert len(secrets) > MANY
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".csv"]
    assert talkative in written
    assert '"level": "debug"' in talkative.read_text()
    for path in written:
        content = path.read_bytes()
        lower = content.lower()
        assert not [1 for secret in secrets if secret in content], path
        assert not [1 for secret in secrets if secret.hex().encode() in lower], path
