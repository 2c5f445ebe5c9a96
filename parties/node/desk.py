"""The holders that are attached to this compute party right now, and what they announced."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from mpc.errors import PeerVanished
from mpc.privacy.terms import Terms
from parties.management.catalogue import Registration
from parties.node.transport.outbox import Outbox
from parties.wire.holder_pb2 import ToHolder


@dataclass(frozen=True)
class Announced:
    """What a holder says of itself: its data sets, and what it demands of a release."""

    registrations: tuple[Registration, ...]
    terms: Terms


class HolderDesk:
    """Attached holders by name. What a holder announced that left stays known, so plans name it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outboxes: dict[str, Outbox[ToHolder]] = {}
        self._announced: dict[str, Announced] = {}

    def attach(self, name: str, announced: Announced, outbox: Outbox[ToHolder]) -> bool:
        """A holder's stream begins; True if it takes the place of another, which is closed."""
        with self._lock:
            previous = self._outboxes.get(name)
            self._outboxes[name] = outbox
            self._announced[name] = announced
        if previous is not None:
            previous.close()
        return previous is not None

    def announce(self, name: str, announced: Announced) -> None:
        """The holder's data sets have changed."""
        with self._lock:
            self._announced[name] = announced

    def detach(self, name: str, outbox: Outbox[ToHolder]) -> bool:
        """True if this was the holder's current stream."""
        with self._lock:
            if self._outboxes.get(name) is not outbox:
                return False
            del self._outboxes[name]
            return True

    def registrations(self) -> list[Registration]:
        """What all holders announced that were attached since the node started."""
        with self._lock:
            return [item for held in self._announced.values() for item in held.registrations]

    def terms(self) -> dict[str, Terms]:
        """What those holders demand, by name."""
        with self._lock:
            return {name: held.terms for name, held in self._announced.items()}

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are not attached."""
        with self._lock:
            return [name for name in names if name not in self._outboxes]

    def tell(self, names: Iterable[str], frame: ToHolder) -> None:
        """Send to each; `PeerVanished` names one that is not attached."""
        for name in names:
            with self._lock:
                outbox = self._outboxes.get(name)
            if outbox is None:
                raise not_attached(name)
            outbox.put_control(frame)  # a holder that reads slowly must not hold up the others

    def send(self, name: str, frame: ToHolder, size: int) -> None:
        """Send `size` bytes to one; waits while its link is full. `PeerVanished` or `PeerSilent` names it."""
        with self._lock:
            outbox = self._outboxes.get(name)
        if outbox is None:
            raise not_attached(name)
        outbox.put(frame, size)

    def close(self) -> None:
        """End every stream."""
        with self._lock:
            outboxes = list(self._outboxes.values())
        for outbox in outboxes:
            outbox.close()


def not_attached(name: str) -> PeerVanished:
    """A holder of the plan is away."""
    return PeerVanished(
        f"{name} is not connected.",
        remedy="Start its node and submit again, or ask the other holders alone (--holder, holders=).",
        culprit=name,
    )
