"""Division over the whole range, against exact quotients of what was shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mpc
from mpc.encoding import Scale
from mpc.errors import RangeError
from mpc.session import Session
from tests.mpc.programs import everywhere, release

pytestmark = everywhere
RELATIVE = 2.0**-22


def words(rng: np.random.Generator, bits: int, count: int) -> np.ndarray:
    """Words of every magnitude below 2^bits, both signs, the ends among them."""
    top = 2**bits - 1
    drawn = np.exp2(rng.uniform(0, bits, count)).astype(np.int64)
    drawn[:4] = (1, top, top // 2 + 1, 1)
    return np.minimum(drawn, top) * rng.choice((-1, 1), count)


@settings(max_examples=max(4, settings.default.max_examples // 16))
@example(seed=0, above=29, below=2, fractions=(0, 16))
@given(
    seed=st.integers(0, 2**32), above=st.integers(1, 58), below=st.integers(1, 58),
    fractions=st.sampled_from([(16, 16), (24, 24), (16, 0), (0, 16), (8, 20), (0, 0)]),
)  # fmt: skip
def test_every_quotient_that_fits_is_right(
    protocol: str, seed: int, above: int, below: int, fractions: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    x, y = words(rng, above, 60), words(rng, below, 60)
    scales = [Scale(bits=bits) for bits in fractions]
    places = max(fractions) or 16
    least = 2.0 ** (max(0, above + places + fractions[1] - fractions[0] - 57) - fractions[1])
    y = np.where(np.abs(y) < least * 2.0 ** fractions[1], 2**below - 1, y)
    least = min(least, float(np.abs(y).min()) / 2.0 ** fractions[1])

    def program(session: Session) -> Any:
        a = session.secret(session.input(x, owner=0, bound=2**above).share, scales[0], 2**above)
        b = session.secret(session.input(y, owner=1, bound=2**below).share, scales[1], 2**below)
        return mpc.divide(a, b, least=least)

    want = (x / 2.0 ** fractions[0]) / (y / 2.0 ** fractions[1])
    reach = above + places + fractions[1] - fractions[0] - np.log2(max(1, int(least * 2.0 ** fractions[1])))
    if reach + np.log2(1 + RELATIVE) >= 60:
        with pytest.raises(RangeError):
            release(program, protocol)
        return
    got = release(program, protocol)
    assert np.all(np.abs(got - want) <= np.maximum(2 * 2.0**-places, np.abs(want) * RELATIVE))


def test_operators_broadcast_and_divide_publics(protocol: str) -> None:
    x, y = np.array([[1.5, -2.0, 0.0], [7.0, 9.5, -100.0]]), np.array([[0.25], [-3.0]])

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=128 << 16), session.input(y, owner=1, bound=4 << 16)
        return a / b, 1 / b, np.array([[2.0]]) / b, np.divide(a, b), mpc.reciprocal(b), a / 3

    want = (x / y, 1 / y, 2 / y, x / y, 1 / y, x / 3)
    for got, wanted in zip(release(program, protocol), want, strict=True):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= 2 * 2.0**-16


def test_by_zero_is_what_was_asked_for_or_suppresses_the_result(protocol: str) -> None:
    x, y = np.array([5.0, 0.0, -7.0, -6.0]), np.array([0.0, 0.0, 0.25, -0.5])

    def divided(**options: float) -> Any:
        def program(session: Session) -> Any:
            a, b = session.input(x, owner=0, bound=8 << 16), session.input(y, owner=1, bound=8 << 16)
            return mpc.divide(a, b, **options)

        return release(program, protocol)

    for otherwise in (0.0, -1.5):
        got = divided(otherwise=otherwise)
        assert np.array_equal(got[:2], [otherwise] * 2)
        assert np.abs(got[2:] - [-28, 12]).max() <= 2 * 2.0**-16
    got = divided(otherwise=2, least=0.5)
    assert np.array_equal(got[:3], [2, 2, 2])
    assert abs(got[3] - 12) <= 2 * 2.0**-16
    for options in ({}, {"least": 0.5}):
        with pytest.raises(RangeError, match="no divisor is nearer to 0 than"):
            divided(**options)


def test_what_could_leave_the_ring_is_refused_before_it_runs(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.ones(2), owner=0, bound=1 << 50)
        return a / session.input(np.ones(2), owner=1, bound=1 << 20)

    with pytest.raises(RangeError, match="least="):
        release(program, protocol)

    def decimals(session: Session) -> Any:
        a = session.secret(session.input(np.arange(2), owner=0, bound=9).share, Scale(digits=2), 9)
        return a / a

    with pytest.raises(RangeError, match="Decimals"):
        release(decimals, protocol)
