"""The sums of waves in coefficients.py: what they stand for, and how good they are, without any party."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from benchmarks import curves as making
from mpc.functions.coefficients import CURVES
from mpc.functions.curves import Curve, curve

SATURATING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda x: special.expit(x) - 0.5,
    "tanh": np.tanh,
    "erf": special.erf,
}
LIMITS = {"sigmoid": 0.5, "tanh": 1.0, "erf": 1.0}
FRACTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "reciprocal": (lambda m: 1 / m, 0.5),
    "log": (np.log, 0.5),
    "log2": (np.log2, 0.5),
    "sqrt": (np.sqrt, 0.25),
    "rsqrt": (lambda m: m**-0.5, 0.25),
}


def value(made: Curve, x: np.ndarray) -> np.ndarray:
    waves, total = made.waves, np.full(x.shape, float(made.waves.constant) / 2.0**made.waves.dealt_bits)
    for place, (cosine, sine) in enumerate(zip(waves.cosines, waves.sines, strict=True)):
        angle = 2 * math.pi * x / made.turn * (1 + waves.stride * place)
        total = total + cosine * np.cos(angle) + sine * np.sin(angle)
    return total / 2.0 ** (made.bits - waves.dealt_bits)


@pytest.mark.parametrize("bits", [16, 26])
@pytest.mark.parametrize("name", SATURATING)
def test_curves_with_a_limit(name: str, bits: int) -> None:
    made = curve(f"{name}{bits}")
    x = np.linspace(-made.end, made.end, 20_001)
    assert np.abs(value(made, x) - SATURATING[name](x)).max() < 2.0 ** -(bits + 3)
    assert LIMITS[name] - SATURATING[name](np.array(made.end)) <= 2.0 ** -(bits + 1)


@pytest.mark.parametrize("name", FRACTIONS)
def test_curves_of_fractions(name: str) -> None:
    function, low = FRACTIONS[name]
    made, x = curve(name), np.linspace(low, 1, 20_001)
    assert np.abs(value(made, x) - function(x)).max() < (2.0**-31 if "log" in name else 2.0**-25)


def test_values_fit_a_word() -> None:
    for name in CURVES:
        made = curve(name)
        x = np.linspace(0.25 if made.turn == 2 else -made.end, made.end, 999)
        if name in ("reciprocal", "log", "log2"):
            x = x[x >= 0.5]
        assert np.abs(value(made, x)).max() * 2.0**made.bits < 2.0**61 * 1.01
        assert made.waves.spec[0] <= 64
        most = np.hypot(made.waves.cosines, made.waves.sines).max()
        assert most < 2.0**51, "factors are rounded to whole numbers below 2^51"


def test_the_file_is_what_its_maker_makes() -> None:
    """To what another machine's least squares may differ by."""
    wanted, stored = making._wanted(), CURVES
    assert set(wanted) == set(stored)
    for name in ("reciprocal", "erf16"):
        again = making.fitted(wanted[name])
        assert again[:5] == stored[name][:5]
        for part in ("cosines", "sines"):
            ours, theirs = (
                np.array([float.fromhex(number) for number in getattr(made, part)])
                for made in (again, stored[name])
            )
            assert ours.shape == theirs.shape
            assert np.all(np.abs(ours - theirs) <= 2.0**-30 * np.abs(theirs).max(initial=0.0))
        assert abs(float.fromhex(again.constant) - float.fromhex(stored[name].constant)) <= 2.0**-30
