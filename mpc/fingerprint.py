"""What the engines of all parties have in common: version, public constants, and what is made of them.

Shares under other public words fit nothing, and no message would tell: so nodes compare this before they
compute.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import torch

from mpc import encoding, factors
from mpc.functions import (
    activation,
    coefficients,
    curves,
    divide,
    exact,
    exponential,
    logarithm,
    power,
    powers_of_two,
    root,
    sort,
)
from mpc.kernels import choose, reference
from mpc.protocols import branches, separable, shifts

_LABEL: Final = b"triune/engine/v1"
#: Public numbers that become words, bounds, or the shape of a program.
_CONSTANTS: Final = (
    ("coefficients", coefficients.CURVES),
    ("encoding", (encoding.MAX_MAGNITUDE, encoding.LIMB_BITS, encoding.DEFAULT_BITS)),
    ("factors", (factors.MANTISSA_BITS, factors.MOST_LIMBS, factors.ERROR_UNITS)),
    ("exact", (exact.LN2.hex(), exact.LOG2_E.hex())),
    ("activation", (activation.GUARD_BITS, activation.SUM_BITS)),
    ("divide", (divide.NORMAL_BITS, divide.LEAST_NORMAL_BITS, divide.GUARD_BITS, divide.PRODUCT_BITS)),
    ("exponential", (exponential.MAX_EXP_BITS, exponential.RESULT_BITS, exponential.STRETCH)),
    ("exponential table", exponential.TABLE),
    ("logarithm", (logarithm.LOG_BITS, logarithm.MOST_BITS)),
    ("power", (power.MAX_EXPONENT, power.PLACES)),
    ("powers of two", (powers_of_two.KEPT_BITS, powers_of_two.SPARE, powers_of_two.LOW_DIGITS)),
    ("root", root.MAX_BITS),
    ("sort", sort.PASS_BITS),
    ("pieces", (branches.SHORTEST, branches.PIECE, branches.SHORTEST_DEALT)),
    ("separable", (reference.OCTAVES, separable.Octaves.OFFSET)),
    ("shifts", (shifts.MAX_SHIFT, shifts.OFFSET)),
)


@cache
def engine_fingerprint() -> bytes:
    """32 bytes, the same at all parties whose shares fit together: for `Session.agree`. 8 ms, once.

    Of the package's version, the constants above, and words that this machine's kernels make of fixed ones.
    """
    digest = hashlib.sha256(_LABEL)
    for part in (_version(), repr(_CONSTANTS)):
        digest.update(len(part).to_bytes(8, "little") + part.encode())
    for words in _made():
        digest.update(words.cpu().contiguous().numpy().astype("<i8").tobytes())
    return digest.digest()


def _version() -> str:
    """Of the installed distribution; nothing where the engine runs from a folder."""
    try:
        return version("triune")
    except PackageNotFoundError:
        return ""


def _made() -> list[Any]:
    """Words of the functions whose factors are doubles."""
    kernels, angles = choose(), torch.arange(-32, 32) * 0x0123456789ABCDEF
    made = []
    for function in (curves.curve("reciprocal").waves, exponential.TABLE):
        dealt = function.dealt(kernels, angles)
        made += [dealt, function.part(kernels, angles.flip(0), dealt, first=True)]
    return made
