"""A link that is dialled again, with growing pauses, for as long as the node runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import grpc
import structlog

from mpc.errors import TriuneError
from parties.wire import status

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_log = structlog.get_logger("triune.link")


def keep_dialling(name: str, dial: Callable[[], None], stopping: threading.Event) -> None:
    """Call `dial`, which serves one link to its end, until `stopping`. Whatever it raises is logged."""
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
            # Whatever it was, the dialler lives on: nothing has to be restarted.
            _log.exception("link failed", peer=name)
        lasted = time.monotonic() - started > LONGEST_PAUSE_S
        pause = FIRST_PAUSE_S if lasted else min(2 * pause, LONGEST_PAUSE_S)
        stopping.wait(pause)
