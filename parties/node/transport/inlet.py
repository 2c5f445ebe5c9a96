"""The receiving end of a lane, read by whoever waits for what comes: a round then wakes one thread, not two.

A thread that waits for a message *leads*: it takes frames off the socket, hands each to where it belongs,
and stops once its own message is there. Others that wait meanwhile stand in line; who leaves passes the
lead on. Where nobody waits the lane's own thread reads, so that a peer never finds the socket full for long;
while others lead it keeps out of their way, and looks up every `TICK_S`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from mpc.errors import ProtocolAbort
from parties.identity.tls import MAX_MESSAGE_BYTES

_LENGTH: Final = struct.Struct("<I")
#: Holds one TLS record, so that none is left where `poll` cannot see it (bytes).
BUFFER_BYTES: Final = 1 << 15
#: So long after somebody else has led, the lane's own thread reads again (seconds).
TICK_S = 0.01
#: A leader looks up this often: its message may have come by another way (seconds).
GLANCE_S = 0.25
#: After a frame of more than this, one TLS record, the lane's own thread reads on: decrypting is work then,
#: which goes on beside computing (bytes).
LONG_FRAME_BYTES: Final = 1 << 14
#: What a queue of one waiting thread gets when the lead is its own.
_LEAD: Final = object()

Slot = SimpleQueue[Any]


class HungUp(Exception):
    """The stream ended between two frames."""


class Frames:
    """Cuts frames off a socket that is never waited for. One thread at a time."""

    def __init__(self, secured: ssl.SSLSocket, peer: str) -> None:
        self._socket, self._peer = secured, peer
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._long: bytearray | None = None
        self._got = 0

    @property
    def within(self) -> bool:
        """Whether a long frame is under way."""
        return self._long is not None

    def pop(self) -> bytearray | None:
        """The next whole frame; None if more must come. `ProtocolAbort` for one too long or of no size."""
        if self._long is not None:
            return self._popped_long()
        start, held = self._start + _LENGTH.size, self._end - self._start - _LENGTH.size
        if held < 0:
            return None
        (size,) = _LENGTH.unpack_from(self._buffer, self._start)
        if not 0 < size <= MAX_MESSAGE_BYTES:
            raise ProtocolAbort(f"{self._peer} sent a frame of {size} bytes on a lane.", culprit=self._peer)
        if held >= size:
            self._start = start + size
            return self._buffer[start : self._start]
        if size > BUFFER_BYTES - _LENGTH.size:
            self._long, self._got = bytearray(size), held
            self._long[:held] = self._view[start : self._end]
            self._start = self._end = 0
        return None

    def _popped_long(self) -> bytearray | None:
        frame = self._long
        if frame is None or self._got < len(frame):
            return None
        self._long = None
        return frame

    def fill(self) -> bool:
        """Take one read of what the socket has; False if it has nothing. `HungUp` or OSError at its end."""
        try:
            count = self._socket.recv_into(self._room())
        except ssl.SSLWantReadError:
            return False
        if count == 0:
            if self._long is not None or self._end > self._start:
                raise ConnectionResetError("cut off")
            raise HungUp
        if self._long is not None:
            self._got += count
        else:
            self._end += count
        return True

    def _room(self) -> memoryview:
        if self._long is not None:
            return memoryview(self._long)[self._got :]
        if self._start:
            rest = self._buffer[self._start : self._end]
            self._start, self._end = 0, len(rest)
            self._view[: self._end] = rest
        return self._view[self._end :]


class Turns:
    """Who leads: one at a time, the others in line.

    The lane's own thread leads first; from then on it stands behind them all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._led = True
        self._line: deque[Slot] = deque()
        #: how often the lead was asked for by one who waits
        self.asked = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for the lead."""
        return bool(self._line)

    def take(self, slot: Slot) -> bool:
        """Whether the lead is the caller's; otherwise `slot` stands in line, and is told by `_LEAD`."""
        with self._lock:
            self.asked += 1
            if self._led:
                self._line.append(slot)
                return False
            self._led = True
            return True

    def take_if_free(self) -> bool:
        """For the lane's own thread, which does not stand in line."""
        with self._lock:
            free = not self._led
            self._led = True
            return free

    def leave(self) -> None:
        """Pass the lead to the next in line."""
        with self._lock:
            if self._line:
                self._line.popleft().put(_LEAD)
            else:
                self._led = False

    def withdraw(self, slot: Slot) -> bool:
        """Leave the line; False if the lead was given to `slot` by then, and is its to pass on."""
        with self._lock:
            stood = slot in self._line
            if stood:
                self._line.remove(slot)
            return stood


