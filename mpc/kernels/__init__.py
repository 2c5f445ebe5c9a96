"""Arithmetic on public words mod 2^64: what a party computes alone, without any secret's meaning.

One interface (`reference.Kernels`), which every implementation equals bit for bit: `reference` in torch,
`native` in C where the installation had a compiler.
"""

from __future__ import annotations

from mpc.kernels.choice import NAMES, available, choose
from mpc.kernels.reference import Kernels
from mpc.kernels.trial import Trial, trials

__all__ = ["NAMES", "Kernels", "Trial", "available", "choose", "trials"]
