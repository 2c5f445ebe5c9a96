"""A node's process: what it says while it starts, what it loads for which role, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import torch

from mpc.errors import ProtocolAbort
from parties.demo.processes import free_ports, stop_all
from parties.node import sandbox
from parties.node.transport import dialling

NAMES = ("ada", "bert", "cleo")
PATIENCE_S = 60.0


class Box:
    """A sandbox of three compute parties and a holder, whose nodes are processes with a log each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        compute = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        sandbox.init(folder, "test", compute=compute, holders=["dora"], analysts=["eve"])
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "parties.cli", "node", "run", "--config"]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [*command, str(self.folder / name / "node.toml")], stdout=log, stderr=log
            )
        return self.running[name]

    def said(self, name: str) -> list[str]:
        return (self.folder / f"{name}.log").read_text().splitlines()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "box")
    yield made
    stop_all(made.running.values())


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_waits_for_its_peers_ends_when_it_is_told_to(box: Box, sign: signal.Signals) -> None:
    node = box.start("ada")
    until(lambda: bool(box.said("ada")))
    assert box.said("ada") == [f"ada serves on 127.0.0.1:{box.ports['ada']}"]
    node.send_signal(sign)
    assert node.wait(PATIENCE_S) == 0
    assert len(box.said("ada")) == 1


@pytest.mark.slow
def test_a_node_is_ready_when_all_its_links_are_up(box: Box) -> None:
    for name in ("dora", "ada", "bert"):
        box.start(name)
    until(lambda: bool(box.said("ada") and box.said("bert")))
    assert not [line for name in box.running for line in box.said(name) if "ready" in line]
    box.start("cleo")
    until(lambda: all(f"{name} ready" in box.said(name) for name in box.running))
    assert box.said("dora") == ["dora ready"]
    for name, node in box.running.items():
        node.terminate()
        assert node.wait(PATIENCE_S) == 0, name


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test wants missing")
def test_kernels_that_the_machine_lacks_end_the_node_with_a_sentence(box: Box) -> None:
    settings = box.folder / "ada" / "node.toml"
    settings.write_text(settings.read_text().replace('kernels = "auto"', 'kernels = "cuda"'))
    for name in ("bert", "cleo", "dora"):
        box.start(name)
    assert box.start("ada").wait(PATIENCE_S) == 1
    assert any("There are no cuda kernels here" in line for line in box.said("ada"))


def test_a_holder_with_a_damaged_registration_starts_and_says_so(box: Box) -> None:
    folder = box.folder / "dora" / "state" / "datasets"
    folder.mkdir()
    (folder / "visits.json").write_text("{}")
    box.start("dora")
    until(lambda: any("visits" in line and "triune data add" in line for line in box.said("dora")))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("parties.node.app", ("torch", "sqlalchemy", "pyarrow")),
        ("parties.node.config", ("torch", "sqlalchemy", "pyarrow", "grpc")),
        ("parties.node.computing", ("torch", "alembic", "pyarrow", "sqlalchemy.orm")),
        ("parties.management.datasets", ("torch", "sqlalchemy", "grpc")),
    ],
)
def test_a_role_loads_what_it_needs(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*(name for name in {absent} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


class Pauses(threading.Event):
    """Does not wait; notes for how long it should have, and ends the dialling after a while."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.seen: list[float] = []
        self._count = count

    def wait(self, timeout: float | None = None) -> bool:
        self.seen.append(timeout or 0.0)
        if len(self.seen) == self._count:
            self.set()
        return True


def test_pauses_grow_to_a_second_and_differ() -> None:
    pauses = Pauses(40)

    def dial() -> None:
        raise ProtocolAbort("bert did not greet.")

    dialling.keep_dialling("bert", dial, pauses)
    for place, pause in enumerate(pauses.seen):
        longest = min(dialling.FIRST_PAUSE_S * 2**place, dialling.LONGEST_PAUSE_S)
        assert longest / 2 <= pause <= longest <= 1.0
    assert len(set(pauses.seen)) == len(pauses.seen)


def test_a_link_that_lasted_is_dialled_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls, pauses = [0.0], [0], Pauses(12)
    monkeypatch.setattr(dialling.time, "monotonic", lambda: now[0])

    def dial() -> None:
        calls[0] += 1
        now[0] += 100.0 if calls[0] % 6 == 0 else 0.1
        raise grpc.RpcError

    dialling.keep_dialling("bert", dial, pauses)
    assert pauses.seen[4] > dialling.FIRST_PAUSE_S
    assert pauses.seen[5] <= dialling.FIRST_PAUSE_S
    assert pauses.seen[10] > dialling.FIRST_PAUSE_S
