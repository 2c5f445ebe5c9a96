"""A link that is dialled again, after short pauses, for as long as the node runs."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import grpc
import structlog

from mpc.errors import TriuneError
from parties.wire import status

#: Pauses grow from the first to the longest (seconds), which is how long a restarted peer waits for a link.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
_random = secrets.SystemRandom()
_log = structlog.get_logger("triune.link")


def keep_dialling(name: str, dial: Callable[[], None], stopping: threading.Event) -> None:
    """Call `dial`, which serves one link to its end, until `stopping`. Whatever it raises is logged.

    A link that outlived the longest pause was a good one: the next pause is the first again.
    """
    pause = FIRST_PAUSE_S
    while not stopping.is_set():
        started = time.monotonic()
        try:
            dial()
        except grpc.RpcError as error:
            _log.info("link down", peer=name, reason=status.from_rpc_error(error, name).message)
        except TriuneError as error:
            _log.warning("link refused", peer=name, reason=error.message)
        except Exception:  # noqa: BLE001 - logged
            # Whatever it was, the dialler lives on: nothing has to be restarted. A node that stops pulls its
            # channels from under their diallers, which is no failure.
            if not stopping.is_set():
                _log.exception("link failed", peer=name)
        if time.monotonic() - started > LONGEST_PAUSE_S:
            pause = FIRST_PAUSE_S
        # Not all at once: a restarted compute party is dialled by everybody.
        stopping.wait(pause * _random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE_S)
