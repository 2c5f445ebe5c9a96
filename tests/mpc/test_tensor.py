"""One suite over every protocol: secret arithmetic against numpy and exact integers."""

from __future__ import annotations

import copy
import math
import pickle
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.encoding import Scale
from mpc.errors import NotSupported, RangeError, SecretControlFlow
from mpc.protocols.table import PROTOCOLS
from mpc.session import Session
from mpc.tensor import SecretTensor
from tests.mpc.programs import everywhere, release

pytestmark = everywhere
few = settings(max_examples=max(4, settings.default.max_examples // 16))


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
            a.dot(b[0]),
            a[0].dot(b[1]),
            a.vecdot(a),
            a.vecdot(x),
            a.sum(),
            a.sum(1),
            a.sum((0, -1)),
            a.sum((), keepdims=True),
            a.sum((2, 0), keepdims=True),
            a.T,
            a.mT,
            a[0, 0].T,
            mpc.concat([a[0], a[1]]),
            mpc.stack([a, a]),
            -a,
            3 - a,
        )

    got = release(program, protocol)
    want = (
        x @ y, x.dot(y[0]), x[0].dot(y[1]), (x * x).sum(-1), (x * x).sum(-1), x.sum(), x.sum(1),
        x.sum((0, -1)), x.sum((), keepdims=True), x.sum((2, 0), keepdims=True), x.T, x.mT, x[0, 0].T,
        np.concatenate([x[0], x[1]]), np.stack([x, x]), -x, 3 - x,
    )  # fmt: skip
    for one, other in zip(got, want, strict=True):
        assert np.shape(one) == other.shape
        assert np.array_equal(one, other)


def test_methods_and_functions_are_one(protocol: str) -> None:
    """The same result, and where it does not fit the same answer, whichever way it is asked."""
    x = np.arange(24).reshape(2, 3, 4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=24)
        for ask, other in (
            (lambda: a.reshape(5, 5), lambda: mpc.reshape(a, (5, 5))),
            (lambda: a[:0].mean(), lambda: mpc.mean(a[:0])),
            (lambda: a @ a, lambda: mpc.matmul(a, a)),
            (lambda: x @ a, lambda: mpc.matmul(x, a)),
            (lambda: a.dot(a), lambda: mpc.dot(a, a)),
            (lambda: a.vecdot(a[0, 0, :3]), lambda: mpc.vecdot(a, a[0, 0, :3])),
        ):
            messages = []
            for way in (ask, other):
                with pytest.raises(RangeError) as caught:
                    way()
                messages.append(str(caught.value))
            assert messages[0] == messages[1]
        for refused in (lambda: a[0, 0].mT, lambda: a.broadcast_to((5, 4))):
            with pytest.raises(RangeError):
                refused()
        return (
            *(mpc.mean(a, (0, 2), keepdims=True), a.mean((0, 2), keepdims=True), np.mean(a, (0, 2))),
            *(mpc.sum(a, (1, 2)), a.sum((1, 2)), np.sum(a, (1, 2)), mpc.vecdot(a, x, 1), mpc.vecdot(x, a, 1)),
            mpc.concat([a, x], None), a.reshape([4, -1]),
        )  # fmt: skip

    mean, total = x.mean((0, 2), keepdims=True), x.sum((1, 2))
    want = (
        mean, mean, mean.reshape(3), total, total, total, *[(x * x).sum(1)] * 2, np.concatenate([x, x], None),
        x.reshape(4, -1),
    )  # fmt: skip
    for one, other in zip(release(program, protocol), want, strict=True):
        assert np.shape(one) == other.shape
        assert np.abs(one - other).max() <= 2**-15


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


@pytest.mark.parametrize("bound", [None, 2**40])
def test_a_mean_is_right_whatever_the_bound(protocol: str, bound: int | None) -> None:
    x = np.full(1000, 1e6)
    assert abs(release(lambda s: s.input(x, owner=0, bound=bound).mean(), protocol) - 1e6) <= 2**-15


def test_a_coarse_scale_does_not_coarsen_what_comes_of_it(protocol: str) -> None:
    """A rank counts halves; what public reals make of it has 16 fraction bits."""

    def program(session: Session) -> Any:
        halves = session.secret(session.input([3, 5, 8], owner=0, bound=8).share, Scale(1), 8)
        quarters = session.secret(session.input([4, 6], owner=0, bound=8).share, Scale(2), 8)
        return halves / 10, halves - 0.25, halves * 0.1, quarters + 0.1, halves * halves, quarters < 1.1

    got, x, y = release(program, protocol), np.array([1.5, 2.5, 4]), np.array([1, 1.5])
    for one, other in zip(got[:-1], (x / 10, x - 0.25, x * 0.1, y + 0.1, x * x), strict=True):
        assert np.abs(one - other).max() <= 2**-15
    assert np.array_equal(got[4], x * x)
    assert np.array_equal(got[5], [1, 0])


@few
@given(bits=st.integers(0, 40), size=st.integers(2, 62), seed=st.integers(0, 2**32))
def test_comparisons_with_public_numbers_are_exact(protocol: str, bits: int, size: int, seed: int) -> None:
    rng, bound = np.random.default_rng(seed), (1 << size) - 1
    words = rng.integers(-bound, bound, 24, endpoint=True)
    near = words / 2.0**bits
    between = np.nextafter(near, rng.choice([-np.inf, np.inf], 24))
    numbers = np.choose(rng.integers(0, 4, 24), [near, between, rng.choice(near, 24), rng.normal(0, 9, 24)])
    numbers[:4] = (np.inf, -np.inf, 1e300, -1e300)

    def program(session: Session) -> Any:
        x = session.secret(session.input(words, owner=0, bound=bound).share, Scale(bits), bound)
        return x < numbers, x <= numbers, x > numbers, x >= numbers, x == numbers, x != numbers

    # float64 has not all bits of a word of 62: compare as integers, numbers being whole or halfway there
    made = [(int(word), _as_word(number, bits)) for word, number in zip(words, numbers, strict=True)]
    signs = np.array([2 * word - twice for word, twice in made], dtype=object)
    wanted = (signs < 0, signs <= 0, signs > 0, signs >= 0, signs == 0, signs != 0)
    for got, want in zip(release(program, protocol), wanted, strict=True):
        assert np.array_equal(got, want.astype(int))


def _as_word(number: float, bits: int) -> int:
    """Twice the word; what is between two words is halfway."""
    scaled = (
        Fraction(number) * 2**bits if np.isfinite(number) else Fraction(2**80 if number > 0 else -(2**80))
    )
    return 2 * int(scaled) if scaled.denominator == 1 else 2 * math.floor(scaled) + 1


def test_comparisons_with_integers_and_of_full_words(protocol: str) -> None:
    top = 2**62 - 1
    x, y = np.array([top, -top, 5, 0]), np.array([-top, top, 5, 1])

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(y, owner=1, bound=top)
        unsigned = np.array([2**64 - 1, 0, 5, 0], dtype=np.uint64)
        return a < b, a == b, a >= b, a < unsigned, a == np.array([True, False, True, False]), a > -(2**63)

    got = release(program, protocol)
    wanted = (x < y, x == y, x >= y, [1, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1])
    for one, other in zip(got, wanted, strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(RangeError):
        release(lambda s: s.input(x, owner=0, bound=top) < np.array([np.nan]), protocol)


def test_decimals_compare_as_they_are_written(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = session.secret(session.input([1, 3, 7, 29], owner=0, bound=99).share, Scale(digits=1), 99)
        return x == np.array([0.1, 0.3, 0.7, 2.9]), x < np.array([0.1, 0.3, 0.71, 2.9]), x > 0.3, x <= 0.7

    wanted = ([1, 1, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 0])
    assert np.array_equal(release(program, protocol), wanted)


def test_a_single_number_has_no_axis(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = session.input(np.array([1.5, 2.0]), owner=0).sum()
        own, given = session.input(2.5, owner=1), session.public(5)
        made = [x * 2, x + 1, 1 - x, x > 2, x * 0.1, x / 3, own, given, own * given, x == 3.5, own.mean()]
        assert all(one.shape == () for one in made)
        return made

    wanted = [7.0, 4.5, -2.5, 1, 0.35, 3.5 / 3, 2.5, 5, 12.5, 1, 2.5]
    got = release(program, protocol)
    assert all(abs(one - other) <= 2**-15 for one, other in zip(got, wanted, strict=True))


def test_where_takes_masks_only(protocol: str) -> None:
    x, y = np.array([1, 2, 3]), np.array([1.5, 2.5, -3.5])

    def chosen(condition: Any) -> Any:
        def program(session: Session) -> Any:
            a, b = session.input(x, owner=0, bound=3), session.input(y, owner=1)
            return mpc.where(condition(session, a), a, b)

        return release(program, protocol)

    wanted = [1, 2.5, 3]
    assert np.array_equal(chosen(lambda s, a: s.input([True, False, True], owner=0)), wanted)
    assert np.array_equal(chosen(lambda s, a: a != 2), wanted)
    assert np.array_equal(chosen(lambda s, a: [7, 0, -0.5]), wanted)
    for no_mask in (lambda s, a: a, lambda s, a: (a > 1) * 2, lambda s, a: (a > 1) * 0.5):
        with pytest.raises(RangeError, match=re.escape("0 and 1")):
            chosen(no_mask)


def test_where_keeps_what_it_chooses_from(protocol: str) -> None:
    top = 2**62 - 1

    def program(session: Session) -> Any:
        x = session.input([top, -top], owner=0, bound=top)
        return mpc.where(session.input([True, False], owner=1), x, -x), mpc.where([1, 0], x, 7)

    got = release(program, protocol)
    assert np.array_equal(got[0], [top, top])
    assert np.array_equal(got[1], [top, 7])


@pytest.mark.parametrize("bound", [np.int64(2**41), np.float64(2**41), 2.0**41])
def test_a_bound_of_numpys_does_not_wrap(protocol: str, bound: Any) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([2**40 + 5]), owner=0, bound=bound)
        return a * a

    with pytest.raises(RangeError, match="A product could reach 83 bits"):
        release(program, protocol)


@pytest.mark.parametrize("bound", [0.5, "8", np.nan, -1, None, np.array([1, 2])])
def test_bounds_that_are_none_are_refused(protocol: str, bound: Any) -> None:
    with pytest.raises(RangeError, match="bound"):
        release(lambda s: SecretTensor(s.protocol, s.public([1]).share, bound=bound), protocol)


@pytest.mark.parametrize(
    "act",
    [lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x < y, lambda x, y: x @ y, lambda x, y: x.dot(y)],
)
def test_shapes_that_do_not_fit_are_named(protocol: str, act: Any) -> None:
    def program(session: Session, public: bool) -> Any:
        x, y = session.input(np.ones((2, 3)), owner=0), np.ones((4, 2))
        return act(x, y if public else session.input(y, owner=1))

    for public in (True, False):
        with pytest.raises(RangeError, match=re.escape("(2, 3)")) as refusal:
            release(lambda s, public=public: program(s, public), protocol)
        assert "(4, 2)" in str(refusal.value)


def test_secrets_are_neither_pickled_nor_copied(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = session.input([1, 2], owner=0, bound=2)
        held = [x, x.share] if protocol != "cleartext" else [x]
        for secret in [*held, session.runtime.keys]:
            for leave in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(NotSupported):
                    leave(secret)
        with pytest.raises(NotSupported):
            np.asarray(x)
        return x

    assert np.array_equal(release(program, protocol), [1, 2])


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
