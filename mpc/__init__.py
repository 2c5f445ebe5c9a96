"""The engine: secret-shared arithmetic that reads like numpy. Knows no network, database or policy.

`simulate` runs a program as all parties in one process; nodes run the same program on gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mpc.bits import SecretBits
    from mpc.session import Session, simulate
    from mpc.tensor import SecretTensor, concat, stack, where

__all__ = ["SecretBits", "SecretTensor", "Session", "concat", "simulate", "stack", "where"]

#: Found at first use: whoever needs only `mpc.errors` or `mpc.encoding` does not wait for torch.
_HOMES: Final = dict.fromkeys(__all__, "mpc.tensor") | {
    "SecretBits": "mpc.bits",
    "Session": "mpc.session",
    "simulate": "mpc.session",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
