"""Public real factors and divisors: within 2 units of the exact product, or refused because it cannot fit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpc import factors
from mpc.encoding import INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.tensor import SecretTensor

reals = st.floats(allow_nan=False, allow_infinity=False, min_value=-(2.0**40), max_value=2.0**40)
SOME = (0.1, 1 / 3, 1e-6, 12345.678, -0.7, 0.75, 3.0, 1e-300, 5e-324)


def words_of(program: Any, words: np.ndarray, bound: int, bits: int, protocol: str = "cleartext") -> Any:
    """What a program makes of words at a scale: its words, scale and bound."""
    seen: list[SecretTensor] = []

    def run(session: Session) -> Any:
        x = session.secret(session.input(words, owner=0, bound=bound).share, Scale(bits), bound)
        seen.append(program(x))
        return seen[-1].view(scale=INTEGER)

    made = run_parties(run, protocol=protocol, ledgers=OnceLedger)[0].result
    return made, seen[0].scale, seen[0].bound


def some_words(bound: int, seed: int, shape: Any = 8) -> np.ndarray:
    words = np.random.default_rng(seed).integers(-bound, bound, shape, endpoint=True)
    words.reshape(-1)[:2] = (bound, -bound)
    return words


def assert_right_or_refused(
    program: Any, exact: Any, bound: int, bits: int, seed: int, protocol: str
) -> bool:
    """Within 2 units; or refused, and then the result's largest word is in fact beyond the ring."""
    words, finest = some_words(bound, seed), 1 << (max(bits, 16) - bits)
    wanted = [exact(int(word)) * finest for word in words]
    try:
        made, scale, limit = words_of(program, words, bound, bits, protocol)
    except RangeError:
        assert abs(exact(bound)) * finest + 3 > MAX_MAGNITUDE
        return False
    assert scale == Scale(max(bits, 16))
    assert max(abs(int(word)) for word in made) <= limit
    errors = [abs(int(got) - want) for got, want in zip(made, wanted, strict=True)]
    assert max(errors) < 2
    return True


@given(reals, st.integers(1, 62), st.integers(0, 40), st.integers(0, 2**32))
@example(0.1, 62, 16, 0)
@example(0.4999999999999999, 62, 16, 0)
@example(1e-6, 37, 16, 0)
@example(5e-324, 20, 0, 0)
def test_products_with_public_reals_are_within_two_units(
    factor: float, size: int, bits: int, seed: int
) -> None:
    def exact(word: int) -> Fraction:
        return word * Fraction(factor)

    assert_right_or_refused(lambda x: x * factor, exact, (1 << size) - 1, bits, seed, "cleartext")


@given(
    reals.filter(bool) | st.integers(-(2**62), 2**62).filter(bool),
    st.integers(1, 62),
    st.integers(0, 40),
    st.integers(0, 2**32),
)
@example(3, 62, 16, 0)
@example(1_000_000, 46, 16, 0)
@example(1.0, 62, 16, 0)
@example(2**62 - 1, 62, 20, 1)
def test_quotients_by_public_numbers_are_within_two_units(
    divisor: float, size: int, bits: int, seed: int
) -> None:
    def exact(word: int) -> Fraction:
        return word / Fraction(divisor)

    assert_right_or_refused(lambda x: x / divisor, exact, (1 << size) - 1, bits, seed, "cleartext")


@pytest.mark.parametrize("protocol", ["replicated", "crypten"])
@pytest.mark.parametrize("size", [1, 20, 31, 32, 33, 46, 61, 62])
def test_factors_and_divisors_on_shares(protocol: str, size: int) -> None:
    bound, ran = (1 << size) - 1, 0
    cases = [(lambda x, c=c: x * c, lambda w, c=c: w * Fraction(c)) for c in (0.1, 1e-6, 1.1)]
    cases += [(lambda x, c=c: x / c, lambda w, c=c: w / Fraction(c)) for c in (3, 12345.678)]
    for program, exact in cases:
        ran += assert_right_or_refused(program, exact, bound, 16, size, protocol)
    assert ran >= 4


