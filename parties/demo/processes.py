"""The demo's processes on loopback: five nodes and an analyst, each with its own folder and log.

Whatever happens, leaving the `House` ends them all and removes the folder with its keys and data.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from mpc.errors import JobError
from parties.demo.cohort import COHORT_FILE, COMPUTE, SCHEMA_FILE, SHARES_PERCENT, split
from parties.identity.settings import ANALYST_FILE, NODE_FILE
from parties.node import sandbox

ANALYST: Final = "analyst"
#: Systems give the ports of outgoing connections, any of which may be taken at any time, from above.
_PORTS: Final = range(20_000, 32_000)
COMMAND_DEADLINE_S: Final = 60.0
ANALYST_DEADLINE_S: Final = 180.0
START_DEADLINE_S: Final = 60.0
STOP_DEADLINE_S: Final = 8.0
_POLL_S: Final = 0.05
_LOG_TAIL_CHARACTERS: Final = 1500
Process = subprocess.Popen[bytes]


class House:
    """Five hospitals' nodes and their data, in a temporary folder; a context manager.

    `change` may alter the parts between the split and their registration (tests do).
    """

    def __init__(self, change: Callable[[Mapping[str, Path]], None] | None = None) -> None:
        self._change = change
        self._folder = Path()
        self._nodes: dict[str, Process] = {}
        self.parts: dict[str, Path] = {}

    def __enter__(self) -> House:
        self._folder = Path(tempfile.mkdtemp(prefix="triune-demo-"))
        try:
            self._found()
            self._register()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def analyst_config(self) -> Path:
        """The analyst's settings."""
        return self._root / ANALYST / ANALYST_FILE

    @property
    def nodes(self) -> Mapping[str, Process]:
        """Name -> running node."""
        return self._nodes

    @property
    def folder(self) -> Path:
        """The temporary folder of all parties."""
        return self._folder

    @property
    def _root(self) -> Path:
        return self._folder / "sandbox"

    def _found(self) -> None:
        """Keys, the consortium file, and each hospital's part of the cohort in its own folder."""
        ports = free_ports(len(COMPUTE))
        compute = {name: f"127.0.0.1:{port}" for name, port in zip(COMPUTE, ports, strict=True)}
        self._consortium = sandbox.init(
            self._root, "demo", compute=compute, holders=list(SHARES_PERCENT), analysts=[ANALYST]
        )
        self.parts = split(COHORT_FILE, {name: self._root / name for name in SHARES_PERCENT})
        if self._change is not None:
            self._change(self.parts)

    def _register(self) -> None:
        """`triune data add` at every hospital, all at once."""
        commands = {name: self._add_command(name, part) for name, part in self.parts.items()}
        running = {name: self._spawn(name, command) for name, command in commands.items()}
        _finish_all(running, COMMAND_DEADLINE_S, self._log)

    def _add_command(self, name: str, part: Path) -> list[str]:
        folder = self._root / name
        # The schema is public and the same for all; a copy lies at each hospital as it would in life.
        schema = shutil.copy(SCHEMA_FILE, folder / SCHEMA_FILE.name)
        return _triune("data", "add", str(schema), str(part), "--config", str(folder / NODE_FILE), "--yes")

    def _start(self) -> None:
        for name in SHARES_PERCENT:
            self.start_node(name)
        deadline = time.monotonic() + START_DEADLINE_S
        for member in self._consortium.compute:
            self._wait_for_port(member.name, member.host_port[1], deadline)

    def start_node(self, name: str) -> None:
        """`triune node run` at a hospital; again after its node has ended."""
        command = _triune("node", "run", "--config", str(self._root / name / NODE_FILE))
        self._nodes[name] = self._spawn(name, command)

    def _wait_for_port(self, name: str, port: int, deadline: float) -> None:
        while not _answers(port):
            if self._nodes[name].poll() is not None:
                raise JobError(
                    f"The node {name} ended while starting: {_tail(self._log(name))}",
                    remedy="Run `triune demo` again; if it happens again, report this text.",
                )
            if time.monotonic() > deadline:
                raise JobError(
                    f"The node {name} did not open its port within {START_DEADLINE_S:.0f} s.",
                    remedy="Close other programs and run `triune demo` again.",
                )
            time.sleep(_POLL_S)

    def ask(self, output: Path) -> None:
        """The analyst's process: every query, answers into `output`."""
        module = [sys.executable, "-m", "parties.demo.queries"]
        command = [*module, "--config", str(self.analyst_config), "--output", str(output)]
        _finish_all({ANALYST: self._spawn(ANALYST, command)}, ANALYST_DEADLINE_S, self._log)

    def _spawn(self, name: str, command: Sequence[str]) -> Process:
        # One thread each: six processes on a small machine would only get into each other's way.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self._log(name).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self._root / name,
            )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def close(self) -> None:
        """Ends all nodes and removes the folder."""
        with ExitStack() as always:
            always.callback(shutil.rmtree, self._folder, ignore_errors=True)
            stop_all(self._nodes.values())


def stop_all(processes: Iterable[Process]) -> None:
    """Asks every process to end, waits, and kills those that do not."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + STOP_DEADLINE_S
    for process in running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now, below those of outgoing connections.

    One of these may be gone before a node opens it. `JobError` if there are not so many.
    """
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            with suppress(OSError), ExitStack() as this:
                this.enter_context(socket.socket()).bind(("127.0.0.1", port))
                stack.push(this.pop_all())  # kept, so that none is found twice
                found.append(port)
            if len(found) == count:
                return found
    raise JobError(
        f"Of the ports {_PORTS.start} to {_PORTS.stop - 1} not {count} are free.",
        remedy="Close programs that listen there.",
    )


def _triune(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "parties.cli", *arguments]


def _finish_all(running: Mapping[str, Process], seconds: float, log: Callable[[str], Path]) -> None:
    deadline = time.monotonic() + seconds
    try:
        for name, process in running.items():
            try:
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise JobError(
                    f"A command at {name} took longer than {seconds:.0f} s.",
                    remedy="Close other programs and run `triune demo` again.",
                ) from None
            if status != 0:
                raise JobError(
                    f"A command at {name} failed: {_tail(log(name))}",
                    remedy="Run `triune demo` again; if it happens again, report this text.",
                )
    finally:
        stop_all(running.values())


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    return text[-_LOG_TAIL_CHARACTERS:] or "it said nothing"
