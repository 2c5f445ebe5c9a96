"""A node, wired from its settings: its roles, and the process that runs them.

A role's modules load when the role starts: a holder waits neither for torch nor for a database.
"""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from mpc.errors import ConfigError
from parties.identity.consortium import load as load_consortium
from parties.identity.consortium import require_loopback_if_sandbox
from parties.identity.keys import Identity
from parties.node import config, telemetry
from parties.node.config import NodeConfig
from parties.node.deadlines import DEADLINES, Deadlines

if TYPE_CHECKING:
    from parties.node.computing import Computing
    from parties.node.holder import Holder
    from parties.node.storage.base import JobStore

#: How long links may take before the operator hears who is missing; how often they are looked at (seconds).
ATTACH_WAIT_S: Final = 30.0
_POLL_S: Final = 0.02
_SLOW_POLL_S: Final = 0.5
_log = structlog.get_logger("triune.node")


class Node:
    """One party's process: the holder role, the compute role, or both."""

    def __init__(self, settings: NodeConfig, deadlines: Deadlines = DEADLINES) -> None:
        """Raises `ConfigError` or `IdentityError` for settings, keys and consortium that do not fit."""
        self.settings = settings
        self.deadlines = replace(deadlines, round=settings.compute.round_timeout_s)
        self.identity = Identity.load(settings.keys)
        self.consortium = load_consortium(settings.consortium)
        self.member = self.consortium.check_own(self.identity)
        if settings.name != self.identity.name:
            raise ConfigError(
                f"The settings are for {settings.name}, the keys belong to {self.identity.name}.",
                remedy="Point `keys` in node.toml to this party's own keys.",
            )
        require_loopback_if_sandbox(self.consortium, *([settings.listen] if settings.listen else []))
        self._computing: Computing | None = None
        self._holder: Holder | None = None

    @property
    def storage(self) -> JobStore | None:
        """The jobs, of a compute party that has started."""
        return None if self._computing is None else self._computing.storage

    def start(self) -> None:
        """Open the port, dial the others. Raises `ConfigError` for a port or a database not to be had."""
        if "compute" in self.member.roles:
            from parties.node.computing import Computing

            self._computing = Computing(self.settings, self.identity, self.consortium, self.deadlines)
            self._computing.start()
        if "holder" in self.member.roles:
            self._start_holder()

    def _start_holder(self) -> None:
        from parties.management.datasets import DataSets
        from parties.node.cohorts import CohortStore
        from parties.node.holder import Holder

        datasets = DataSets(self.settings.state, self.identity.name)
        for name in datasets.damaged():
            _log.warning("registration not usable, run `triune data add` again", dataset=name)
        policy = self.settings.policy.policy()
        store = CohortStore(self.settings.state, self.identity)
        self._holder = Holder(self.identity, self.consortium, datasets, store, policy, self.deadlines)
        self._holder.start()

    def missing(self) -> tuple[str, ...]:
        """The compute parties that a role of this node has no link to yet."""
        names = [member.name for member in self.consortium.compute]
        absent: set[str] = set()
        if self._computing is not None:
            absent |= {*names} - {self.identity.name, *self._computing.linked()}
        if self._holder is not None:
            absent |= {*names} - {*self._holder.attached()}
        return tuple(name for name in names if name in absent)

    def wait_ready(self, timeout_s: float = ATTACH_WAIT_S) -> bool:
        """Wait until every link of this node is up; False if some are not yet."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.missing():
                return True
            time.sleep(_POLL_S)
        return False

    def check_engine(self) -> None:
        """Wait for a compute party's engine. `ConfigError` for kernels that this machine lacks."""
        if self._computing is not None:
            self._computing.engine.result()

    def stop(self) -> None:
        """Close all links, the port and the storage; also after a start that failed."""
        if self._holder is not None:
            self._holder.stop()
        if self._computing is not None:
            self._computing.stop()


def run_node(config_path: Path) -> None:
    """Run until SIGTERM or Ctrl-C. Says when the port is open, and when all links are up."""
    settings = config.load(config_path)
    telemetry.configure(settings.state, settings.log_level)
    for sign in (signal.SIGTERM, signal.SIGINT):  # wherever the start has come to, it ends there
        signal.signal(sign, signal.default_int_handler)
    node = Node(settings)
    try:
        node.start()
        if settings.listen:
            _say(f"{settings.name} serves on {settings.listen}")
        _wait_for_links(node)
        _say(f"{settings.name} ready")
        node.check_engine()
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        for sign in (signal.SIGTERM, signal.SIGINT):  # a second one does not wait for the first
            signal.signal(sign, signal.SIG_DFL)
        node.stop()


def _wait_for_links(node: Node) -> None:
    if not node.wait_ready():
        _say(f"{node.settings.name} waits for {', '.join(node.missing())}")
    while node.missing():
        time.sleep(_SLOW_POLL_S)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the operator's sign of life
