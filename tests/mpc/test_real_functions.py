"""exp, log and what is made of them: over their whole range, against numpy of what was shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import mpc
from mpc.encoding import Scale
from mpc.errors import RangeError
from mpc.session import Session
from tests.mpc.programs import everywhere, release

pytestmark = everywhere
few = settings(max_examples=max(4, settings.default.max_examples // 16))
scales = st.sampled_from([8, 16, 20, 24])
RELATIVE = 2.0**-22


def secret(session: Session, words: np.ndarray, places: int, top: int) -> Any:
    return session.secret(session.input(words, owner=0, bound=top).share, Scale(bits=places), top)


def close(got: np.ndarray, want: np.ndarray, places: int) -> None:
    assert got.shape == want.shape
    assert np.all(np.abs(got - want) <= np.maximum(2 * 2.0**-places, np.abs(want) * RELATIVE))


@few
@given(seed=st.integers(0, 2**32), reach=st.floats(0.01, 24), places=scales)
def test_exp_is_right_wherever_it_fits(protocol: str, seed: int, reach: float, places: int) -> None:
    top = max(1, int(reach * 2**places))
    x = np.random.default_rng(seed).integers(-top, top + 1, 80)
    x[:4] = (0, top, -top, 1)
    got = release(lambda s: mpc.exp(secret(s, x, places, top)), protocol)
    close(got, np.exp(x / 2.0**places), places)


@few
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 60), places=scales)
def test_log_is_right_everywhere(protocol: str, seed: int, bits: int, places: int) -> None:
    top = 2**bits - 1
    x = np.minimum(np.exp2(np.random.default_rng(seed).uniform(0, bits, 80)).astype(np.int64), top)
    x[:3] = (1, top, top // 2 + 1)
    got = release(lambda s: mpc.log(secret(s, x, places, top)), protocol)
    close(got, np.log(x / 2.0**places), places)


@few
@given(seed=st.integers(0, 2**32), reach=st.floats(0.01, 5000), places=scales)
def test_sigmoid_tanh_and_erf_are_right_everywhere(
    protocol: str, seed: int, reach: float, places: int
) -> None:
    top = max(1, int(reach * 2**places))
    x = np.random.default_rng(seed).integers(-top, top + 1, 60)
    x[:4] = (0, top, -top, 1)

    def program(session: Session) -> Any:
        a = secret(session, x, places, top)
        return mpc.sigmoid(a), np.tanh(a), mpc.erf(a)

    value = x / 2.0**places
    wanted = (special.expit(value), np.tanh(value), special.erf(value))
    for got, want in zip(release(program, protocol), wanted, strict=True):
        close(got, want, places)


@few
@given(seed=st.integers(0, 2**32), reach=st.floats(0.1, 1000), width=st.integers(1, 12))
def test_softmax_and_logsumexp(protocol: str, seed: int, reach: float, width: int) -> None:
    top = int(reach * 2**16)
    x = np.random.default_rng(seed).integers(-top, top + 1, (3, width))

    def program(session: Session) -> Any:
        a = secret(session, x, 16, top)
        return mpc.softmax(a), mpc.logsumexp(a), mpc.softmax(a, 0)

    value = x / 2.0**16
    want = (special.softmax(value, 1), special.logsumexp(value, 1), special.softmax(value, 0))
    for got, wanted in zip(release(program, protocol), want, strict=True):
        close(got, wanted, 16)


@pytest.mark.parametrize(("places", "width"), [(16, 1000), (24, 3000), (26, 1500)])
def test_many_small_terms_count(protocol: str, places: int, width: int) -> None:
    """One term, and thousands that are one unit together: their rounding must not add up."""
    x = np.full((1, width), round(-(places + 0.5) * np.log(2) * 2**places))
    x[0, 0] = 0

    def program(session: Session) -> Any:
        a = secret(session, x, places, 1 << (places + 5))
        return mpc.softmax(a), mpc.logsumexp(a)

    value = x / 2.0**places
    want = (special.softmax(value, 1), special.logsumexp(value, 1))
    for got, wanted in zip(release(program, protocol), want, strict=True):
        assert np.abs(got - wanted).max() < 2 * 2.0**-places + 2.0**-22 * np.abs(wanted).max()


def test_more_terms_than_fit_are_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        return mpc.softmax(secret(session, np.zeros((1, 1 << 15), dtype=np.int64), 26, 1 << 26))

    with pytest.raises(RangeError, match="no room for their rounding"):
        release(program, protocol)


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), 0.0, -1.0])
def test_limits_that_are_none_are_refused(protocol: str, limit: float) -> None:
    functions = [
        lambda x: mpc.divide(x, x, least=limit),
        lambda x: mpc.rsqrt(x, least=limit),
        lambda x: mpc.power(x, 1.5, most=limit),
        lambda x: mpc.power(x, 2, least=limit),
    ]
    for function in functions:
        with pytest.raises(RangeError, match="is no limit"):
            release(lambda s, function=function: function(s.input(np.ones(2), owner=0)), protocol)


def test_the_options_of_a_power_hold_for_every_exponent(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = session.input(np.array([2.0, 4.0]), owner=0, bound=4 << 16)
        whole = session.input(np.array([1, 2]), owner=0, bound=2)
        return (
            mpc.power(x, 2, least=3, otherwise=7.0),
            mpc.power(x, 1),
            mpc.power(whole, 3, most=10),
            mpc.power(x, 0, least=3, otherwise=5.0),
        )

    for got, want in zip(release(program, protocol), ([7, 16], [2, 4], [1, 8], [5, 1]), strict=True):
        assert np.abs(got - want).max() < 1e-4


def test_words_that_can_only_be_0(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = session.public(np.zeros(3))
        return mpc.sqrt(x), mpc.log(x, otherwise=-1.0), mpc.power(x, 1.5), mpc.sigmoid(x), mpc.exp(x)

    for got, want in zip(release(program, protocol), (0, -1, 0, 0.5, 1), strict=True):
        assert np.abs(got - want).max() <= 2.0**-15


def test_what_has_no_logarithm_suppresses_the_result(protocol: str) -> None:
    x = np.array([-3.0, 0.0, 1.0])

    def program(session: Session) -> Any:
        a = session.input(x, owner=1, bound=4 << 16)
        return mpc.log(a, otherwise=-9.0), np.exp(a), mpc.log1p(a, otherwise=0.5)

    logs, powers, shifted = release(program, protocol)
    close(logs, np.array([-9.0, -9.0, 0.0]), 16)
    close(powers, np.exp(x), 16)
    close(shifted, np.array([0.5, 0.0, np.log(2)]), 16)
    for function in (np.log, np.log1p):
        with pytest.raises(RangeError, match="a logarithm: every number is above 0"):
            release(lambda s, function=function: function(s.input(x, owner=1, bound=4 << 16)), protocol)


def test_a_power_of_e_that_is_too_large_is_refused_or_stated_and_checked(protocol: str) -> None:
    def large(session: Session) -> Any:
        return mpc.exp(session.input(np.ones(2), owner=0, bound=100 << 16))

    with pytest.raises(RangeError, match="most="):
        release(large, protocol)

    def stated(session: Session, most: float) -> Any:
        return mpc.exp(session.input(np.array([1.0, -90.0]), owner=0, bound=100 << 16), most=most)

    close(release(lambda s: stated(s, 1.0), protocol), np.exp([1.0, -90.0]), 16)
    with pytest.raises(RangeError, match=r"no exponent is above 0\.5"):
        release(lambda s: stated(s, 0.5), protocol)


@few
@given(
    seed=st.integers(0, 2**32),
    places=scales,
    y=st.one_of(st.integers(-8, 60), st.floats(-3, 40).map(lambda y: round(y, 3))),
    reach=st.floats(3, 40),
)
def test_powers_are_right_wherever_they_fit(
    protocol: str, seed: int, places: int, y: float, reach: int
) -> None:
    """Bases of every magnitude for which x^y is at most 2^30 and, as words, below 2^60."""
    result = min(30, 58 - places)
    low = 0.0 if y >= 0 else max(0.0, places + result / y)
    high = min(reach, places + result / y) if y > 0 else reach
    rng = np.random.default_rng(seed)
    x = np.ceil(np.exp2(rng.uniform(low, max(low, high), 40))).astype(np.int64)
    x = np.where(x > 2**high, x - 1, x) if y > 0 else x
    if float(y).is_integer():
        x *= rng.choice((-1, 1), 40)
    least, top = int(np.abs(x).min()), int(np.abs(x).max())
    want = (x / 2.0**places) ** y

    def program(session: Session) -> Any:
        return mpc.power(secret(session, x, places, top), y, least=least / 2.0**places)

    got = release(program, protocol)
    allowed = np.maximum(2 * 2.0**-places, np.abs(want) * (RELATIVE + abs(y) * 2.0**-27))
    assert np.all(np.abs(got - want) <= allowed)


def test_secret_exponents_bases_of_zero_and_integers(protocol: str) -> None:
    x, y = np.array([2.0, 9.0, 0.5, 1.25]), np.array([-1.5, 0.5, 3.0, 0.0])

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=9 << 16), session.input(y, owner=1, bound=3 << 16)
        n = session.input(np.array([-3, 0, 2]), owner=0, bound=3)
        zero = session.input(np.array([0.0, 4.0, -4.0]), owner=2 % session.parties, bound=4 << 16)
        return (
            mpc.power(a, b, least=0.5), np.power(n, 5), mpc.pow(n, 0), mpc.pow(zero, 0.5, otherwise=-1),
            mpc.pow(zero, -1, least=1.0, otherwise=7), mpc.pow(zero, 3),
        )  # fmt: skip

    got = release(program, protocol)
    close(got[0], x**y, 16)
    assert np.array_equal(got[1], [-243, 0, 32])
    assert np.array_equal(got[2], [1, 1, 1])
    for one, want in zip(got[3:], ([0, 2, -1], [7, 0.25, -0.25], [0, 64, -64]), strict=True):
        close(one, np.array(want, dtype=np.float64), 16)


def test_powers_out_of_their_domain_are_refused(protocol: str) -> None:
    def power(y: Any, x: float = -4.0, **options: float) -> Any:
        return release(
            lambda s: mpc.power(s.input(np.array([x]), owner=0, bound=4 << 16), y, **options), protocol
        )

    for y, options in ((0.5, {}), (-2, {"least": 8.0})):
        with pytest.raises(RangeError, match="every base is in the domain"):
            power(y, **options)
    with pytest.raises(RangeError, match="no result is above 10"):
        power(3.5, 4.0, most=10.0)
    for y, options in ((40, {}), (-4, {}), (5000, {"most": 1.0})):
        with pytest.raises(RangeError, match=r"State least=|beyond 4096"):
            power(y, **options)