class Inlet:
    """One lane's receiving end. `take` gets every frame, in order, on the thread that leads."""

    def __init__(self, secured: ssl.SSLSocket, peer: str, take: Callable[[bytearray], None]) -> None:
        secured.setblocking(False)
        self._socket, self._take = secured, take
        self._frames, self._turns = Frames(secured, peer), Turns()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._poll = select.poll()
        self._poll.register(secured, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._resume = threading.Event()
        self._read_long = False
        self._end: Exception | None = None

    def wait(self, slot: Slot, timeout_s: float) -> Any:
        """What comes into `slot`; reads the lane to bring it about, if nobody else does. `Empty` if late."""
        if not slot.empty():
            return slot.get_nowait()
        deadline = time.monotonic() + timeout_s
        if not self._turns.take(slot):
            item = self._stand_in_line(slot, deadline)
            if item is not _LEAD:
                return item
        try:
            while slot.empty() and self._end is None and time.monotonic() < deadline:
                self._advance(min(deadline - time.monotonic(), GLANCE_S))
        finally:
            self._leave()
        return slot.get(timeout=_left(deadline))

    def serve(self, greeting: bytes) -> None:
        """The lane's own thread: greets, then reads while nobody waits. Raises what ended the lane."""
        self._socket.sendall(greeting)
        self._read_for_others()
        asked = self._turns.asked
        while self._end is None:
            at_once = self._resume.wait(TICK_S)
            self._resume.clear()
            idle, asked = self._turns.asked == asked, self._turns.asked
            if (idle or at_once) and self._turns.take_if_free():
                self._read_for_others()
        if not isinstance(self._end, HungUp):
            raise self._end

    def resume(self) -> None:
        """This party is about to be busy: its own thread shall read, if nobody does."""
        self._resume.set()

    def interrupt(self) -> None:
        """Have whoever leads look up: what it waits for may never come."""
        with contextlib.suppress(OSError):  # full: it is woken already
            self._wake.send(b"!")

    def hang_up(self) -> None:
        """End the lane: whoever leads finds it ended, and the lane's own thread closes it."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """After `serve`: from then on nobody touches the socket."""
        self.hang_up()
        for each in (self._socket, self._wake, self._woken):
            with contextlib.suppress(OSError):
                each.close()

    def _stand_in_line(self, slot: Slot, deadline: float) -> Any:
        """What comes into the slot, by another's hand; `_LEAD` makes the caller the leader."""
        try:
            item = slot.get(timeout=_left(deadline))
        except Empty:
            if not self._turns.withdraw(slot):
                self._leave()
            raise
        if item is not _LEAD and not self._turns.withdraw(slot):
            self._leave()
        return item

    def _leave(self) -> None:
        self._turns.leave()
        if self._read_long or self._end is not None:
            self._resume.set()

    def _read_for_others(self) -> None:
        """Until somebody has stood in line, who does it better; not so where frames are long."""
        turns, asked = self._turns, self._turns.asked
        try:
            while self._end is None and (self._read_long or not (turns.wanted or turns.asked != asked)):
                self._advance(None)
        finally:
            self._turns.leave()

    def _advance(self, seconds: float | None) -> None:
        """Hand out a frame, or wait so long for more. Whatever goes wrong ends the lane, not the caller."""
        try:
            frame = self._frames.pop()
            if frame is not None:
                self._read_long = len(frame) > LONG_FRAME_BYTES
                self._take(frame)
            elif not (self._frames.within or self._socket.pending()) or not self._frames.fill():
                self._await(seconds)
                self._frames.fill()
        except Exception as error:  # noqa: BLE001 - the lane's own thread raises it
            self._end = error

    def _await(self, seconds: float | None) -> None:
        for descriptor, _ in self._poll.poll(None if seconds is None else 1000 * seconds):
            if descriptor == self._woken.fileno():
                self._woken.recv(64)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
