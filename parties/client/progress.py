"""Progress on a terminal for anything that takes longer than a second; silence everywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

SHOW_AFTER_S: Final = 1.0


class ProgressBar:
    """A bar on stderr that appears after `SHOW_AFTER_S` and only on a terminal.

    Use as a context manager and call `update` with a state and a fraction from 0 to 1 (None: unknown).
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._title = title
        self._started = time.monotonic()
        self._shown: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, state: str, fraction: float | None = None) -> None:
        """Show `state` and, where it is known, how much is done."""
        if self._shown is None and not self._begin():
            return
        if self._shown is not None:
            done = None if fraction is None else min(max(fraction, 0.0), 1.0)
            self._shown.update(self._task, description=f"{self._title}: {state}", completed=done or 0.0)
            if done is not None:
                self._shown.update(self._task, total=1.0)

    def close(self) -> None:
        """Remove the bar."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def _begin(self) -> bool:
        if not self._console.is_terminal or time.monotonic() - self._started < SHOW_AFTER_S:
            return False
        self._shown = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._shown.add_task(self._title, total=None)
        self._shown.start()
        return True
