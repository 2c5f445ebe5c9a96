"""Following a job at three parties at once: a thread a stream, one place that knows the latest."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Any, Final

import grpc

from mpc.errors import TriuneError
from parties.client.connection import Connection
from parties.wire import analyst_pb2 as pb

_WAKE_S: Final = 0.2  # how often the waiter looks up, so that Ctrl-C is heard
Told = pb.JobStatus | TriuneError


class Watchers:
    """`told`: party -> its latest word on the job, None before the first. A context manager."""

    def __init__(self, connection: Connection, job: pb.JobRef) -> None:
        self.told: dict[str, Told | None] = dict.fromkeys(connection.parties)
        self._connection = connection
        self._news: queue.SimpleQueue[tuple[str, Told | None]] = queue.SimpleQueue()
        self._running = set(connection.parties)
        self._streams: dict[str, Any] = {name: connection.watch(name, job) for name in connection.parties}

    def __enter__(self) -> Watchers:
        for name, stream in self._streams.items():
            threading.Thread(target=self._follow, args=(name, stream), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.cancel()

    @property
    def ended(self) -> bool:
        """Whether no party will say anything more."""
        return not self._running

    def wait(self) -> None:
        """Until somebody says something, or a moment has passed."""
        try:
            self._note(*self._news.get(timeout=_WAKE_S))
            while True:
                self._note(*self._news.get_nowait())
        except queue.Empty:
            return

    def _note(self, name: str, told: Told | None) -> None:
        if told is None:
            self._running.discard(name)
        else:
            self.told[name] = told

    def _follow(self, name: str, stream: Any) -> None:
        try:
            for status in stream:
                self._news.put((name, status))
        except grpc.RpcError as error:
            self._news.put((name, self._connection.error(name, error)))
        finally:
            self._news.put((name, None))
