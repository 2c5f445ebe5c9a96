"""The party's end of its CrypTen process: started once, forked for every session, gone with it."""

from __future__ import annotations

import atexit
import importlib.util
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from torch import Tensor

from mpc.errors import NotSupported, ProtocolAbort
from mpc.protocols.crypten import link

#: How long the process may take to end when its link is closed (seconds).
END_S: Final = 5.0
MODULE: Final = "mpc.protocols.crypten.worker"
Answer = Callable[[str, dict[str, Any], list[Tensor]], list[Tensor]]


class _Zygote:
    """The process that has CrypTen loaded and forks workers; it ends when this process does."""

    def __init__(self) -> None:
        if importlib.util.find_spec("crypten") is None:
            raise NotSupported(
                "CrypTen is not installed.", remedy="Install it with: pip install 'triune[crypten]'"
            )
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        self._control.close()
        self.process.wait(END_S)

    def fork(self, rank: int, parties: int) -> socket.socket:
        mine, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [bytes([rank, parties])], [theirs.fileno()])
        return mine


class _Zygotes:
    """At most one a process: it takes seconds and 300 MB, and holds nothing of any session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Zygote | None = None

    def get(self) -> _Zygote:
        with self._lock:
            if self._running is None or self._running.process.poll() is not None:
                self._running = _Zygote()
            return self._running

    def close(self) -> None:
        """At the end of this process: its child ends as well, instead of a moment later."""
        with self._lock:
            if self._running is not None:
                self._running.close()
                self._running = None


_ZYGOTES: Final = _Zygotes()
atexit.register(_ZYGOTES.close)


class Worker:
    """A session's CrypTen process. `answer` does what CrypTen asks of this party on the way."""

    def __init__(self, rank: int, parties: int, answer: Answer) -> None:
        self._link, self._answer = _ZYGOTES.get().fork(rank, parties), answer

    def __call__(self, op: str, *words: Tensor, **facts: Any) -> Tensor:
        """One of the worker's operations on this party's words. `ProtocolAbort` if it fails or dies."""
        try:
            link.send(self._link, op, *words, facts=facts)
            while True:
                head, tensors = link.recv(self._link)
                if head["op"] == "done":
                    return tensors[0]
                if head["op"] == "failed":
                    raise ProtocolAbort(f"CrypTen failed at {op} with {head['kind']}.")
                link.send(self._link, "answer", *self._answer(head["op"], head, tensors))
        except link.LinkClosed:
            raise ProtocolAbort(f"The CrypTen process of this party ended at {op}.") from None

    def close(self) -> None:
        """End the process."""
        self._link.close()
