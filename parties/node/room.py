"""Where one plan's messages wait until the thread that runs it asks for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from mpc.errors import PeerSilent, ProtocolAbort, TriuneError


class Room:
    """Messages by kind and sender; `fail` wakes whoever waits, and the first error stays."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: dict[tuple[str, str], Any] = {}
        self._failure: TriuneError | None = None

    def put(self, kind: str, sender: str, message: Any) -> None:
        """Leave a message; `ProtocolAbort` for a second, different one of the same sender and kind."""
        with self._changed:
            known = self._messages.setdefault((kind, sender), message)
            if known is not message and known != message:
                raise ProtocolAbort(f"{sender} sent two different messages of kind {kind}.", culprit=sender)
            self._changed.notify_all()

    def collect(self, kind: str, senders: Sequence[str], timeout_s: float) -> dict[str, Any]:
        """One message of each sender, in order.

        Raises `PeerSilent` for the first that is missing at the deadline, and what the room failed with.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure or all((kind, sender) in self._messages for sender in senders),
                max(0.0, deadline - time.monotonic()),
            )
            self.check()
            for sender in senders:
                if (kind, sender) not in self._messages:
                    raise PeerSilent(
                        f"{sender} sent no {kind} within {timeout_s:g} s.",
                        remedy="Check that its node runs and has received the plan.",
                        culprit=sender,
                    )
            return {sender: self._messages[kind, sender] for sender in senders}

    def wait_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for an outside condition, looking again now and then; whether it came about.

        Raises what the room failed with.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not done() and time.monotonic() < deadline:
                self.check()
                self._changed.wait(0.05)
            self.check()
        return done()

    def fail(self, error: TriuneError) -> None:
        """Wake whoever waits, now or later, with this error; only the first one counts."""
        with self._changed:
            if self._failure is None:
                self._failure = error
            self._changed.notify_all()

    def check(self) -> None:
        """Raise the failure, if there is one."""
        if self._failure is not None:
            raise self._failure
