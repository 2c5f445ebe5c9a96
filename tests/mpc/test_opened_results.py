"""What a program returns opens all at once, however it is held, or is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import mpc
from mpc.encoding import Scale
from mpc.errors import NotSupported, PeerSilent, RangeError
from mpc.session import Session
from mpc.simulation import run_parties


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Fit:
    """As statistics return it."""

    weights: Any
    steps: int
    more: Any = field(default=None)


class Holder:
    """No container."""

    def __init__(self, held: Any) -> None:
        self.held = held


X = np.array([1.5, -2.0, 0.25])


def test_whatever_holds_secrets_comes_back_with_what_opened() -> None:
    def program(session: Session) -> Any:
        a = session.input(X, owner=0, bound=2 << 16)
        return {
            "pair": Pair(a, [a.sum(), (a[0],)]),
            "fit": Fit(a, 7, more=Fit(a < 0, 1)),
            "bits": a.less_bits(0),
            "unique": mpc.unique(a),
            "empty": a[:0],
            "plain": ("text", None, 3),
        }

    got = run_parties(program)[0].result
    assert isinstance(got["pair"], Pair)
    assert np.array_equal(got["pair"].first, X)
    assert got["pair"].second == [-0.25, (1.5,)]
    assert isinstance(got["fit"], Fit)
    assert (got["fit"].steps, got["fit"].more.steps) == (7, 1)
    assert np.array_equal(got["fit"].weights, X)
    assert np.array_equal(got["fit"].more.weights, X < 0)
    assert np.array_equal(got["bits"], X < 0)
    assert np.array_equal(got["unique"].values, np.sort(X))
    assert got["unique"].number == 3
    assert got["empty"].shape == (0,)
    assert got["plain"] == ("text", None, 3)


@pytest.mark.parametrize("checked", [False, True])
def test_all_open_in_one_message(checked: bool) -> None:
    opened: list[int] = []

    def program(session: Session) -> Any:
        reveal = session.protocol.reveal

        def watched(share: Any) -> Any:
            words = reveal(share)
            opened.append(words.numel())
            return words

        session.protocol.reveal = watched  # type: ignore[method-assign]
        a = session.input(X, owner=0, bound=2 << 16)
        root = mpc.sqrt(a * a) if checked else a
        return [root, a, (a[0], a < 0)]

    run_parties(program)
    assert sorted(opened) == sorted([10, *([1] if checked else [])] * 3)


@pytest.mark.parametrize(
    "held",
    [
        lambda a: mpc.order_by(a),
        lambda a: mpc.Segments(a > 0),
        lambda a: Holder([a]),
        lambda a: Holder({1: a}),
    ],
)
def test_secrets_that_nobody_would_open_are_refused(held: Any) -> None:
    def program(session: Session) -> Any:
        return [held(session.input(X, owner=0, bound=2 << 16))]

    with pytest.raises(NotSupported, match="A result holds secrets inside of a"):
        run_parties(program)


@pytest.mark.parametrize("bits", [10, 16, 30])
@pytest.mark.parametrize("protocol", ["replicated", "cleartext"])
def test_decimals_become_binary(protocol: str, bits: int) -> None:
    cents = np.array([0, 1, -1, 199, 123_456_789, -987_654_321])

    def program(session: Session) -> Any:
        price = session.input(cents / 100, owner=0, scale=Scale(digits=2), bound=10**9)
        made = price.to_binary(bits)
        assert made.scale == Scale(bits)
        logs = mpc.log(price.to_binary(16).view(bound=2**40), otherwise=0.0)
        half = price / 2
        return made, logs, half.to_binary(bits), price.to_binary(16).to_binary(20)

    made, logs, half, finer = run_parties(program, protocol=protocol)[0].result
    assert np.abs(made - cents / 100).max() <= 2 * 2.0**-bits
    assert np.abs(half - cents / 200).max() <= 2 * 2.0**-bits + 2 * 2.0**-16 / 100
    assert np.abs(finer - cents / 100).max() <= 2 * 2.0**-16
    assert np.abs(logs[4] - np.log(cents[4] / 100)) <= 2**-14


def test_a_decimal_that_would_leave_the_ring_is_refused() -> None:
    def program(session: Session) -> Any:
        price = session.input(np.array([1.25]), owner=0, scale=Scale(digits=2), bound=10**12)
        with pytest.raises(RangeError, match="A decimal as a binary number"):
            price.to_binary(40)
        with pytest.raises(RangeError, match=r"to_binary\(bits\)"):
            mpc.exp(price)
        with pytest.raises(RangeError, match=r"to_binary\(bits\)"):
            price / price
        return price

    run_parties(program, protocol="cleartext")


def test_a_simulation_waits_as_long_as_it_is_told() -> None:
    def program(session: Session) -> Any:
        if session.party == 0:
            time.sleep(0.5)
        return session.input(X, owner=0, bound=2 << 16)

    assert np.array_equal(mpc.simulate(program), X)
    with pytest.raises(PeerSilent):
        mpc.simulate(program, timeout_s=0.05)
