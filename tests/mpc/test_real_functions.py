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
from mpc.protocols.table import PROTOCOLS
from mpc.randomness import OnceLedger
from mpc.session import Session, run_parties

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)
few = settings(max_examples=10)
scales = st.sampled_from([8, 16, 20, 24])
RELATIVE = 2.0**-22


def release(program: Any, protocol: str) -> Any:
    return run_parties(program, protocol=protocol, ledgers=OnceLedger)[0].result


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
def test_sigmoid_and_tanh_are_right_everywhere(protocol: str, seed: int, reach: float, places: int) -> None:
    top = max(1, int(reach * 2**places))
    x = np.random.default_rng(seed).integers(-top, top + 1, 60)
    x[:4] = (0, top, -top, 1)

    def program(session: Session) -> Any:
        a = secret(session, x, places, top)
        return mpc.sigmoid(a), np.tanh(a)

    value = x / 2.0**places
    for got, want in zip(release(program, protocol), (special.expit(value), np.tanh(value)), strict=True):
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


def test_what_is_no_number_is_zero_and_what_is_too_large_is_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([-3.0, 0.0, 1.0]), owner=1, bound=4 << 16)
        return np.log(a), np.exp(a)

    logs, powers = release(program, protocol)
    assert np.abs(logs).max() <= 2.0**-15
    close(powers, np.exp([-3.0, 0.0, 1.0]), 16)

    def large(session: Session) -> Any:
        return mpc.exp(session.input(np.ones(2), owner=0, bound=100 << 16))

    with pytest.raises(RangeError, match="most="):
        release(large, protocol)

    def stated(session: Session) -> Any:
        return mpc.exp(session.input(np.array([1.0, -90.0]), owner=0, bound=100 << 16), most=1.0)

    close(release(stated, protocol), np.exp([1.0, -90.0]), 16)
