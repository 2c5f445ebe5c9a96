"""Arithmetic on public words mod 2^64: what a party computes alone, without any secret's meaning.

Tensors of int64 come in and go out; every implementation agrees bit for bit with `reference`.
"""

from __future__ import annotations

from mpc.kernels import reference
from mpc.kernels.reference import WORD_BITS

__all__ = ["WORD_BITS", "reference"]
