"""A program as all parties of one process: `simulate`, its rehearsal, and the release of what it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mpc import checks
from mpc.channel import ROUND_TIMEOUT_S, Traffic, memory_network
from mpc.encoding import decode
from mpc.errors import ConfigError, TriuneError
from mpc.kernels import Kernels
from mpc.protocols.base import Cost, Guarantees, Protocol
from mpc.protocols.branches import as_abort
from mpc.protocols.runtime import Opening, Runtime
from mpc.protocols.shapes import ShapesProtocol
from mpc.protocols.table import protocol_class
from mpc.randomness import FreshKeys, KeySource, Ledger, PairKeys
from mpc.results import each_secret
from mpc.session import Session
from mpc.tensor import SecretTensor


@dataclass(frozen=True)
class PartyRun:
    """What one party of a simulation ended with."""

    result: Any
    traffic: Traffic
    openings: tuple[Opening, ...]
    checks: tuple[str, ...]
    digests: Mapping[str, tuple[str, str]]


class _Party(threading.Thread):
    def __init__(self, session: Session, program: Callable[[Session], Any]) -> None:
        super().__init__(daemon=True)
        self.session, self.program = session, program
        self.done: PartyRun | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        protocol, channel = self.session.protocol, self.session.runtime.channel
        try:
            if self.session.party < protocol.parties:
                self.done = self._computed()
            else:
                protocol.serve()
        except BaseException as error:  # noqa: BLE001 - handed to the caller of `run_parties`, which raises it
            self.error = error
            channel.fail(as_abort(error))
        protocol.close(completed=self.error is None)

    def _computed(self) -> PartyRun:
        session = self.session
        secret = self.program(session)
        traffic = Traffic(**vars(session.traffic))
        result = release(session, secret)
        digests = session.runtime.channel.digests()
        return PartyRun(result, traffic, tuple(session.openings), tuple(session.checks), digests)


def release(session: Session, value: Any) -> Any:
    """Open what a program returned: tensors to numpy or Python numbers, whatever holds them item by item.

    All secrets open together, in one round. If the program made checks, one flag opens with them: 1 if any of
    them fails. Then all secrets open as 0, and `RangeError` names what was demanded, not which demand failed
    nor where. `NotSupported` for secrets inside of what is no container, as an `mpc.Order`.
    """
    secrets: list[SecretTensor] = []  # bits as words of 0 and 1
    each_secret(
        value, lambda one: secrets.append(one if isinstance(one, SecretTensor) else SecretTensor.of_bits(one))
    )
    broken = session.settle()
    opened = iter(_opened(session, secrets, None if broken is None else 1 - broken))
    if broken is not None and session.protocol.open(broken.share, checks.FLAG).item():
        raise checks.suppressed(session.checks)
    return each_secret(value, lambda _: next(opened))


def _opened(session: Session, secrets: Sequence[SecretTensor], keep: SecretTensor | None) -> list[Any]:
    """All of them in one message, times the flag `keep`."""
    if not secrets:
        return []
    protocol = session.protocol
    share = protocol.linear(
        lambda *words: torch.cat([word.reshape(-1) for word in words]), *(one.share for one in secrets)
    )
    flat = SecretTensor(protocol, share)
    opened = protocol.reveal((flat if keep is None else flat * keep).share).cpu().numpy()
    ends = np.cumsum([one.size for one in secrets]).tolist()
    parts = [
        decode(opened[end - one.size : end].reshape(one.shape), one.scale)
        for one, end in zip(secrets, ends, strict=True)
    ]
    return [part.item() if part.ndim == 0 else part for part in parts]


def run_parties(
    program: Callable[[Session], Any],
    *,
    protocol: str = "replicated",
    parties: int | None = None,
    keys: KeySource | None = None,
    ledgers: Callable[[], Ledger] | None = None,
    timeout_s: float = ROUND_TIMEOUT_S,
    strict: bool = False,
    kernels: Kernels | None = None,
) -> list[PartyRun]:
    """Run a program as all parties of a protocol, one thread each; traffic excludes the release.

    `parties`: how many, where the protocol leaves the choice (crypten: 2 to 5). `kernels`: others than usual.
    """
    guarantees = protocol_class(protocol).guarantees
    count = _count(guarantees, parties)
    channels = memory_network(count + guarantees.helpers, timeout_s=timeout_s)
    pair_keys = (keys or FreshKeys()).keys(count + guarantees.helpers)
    secrets = [PairKeys(own, ledgers() if ledgers else None) for own in pair_keys]
    threads = [
        _Party(Session(channel, own, protocol, strict=strict, kernels=kernels), program)
        for channel, own in zip(channels, secrets, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in threads:
        if thread.error is not None and not isinstance(thread.error, TriuneError):
            raise thread.error
    for thread in threads:
        if thread.error is not None:
            raise thread.error
    return [thread.done for thread in threads if thread.done is not None]


def _count(guarantees: Guarantees, parties: int | None) -> int:
    """How many parties compute: as many as the protocol takes, or as were chosen if it leaves the choice."""
    if parties is not None and parties != guarantees.parties and not guarantees.parties_at_most:
        raise ConfigError(
            f"The protocol {guarantees.name} takes {guarantees.parties} parties, not {parties}.",
            remedy="Leave out parties=....",
        )
    return guarantees.parties if parties is None else parties


def simulate(
    program: Callable[[Session], Any],
    *,
    protocol: str = "replicated",
    parties: int | None = None,
    keys: KeySource | None = None,
    timeout_s: float = ROUND_TIMEOUT_S,
) -> Any:
    """All parties in this process; returns what the program's result opens to.

        >>> simulate(lambda s: (s.input([1.5, 2.0], owner=0) * s.input([3.0, 4.0], owner=1)).sum())
        12.5

    A rehearsal comes first, so that a range that cannot hold is refused before anything is shared. Raises
    whatever the program raised at the first party that failed. `timeout_s`: how long a party waits for a
    message.
    """
    rehearse(program, protocol, parties=parties)
    return run_parties(program, protocol=protocol, parties=parties, keys=keys, timeout_s=timeout_s)[0].result


class _Opened(BaseException):
    """Ends a rehearsal where the program wants to see a value: what follows may depend on it."""


class _Rehearsal(Session):
    """A session without words: inputs have the shapes, scales and bounds of the real ones."""

    def __init__(self, kind: type[Protocol[Any]], parties: int) -> None:
        channel, (keys,) = memory_network(1)[0], FreshKeys().keys(1)
        self.runtime = Runtime(channel, PairKeys(keys))
        self.protocol: ShapesProtocol = ShapesProtocol(self.runtime, kind.costs_for(parties), kind.guarantees)
        self.strict = False

    def open(self, x: SecretTensor, *, why: str) -> npt.NDArray[np.generic]:
        raise _Opened(x, why)


def rehearse(
    program: Callable[[Session], Any], protocol: str = "replicated", *, parties: int | None = None
) -> Cost:
    """What a program will cost, from shapes, scales and bounds alone; nothing is computed, shared or sent.

    At most how many rounds, and the bytes that each party sends, without the release; no bytes for a protocol
    that declares none.
    What ranges and shapes forbid raises `RangeError` or `NotSupported` here. The rehearsal ends where the
    program itself opens a value (`session.open`).
    """
    kind = protocol_class(protocol)
    session = _Rehearsal(kind, _count(kind.guarantees, parties))
    with suppress(_Opened):
        program(session)
    return session.protocol.booked