@given(st.integers(1, 62), st.integers(1, 300), st.integers(0, 2**32))
@example(46, 300, 0)
@example(62, 2, 0)
def test_matrix_products_are_within_two_units_whatever_their_length(size: int, terms: int, seed: int) -> None:
    rng, bound = np.random.default_rng(seed), (1 << size) - 1
    weights = rng.standard_normal((terms, 2)) * 10.0 ** rng.integers(-6, 2)
    words = some_words(bound, seed, (1, terms)) if terms > 1 else np.array([[bound]])
    try:
        made, _, _ = words_of(lambda x: x @ weights, words, bound, 16)
    except RangeError:
        assert bound * terms * np.abs(weights).max() > 2.0**61
        return
    for column in range(2):
        parts = zip(words[0], weights[:, column], strict=True)
        assert abs(int(made[0, column]) - sum(int(word) * Fraction(by) for word, by in parts)) < 2


def test_a_million_terms_are_not_refused() -> None:
    assert factors.plan((1 << 40) - 1, 10**6, factors.of_reals(np.array(0.1))) is not None
    assert factors.plan((1 << 62) - 1, 10**6, factors.of_reals(np.array(1e-7))) is not None


@pytest.mark.parametrize("factor", [2.0, -3.0, 0.5, 0.75, np.array([1.0, 0.25]), 0.0, np.ones(2)])
def test_short_binary_factors_of_integers_are_exact_without_a_message(factor: Any) -> None:
    words = np.array([2**40 + 1, -3])

    def program(session: Session) -> Any:
        return session.input(words, owner=0, bound=2**41) * factor

    run = run_parties(program)[0]
    assert np.array_equal(run.result, words * factor)
    assert run.traffic.rounds == 1  # the input


def test_rounds_and_bytes_are_those_declared() -> None:
    def traffic(bits: int, act: Any) -> tuple[int, list[int]]:
        def program(session: Session) -> Any:
            x = session.public(np.arange(10), Scale(16)).view(bound=(1 << bits) - 1)
            return act(x)

        runs = run_parties(program)
        return runs[0].traffic.rounds, [run.traffic.bytes_sent for run in runs]

    one = traffic(20, lambda x: x.truncate(1))
    assert one[0] == 2
    assert traffic(20, lambda x: x * 0.1) == one
    assert traffic(20, lambda x: x / 3) == one
    assert traffic(1, lambda x: x * 0.1) == (0, [0, 0, 0])
    twice = [2 * sent for sent in one[1]]
    assert traffic(46, lambda x: x * 0.1) == (3, twice)
    assert traffic(61, lambda x: x / 3) == (3, twice)
    assert traffic(50, lambda x: x @ np.full((10, 10), 0.1)) == (3, twice)
    assert traffic(57, lambda x: x @ np.full((10, 10), 0.1)) == (4, [3 * sent for sent in one[1]])


@given(reals, st.integers(-80, 40), st.integers(0, 40))
def test_whole_parts_and_rests_make_the_factor(factor: float, bits: int, places: int) -> None:
    made = factors.of_reals(np.array([factor]))
    scaled = Fraction(factor) * Fraction(2) ** bits
    if abs(scaled) >= 2**61:
        return
    whole, rest = int(made.words(bits)[0]), int(made.rests(bits, min(places, 62))[0])
    assert abs(whole - scaled) <= Fraction(1, 2)
    assert abs((scaled - whole) * 2**places - rest) <= Fraction(1, 2)
    assert made.magnitude == abs(Fraction(factor))
    assert (made.places == 0) == float(factor).is_integer()


@given(st.integers(-(2**62), 2**62).filter(bool) | reals.filter(bool))
def test_inverses_have_62_bits(divisor: float) -> None:
    made = factors.of_inverses(np.array([divisor]))
    inverse = Fraction(int(made.mantissas[0])) * Fraction(2) ** int(made.exponents[0])
    assert 2**61 <= abs(int(made.mantissas[0])) < 2**62
    assert abs(inverse * Fraction(divisor) - 1) <= made.off
    assert made.off == 0 or math.log2(made.off) == -62


@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, -np.inf, 1j, "0.1", None, 2**70, np.datetime64("2020-01-01")]
)
def test_what_is_no_number_is_refused_by_its_type(bad: Any) -> None:
    for act in (
        lambda x: x * bad,
        lambda x: bad * x,
        lambda x: x / bad,
        lambda x: x + bad,
        lambda x: x @ [bad],
    ):
        with pytest.raises(RangeError) as refusal:
            words_of(act, np.array([1]), 1, 16)
        assert refusal.value.remedy


@pytest.mark.parametrize("divisor", [0, 0.0, np.array([1, 0]), 1e-310])
def test_divisors_that_leave_nothing_are_refused(divisor: Any) -> None:
    with pytest.raises(RangeError):
        words_of(lambda x: x / divisor, np.array([1, 2]), 2, 16)
