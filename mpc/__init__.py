"""The engine: secret-shared arithmetic that reads like numpy. Knows no network, database or policy.

`simulate` runs a program as all parties in one process; nodes run the same program on gRPC.
"""

from __future__ import annotations

from mpc.session import Session, simulate
from mpc.tensor import SecretBits, SecretTensor, concat, stack, where

__all__ = ["SecretBits", "SecretTensor", "Session", "concat", "simulate", "stack", "where"]
