"""One suite over every protocol: secret arithmetic against numpy and exact integers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.encoding import Scale
from mpc.errors import RangeError, SecretControlFlow
from mpc.protocols.table import PROTOCOLS
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.tensor import SecretTensor

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)
few = settings(max_examples=max(4, settings.default.max_examples // 16))


def release(program: Any, protocol: str) -> Any:
    return run_parties(program, protocol=protocol, ledgers=OnceLedger)[0].result


@few
@given(bits=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_comparisons_agree_with_numpy(protocol: str, bits: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    top = 2**bits - 1
    x = rng.integers(-top, top + 1, size)
    y = np.where(rng.random(size) < 0.5, x, rng.integers(-top, top + 1, size))

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(y, owner=2, bound=top)
        return a < b, a <= b, a > b, a >= b, a == b, a != b, a.less_bits(b)

    expected = (x < y, x <= y, x > y, x >= y, x == y, x != y, x < y)
    for got, want in zip(release(program, protocol), expected, strict=True):
        assert np.array_equal(got, want)


@few
@given(seed=st.integers(0, 2**32), drop=st.integers(1, 40))
def test_truncation_is_floor_or_ceiling_over_the_whole_range(protocol: str, seed: int, drop: int) -> None:
    promised = PROTOCOLS[protocol].guarantees
    top = 2**promised.truncation_bits - 1
    x = np.random.default_rng(seed).integers(-top, top, 200)

    def program(session: Session) -> Any:
        secret = session.secret(session.input(x, owner=1, bound=top).share, Scale(bits=drop), top)
        return secret.truncate(drop)

    above = release(program, protocol) - (x >> drop)
    assert 1 - promised.truncation_units <= above.min() <= above.max() <= promised.truncation_units


def test_products_round_by_less_than_one_unit(protocol: str) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-100, 100, (2, 20_000))

    def program(session: Session) -> Any:
        return session.input(x, owner=0) * session.input(y, owner=1)

    fixed_x, fixed_y = (np.rint(v * 2**16) / 2**16 for v in (x, y))
    units = PROTOCOLS[protocol].guarantees.truncation_units
    assert np.abs(release(program, protocol) - fixed_x * fixed_y).max() <= units * 2**-16


def test_matrix_products_dot_and_sums(protocol: str) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(-1000, 1000, (2, 5, 7)), rng.integers(-1000, 1000, (2, 7, 3))

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=1000), session.input(y, owner=1, bound=1000)
        return (
            a @ b,
            a.dot(a),
            a.sum(),
            a.sum(1),
            a[0].T,
            mpc.concat([a[0], a[1]]),
            mpc.stack([a, a]),
            -a,
            3 - a,
        )

    got = release(program, protocol)
    want = (
        x @ y, (x * x).sum(-1), x.sum(), x.sum(1), x[0].T, np.concatenate([x[0], x[1]]), np.stack([x, x]),
        -x, 3 - x,
    )  # fmt: skip
    for one, other in zip(got, want, strict=True):
        assert np.array_equal(one, other)


def test_decimals_stay_exact_beside_integers(protocol: str) -> None:
    cents = np.array([1_000_000_012, 999_999_999, -5])

    def program(session: Session) -> Any:
        price = session.secret(session.input(cents, owner=0, bound=2**31).share, Scale(digits=2), 2**31)
        return price * session.input(np.array([3, 2, 1]), owner=1, bound=4) + 1

    assert np.array_equal(release(program, protocol), (cents * [3, 2, 1] + 100) / 100)


def test_division_by_a_public_number_and_the_mean(protocol: str) -> None:
    x = np.array([1, 2, 4, 10_000])

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=10_000)
        return a / 3, a.mean(), (a * 0.5), a - 0.25

    got = release(program, protocol)
    for one, other in zip(got, (x / 3, x.mean(), x * 0.5, x - 0.25), strict=True):
        assert np.abs(one - other).max() <= 2**-15


def test_where_and_bits(protocol: str) -> None:
    x = np.arange(-70, 70)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=70)
        low, zeros = a.less_bits(0), (a == 0).sum()
        return (
            mpc.where(a < 0, -a, a),
            (~low & low),
            SecretTensor.of_bits(low | ~low).sum(-1),
            SecretTensor.of_bits(low).sum(-1),
            zeros,
            low[...].expand(140),
        )

    got = release(program, protocol)
    assert np.array_equal(got[0], np.abs(x))
    assert not np.any(got[1])
    assert (got[2], got[3], got[4]) == (140, 70, 1)


def test_a_result_that_could_wrap_is_refused_before_it_runs(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([1]), owner=0, bound=2**40)
        return a * a

    with pytest.raises(RangeError, match=re.escape("2^62")):
        release(program, protocol)


def test_an_input_beyond_its_bound_is_refused(protocol: str) -> None:
    with pytest.raises(RangeError):
        release(lambda s: s.input(np.array([50]), owner=0, bound=49), protocol)


@pytest.mark.parametrize("ask", [bool, int, float, lambda x: [1][x]])
def test_control_never_depends_on_a_secret(protocol: str, ask: Any) -> None:
    with pytest.raises(SecretControlFlow):
        release(lambda s: ask(s.input(np.array(0), owner=0, bound=1)), protocol)


def test_repr_shows_no_words(protocol: str) -> None:
    canary = 987_654_321

    def program(session: Session) -> Any:
        secret = session.input(np.array([canary]), owner=0, bound=2**30)
        assert str(canary) not in repr(secret) + repr(secret.less_bits(0)) + repr(session)
        if protocol == "replicated":
            words = [str(int(part[0])) for part in secret.share.pair]
            assert all(word not in repr(secret.share) for word in words if len(word) > 3)
        return secret

    assert release(program, protocol)[0] == canary
