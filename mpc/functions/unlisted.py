"""What to write instead of names of numpy's that secret tensors do not have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

_NUMBER = "How many there are would show. Keep the length: mpc.where, or a product with the mask."
_PLACES = "Sort, and take public places: mpc.sort(x)[place]."
_CURVES = "Take mpc.sigmoid, mpc.tanh, mpc.erf, mpc.exp or mpc.log, or the function of public numbers."
_ROUND = "For integers mpc.shift_right(x, places); mpc.divide keeps the fraction."
_FINITE = "A secret is always finite."

INSTEAD: Final[Mapping[Any, str]] = MappingProxyType(
    {
        np.unique: "How many there are stays secret: mpc.unique.",
        np.unique_values: "How many there are stays secret: mpc.unique.",
        np.nonzero: _NUMBER,
        np.flatnonzero: _NUMBER,
        np.argwhere: _NUMBER,
        np.extract: _NUMBER,
        np.compress: _NUMBER,
        np.median: _PLACES,
        np.percentile: _PLACES,
        np.quantile: _PLACES,
        np.partition: _PLACES,
        np.lexsort: "mpc.order_by([first, second, ...]), the most significant key first.",
        np.take_along_axis: "Rows go to secret places by mpc.Order.apply, or mpc.sort_by.",
        np.choose: "Choose between two by mpc.where.",
        np.select: "Choose between two by mpc.where, one after the other.",
        np.tensordot: "mpc.einsum.",
        np.kron: "mpc.einsum.",
        np.vdot: "np.vecdot(x, y).",
        np.trace: "np.sum(np.diagonal(x)).",
        np.convolve: "mpc.conv2d.",
        np.correlate: "mpc.conv2d.",
        np.append: "np.concatenate([x, y]).",
        np.insert: "np.concatenate([x[:place], y, x[place:]]).",
        np.pad: "np.concatenate, with public parts.",
        np.ptp: "np.max(x) - np.min(x).",
        np.average: "np.sum(x * weights) / np.sum(weights).",
        np.array_equal: "np.all(x == y).",
        np.allclose: "np.all(np.abs(x - y) <= tolerance).",
        np.isclose: "np.abs(x - y) <= tolerance.",
        np.zeros_like: "session.public(np.zeros(x.shape)).",
        np.ones_like: "session.public(np.ones(x.shape)).",
        np.full_like: "session.public(np.full(x.shape, value)).",
        np.expm1: "mpc.exp(x) - 1, whose error is that of mpc.exp.",
        np.exp2: "mpc.exp(x * np.log(2)).",
        np.log2: "mpc.log(x) / np.log(2).",
        np.log10: "mpc.log(x) / np.log(10).",
        np.logaddexp2: "np.logaddexp.",
        np.float_power: "np.power.",
        np.cbrt: "mpc.power(x, 1 / 3).",
        np.hypot: "mpc.sqrt(x * x + y * y).",
        np.floor_divide: _ROUND,
        np.remainder: _ROUND,
        np.fmod: _ROUND,
        np.divmod: _ROUND,
        np.floor: _ROUND,
        np.ceil: _ROUND,
        np.rint: _ROUND,
        np.trunc: _ROUND,
        np.round: _ROUND,
        np.isfinite: _FINITE,
        np.isnan: _FINITE,
        np.isinf: _FINITE,
        np.sin: _CURVES,
        np.cos: _CURVES,
        np.tan: _CURVES,
        np.arctan: _CURVES,
        np.sinh: _CURVES,
        np.cosh: _CURVES,
    }
)
