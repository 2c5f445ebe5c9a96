"""The engine: secret-shared arithmetic that reads like numpy. Knows no network, database or policy.

`simulate` runs a program as all parties in one process; nodes run the same program on gRPC. Functions
have the names of the Python array API; numpy's own (`np.maximum(x, y)`) work as well.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mpc.bits import SecretBits
    from mpc.checks import assume_bound
    from mpc.functions.activation import erf, logsumexp, sigmoid, softmax, tanh
    from mpc.functions.divide import divide, reciprocal
    from mpc.functions.exponential import exp
    from mpc.functions.logarithm import log, log1p
    from mpc.functions.order import absolute as abs  # noqa: A004 - the array API's names
    from mpc.functions.order import amax as max  # noqa: A004
    from mpc.functions.order import amin as min  # noqa: A004
    from mpc.functions.order import argmax, argmin, clip, maximum, minimum, sign
    from mpc.functions.power import power
    from mpc.functions.power import power as pow  # noqa: A004
    from mpc.functions.root import rsqrt, sqrt
    from mpc.functions.scans import (
        cumulative_max,
        cumulative_min,
        cumulative_prod,
        prefix_scan,
        segmented_scan,
    )
    from mpc.functions.segments import Segments, rank, searchsorted, unique
    from mpc.functions.shape import (
        conv2d,
        cumulative_sum,
        diff,
        einsum,
        expand_dims,
        flip,
        outer,
        permute_dims,
        roll,
        squeeze,
        take,
    )
    from mpc.functions.sort import Order, argsort, order_by, shuffle, sort, sort_by, top_k
    from mpc.session import Session
    from mpc.simulation import rehearse, simulate
    from mpc.tensor import SecretTensor, concat, stack, where

__all__ = [
    "Order", "SecretBits", "SecretTensor", "Segments", "Session", "abs", "argmax", "argmin", "argsort",
    "assume_bound", "clip", "concat", "conv2d", "cumulative_max", "cumulative_min", "cumulative_prod",
    "cumulative_sum", "diff", "divide", "einsum", "erf", "exp", "expand_dims", "flip", "log", "log1p",
    "logsumexp", "max", "maximum", "min", "minimum", "order_by", "outer", "permute_dims", "pow", "power",
    "prefix_scan", "rank", "reciprocal", "rehearse", "roll", "rsqrt", "searchsorted", "segmented_scan",
    "shuffle", "sigmoid", "sign", "simulate", "softmax", "sort", "sort_by", "sqrt", "squeeze", "stack",
    "take", "tanh", "top_k", "unique", "where",
]  # fmt: skip

#: Found at first use: whoever needs only `mpc.errors` or `mpc.encoding` does not wait for torch.
_HOMES: Final = {
    "mpc.bits": ["SecretBits"],
    "mpc.checks": ["assume_bound"],
    "mpc.functions.activation": ["erf", "logsumexp", "sigmoid", "softmax", "tanh"],
    "mpc.functions.divide": ["divide", "reciprocal"],
    "mpc.functions.exponential": ["exp"],
    "mpc.functions.logarithm": ["log", "log1p"],
    "mpc.functions.order": ["argmax", "argmin", "clip", "maximum", "minimum", "sign"],
    "mpc.functions.power": ["power"],
    "mpc.functions.root": ["rsqrt", "sqrt"],
    "mpc.functions.shape": [
        "conv2d", "cumulative_sum", "diff", "einsum", "expand_dims", "flip", "outer", "permute_dims", "roll",
        "squeeze", "take",
    ],
    "mpc.functions.scans": [
        "cumulative_max", "cumulative_min", "cumulative_prod", "prefix_scan", "segmented_scan",
    ],
    "mpc.functions.segments": ["Segments", "rank", "searchsorted", "unique"],
    "mpc.functions.sort": ["Order", "argsort", "order_by", "shuffle", "sort", "sort_by", "top_k"],
    "mpc.session": ["Session"],
    "mpc.simulation": ["rehearse", "simulate"],
    "mpc.tensor": ["SecretTensor", "concat", "stack", "where"],
}  # fmt: skip
_PLACES: Final = {name: (home, name) for home, names in _HOMES.items() for name in names} | {
    "abs": ("mpc.functions.order", "absolute"),
    "max": ("mpc.functions.order", "amax"),
    "pow": ("mpc.functions.power", "power"),
    "min": ("mpc.functions.order", "amin"),
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        home, real = _PLACES[name]
        return getattr(importlib.import_module(home), real)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
