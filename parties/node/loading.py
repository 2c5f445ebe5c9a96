"""A compute party's engine, loaded on a thread of its own: torch takes longer than all else that starts.

The node opens its port, links up and takes jobs meanwhile; a job waits for the engine before it says that it
can compute.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from parties.node.config import ComputeConfig

if TYPE_CHECKING:
    from parties.node.engine import Engine


def load_engine(settings: ComputeConfig) -> Future[Engine]:
    """The engine, once it is there; its error, such as `ConfigError` for kernels that this machine lacks."""
    loading: Future[Engine] = Future()

    def load() -> None:
        try:
            from parties.node.engine import Engine
            from parties.node.machine import prepare

            loading.set_result(Engine(prepare(settings)))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the engine
            loading.set_exception(error)

    threading.Thread(target=load, daemon=True, name="load engine").start()
    return loading
