"""Whose turn it is: a party runs one question of a data set at a time, in the order in which they came.

Two at once would not see each other, and both answers together could tell what neither may. In memory: a
restart ends all jobs. Questions on different data sets do not wait for each other.
"""

from __future__ import annotations

import threading

from parties.node.work import Work

#: How a room says that its job stands first.
FIRST = "word that the job stands first"


class Turns:
    """Lines of jobs by data set. Thread-safe; nothing here waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, list[Work]] = {}

    def enter(self, work: Work, name: str) -> None:
        """Join the line; `FIRST` of `name` is put into the job's room when nobody is before it."""
        with self._lock:
            line = self._lines.setdefault(work.plan.dataset, [])
            line.append(work)
            first = line[0] is work
        if first:
            work.room.put(FIRST, name, True)

    def leave(self, work: Work, name: str) -> None:
        """The job has ended: the next one's turn comes. Whoever never joined may leave, too."""
        with self._lock:
            line = self._lines.get(work.plan.dataset, [])
            was_first = bool(line) and line[0] is work
            if work in line:
                line.remove(work)
            if not line:
                self._lines.pop(work.plan.dataset, None)
            following = line[0] if was_first and line else None
        if following is not None:
            following.room.put(FIRST, name, True)
