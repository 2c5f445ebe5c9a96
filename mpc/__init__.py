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
    from mpc.functions.masks import count_nonzero, logical_and, logical_not, logical_or, logical_xor, where
    from mpc.functions.masks import every as all  # noqa: A004 - the array API's names
    from mpc.functions.masks import some as any  # noqa: A004
    from mpc.functions.order import absolute as abs  # noqa: A004
    from mpc.functions.order import amax as max  # noqa: A004
    from mpc.functions.order import amin as min  # noqa: A004
    from mpc.functions.order import argmax, argmin, clip, maximum, minimum, sign
    from mpc.functions.power import power
    from mpc.functions.power import power as pow  # noqa: A004
    from mpc.functions.products import conv2d, dot, einsum, inner, matmul, outer, vecdot
    from mpc.functions.reductions import mean, norm, prod, std, var
    from mpc.functions.reductions import total as sum  # noqa: A004
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
        concat,
        cumulative_sum,
        diff,
        expand_dims,
        flip,
        permute_dims,
        reshape,
        roll,
        squeeze,
        stack,
        take,
    )
    from mpc.functions.sort import Order, argsort, order_by, shuffle, sort, sort_by, top_k
    from mpc.functions.words import from_planes as from_bit_planes
    from mpc.functions.words import most_significant_bit, popcount, prefix_or, shift_left, shift_right
    from mpc.functions.words import planes_of as bit_planes
    from mpc.session import Session
    from mpc.simulation import rehearse, simulate
    from mpc.tensor import SecretTensor

__all__ = [
    "Order", "SecretBits", "SecretTensor", "Segments", "Session", "abs", "all", "any", "argmax", "argmin",
    "argsort", "assume_bound", "bit_planes", "clip", "concat", "conv2d", "count_nonzero", "cumulative_max",
    "cumulative_min", "cumulative_prod", "cumulative_sum", "diff", "divide", "dot", "einsum", "erf", "exp",
    "expand_dims", "flip", "from_bit_planes", "inner", "log", "log1p", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum",
    "most_significant_bit", "norm", "order_by", "outer", "permute_dims", "popcount", "pow", "power",
    "prefix_or", "prefix_scan", "prod", "rank", "reciprocal", "rehearse", "reshape", "roll", "rsqrt",
    "searchsorted", "segmented_scan", "shift_left", "shift_right", "shuffle", "sigmoid", "sign", "simulate",
    "softmax", "sort", "sort_by", "sqrt", "squeeze", "stack", "std", "sum", "take", "tanh", "top_k", "unique",
    "var", "vecdot", "where",
]  # fmt: skip


def _at(home: str, *names: str, **renamed: str) -> dict[str, tuple[str, str]]:
    """Names that stand in a module, as they are or as `ours=theirs`."""
    return {name: (home, name) for name in names} | {name: (home, real) for name, real in renamed.items()}


#: Where each name stands. Found at first use: whoever needs only `mpc.errors` or `mpc.encoding` does not wait
#: for torch.
_PLACES: Final = {
    **_at("mpc.bits", "SecretBits"),
    **_at("mpc.checks", "assume_bound"),
    **_at("mpc.functions.activation", "erf", "logsumexp", "sigmoid", "softmax", "tanh"),
    **_at("mpc.functions.divide", "divide", "reciprocal"),
    **_at("mpc.functions.exponential", "exp"),
    **_at("mpc.functions.logarithm", "log", "log1p"),
    **_at(
        "mpc.functions.masks", "count_nonzero", "logical_and", "logical_not", "logical_or", "logical_xor",
        "where", all="every", any="some",
    ),
    **_at(
        "mpc.functions.order", "argmax", "argmin", "clip", "maximum", "minimum", "sign",
        abs="absolute", max="amax", min="amin",
    ),
    **_at("mpc.functions.power", "power", pow="power"),
    **_at("mpc.functions.products", "conv2d", "dot", "einsum", "inner", "matmul", "outer", "vecdot"),
    **_at("mpc.functions.reductions", "mean", "norm", "prod", "std", "var", sum="total"),
    **_at("mpc.functions.root", "rsqrt", "sqrt"),
    **_at(
        "mpc.functions.scans", "cumulative_max", "cumulative_min", "cumulative_prod", "prefix_scan",
        "segmented_scan",
    ),
    **_at("mpc.functions.segments", "Segments", "rank", "searchsorted", "unique"),
    **_at(
        "mpc.functions.shape", "concat", "cumulative_sum", "diff", "expand_dims", "flip", "permute_dims",
        "reshape", "roll", "squeeze", "stack", "take",
    ),
    **_at("mpc.functions.sort", "Order", "argsort", "order_by", "shuffle", "sort", "sort_by", "top_k"),
    **_at(
        "mpc.functions.words", "most_significant_bit", "popcount", "prefix_or", "shift_left", "shift_right",
        bit_planes="planes_of", from_bit_planes="from_planes",
    ),
    **_at("mpc.session", "Session"),
    **_at("mpc.simulation", "rehearse", "simulate"),
    **_at("mpc.tensor", "SecretTensor"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        home, real = _PLACES[name]
        return getattr(importlib.import_module(home), real)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
