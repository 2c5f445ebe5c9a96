"""Logs: JSON lines in the node's own file, warnings also on stderr.

No event carries a secret in the first place; the last processor hides whatever has a secret's name.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import structlog

LOG_FILE = "node.log"
_HIDDEN = frozenset({"key", "keys", "share", "shares", "words", "value", "values", "payload", "seed", "mask"})


def hide_secrets(_: Any, __: str, event: Any) -> Any:
    """The second line of defence."""
    return {name: "hidden" if name in _HIDDEN else value for name, value in event.items()}


def configure(state: Path, level: str) -> None:
    """Send every log of this process to `state/node.log`, readable by its owner alone."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / LOG_FILE
    path.touch(mode=0o600, exist_ok=True)
    to_file, to_stderr = logging.FileHandler(path, encoding="utf-8"), logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[to_file, to_stderr], force=True
    )
    # Of other packages only warnings: at their debug level they write down what passes through them.
    logging.getLogger("triune").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
