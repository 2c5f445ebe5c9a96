"""The engine: secret-shared arithmetic that reads like numpy. Knows no network, database or policy.

`simulate` runs a program as all parties in one process; nodes run the same program on gRPC. Functions
have the names of the Python array API; numpy's own (`np.maximum(x, y)`) work as well.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # the same names as in `_PLACES`, for who reads types; a test compares the two
    from mpc.bits import SecretBits as SecretBits
    from mpc.checks import assume_bound as assume_bound
    from mpc.functions.activation import erf as erf
    from mpc.functions.activation import logsumexp as logsumexp
    from mpc.functions.activation import sigmoid as sigmoid
    from mpc.functions.activation import softmax as softmax
    from mpc.functions.activation import tanh as tanh
    from mpc.functions.divide import divide as divide
    from mpc.functions.divide import reciprocal as reciprocal
    from mpc.functions.exponential import exp as exp
    from mpc.functions.logarithm import log as log
    from mpc.functions.logarithm import log1p as log1p
    from mpc.functions.masks import count_nonzero as count_nonzero
    from mpc.functions.masks import every, some
    from mpc.functions.masks import logical_and as logical_and
    from mpc.functions.masks import logical_not as logical_not
    from mpc.functions.masks import logical_or as logical_or
    from mpc.functions.masks import logical_xor as logical_xor
    from mpc.functions.masks import where as where
    from mpc.functions.order import absolute, amax, amin
    from mpc.functions.order import argmax as argmax
    from mpc.functions.order import argmin as argmin
    from mpc.functions.order import clip as clip
    from mpc.functions.order import maximum as maximum
    from mpc.functions.order import minimum as minimum
    from mpc.functions.order import sign as sign
    from mpc.functions.power import power as power
    from mpc.functions.products import conv2d as conv2d
    from mpc.functions.products import dot as dot
    from mpc.functions.products import einsum as einsum
    from mpc.functions.products import inner as inner
    from mpc.functions.products import matmul as matmul
    from mpc.functions.products import outer as outer
    from mpc.functions.products import vecdot as vecdot
    from mpc.functions.reductions import mean as mean
    from mpc.functions.reductions import norm as norm
    from mpc.functions.reductions import prod as prod
    from mpc.functions.reductions import std as std
    from mpc.functions.reductions import total
    from mpc.functions.reductions import var as var
    from mpc.functions.root import rsqrt as rsqrt
    from mpc.functions.root import sqrt as sqrt
    from mpc.functions.scans import cumulative_max as cumulative_max
    from mpc.functions.scans import cumulative_min as cumulative_min
    from mpc.functions.scans import cumulative_prod as cumulative_prod
    from mpc.functions.scans import prefix_scan as prefix_scan
    from mpc.functions.scans import segmented_scan as segmented_scan
    from mpc.functions.segments import Segments as Segments
    from mpc.functions.segments import rank as rank
    from mpc.functions.segments import searchsorted as searchsorted
    from mpc.functions.segments import unique as unique
    from mpc.functions.shape import concat as concat
    from mpc.functions.shape import cumulative_sum as cumulative_sum
    from mpc.functions.shape import diff as diff
    from mpc.functions.shape import expand_dims as expand_dims
    from mpc.functions.shape import flip as flip
    from mpc.functions.shape import permute_dims as permute_dims
    from mpc.functions.shape import reshape as reshape
    from mpc.functions.shape import roll as roll
    from mpc.functions.shape import squeeze as squeeze
    from mpc.functions.shape import stack as stack
    from mpc.functions.shape import sum_by as sum_by
    from mpc.functions.shape import take as take
    from mpc.functions.sort import Order as Order
    from mpc.functions.sort import argsort as argsort
    from mpc.functions.sort import order_by as order_by
    from mpc.functions.sort import shuffle as shuffle
    from mpc.functions.sort import sort as sort
    from mpc.functions.sort import sort_by as sort_by
    from mpc.functions.sort import top_k as top_k
    from mpc.functions.words import from_planes, planes_of
    from mpc.functions.words import most_significant_bit as most_significant_bit
    from mpc.functions.words import popcount as popcount
    from mpc.functions.words import prefix_or as prefix_or
    from mpc.functions.words import shift_left as shift_left
    from mpc.functions.words import shift_right as shift_right
    from mpc.session import Session as Session
    from mpc.simulation import rehearse as rehearse
    from mpc.simulation import simulate as simulate
    from mpc.tensor import SecretTensor as SecretTensor

    all = every
    any = some
    abs = absolute
    max = amax
    min = amin
    pow = power
    sum = total
    from_bit_planes = from_planes
    bit_planes = planes_of


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
    **_at("mpc.functions.power", "power", pow="power"),  # numpy's name, and the array API's
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
        "reshape", "roll", "squeeze", "stack", "sum_by", "take",
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


__all__ = sorted(_PLACES)  # noqa: PLE0605 - one table has all names


def __getattr__(name: str) -> Any:
    """A name of `_PLACES`, found once."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, real = _PLACES[name]
    found = globals()[name] = getattr(importlib.import_module(home), real)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
