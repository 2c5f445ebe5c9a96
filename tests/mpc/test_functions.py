"""Functions of secret tensors over every protocol, against numpy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.errors import NotSupported, RangeError
from mpc.functions import words
from mpc.protocols.table import PROTOCOLS
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)
few = settings(max_examples=max(4, settings.default.max_examples // 16))
ULP = 2.0**-16


def release(program: Any, protocol: str) -> Any:
    return run_parties(program, protocol=protocol, ledgers=OnceLedger)[0].result


def same(got: Any, want: Any) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.array_equal(one, other)


def test_shapes(protocol: str) -> None:
    x = np.arange(-12, 12).reshape(2, 3, 4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=12)
        return (
            mpc.permute_dims(a, (2, 0, 1)), mpc.expand_dims(a, 1), mpc.squeeze(mpc.expand_dims(a, 1), 1),
            mpc.flip(a, 2), mpc.roll(a, 1, 1), mpc.take(a, [2, 0, 2], 1), mpc.cumulative_sum(a, 1),
            mpc.diff(a, 2), mpc.outer(a[0, 0], a[1, 2]),
        )  # fmt: skip

    want = (
        x.transpose(2, 0, 1), x[:, None], x, x[:, :, ::-1], np.roll(x, 1, 1), x[:, [2, 0, 2]], x.cumsum(1),
        np.diff(x, axis=2), np.outer(x[0, 0], x[1, 2]),
    )  # fmt: skip
    same(release(program, protocol), want)


@pytest.mark.parametrize(
    ("pattern", "shapes"),
    [
        ("ij,jk->ik", [(3, 4), (4, 5)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bij,bkj->bki", [(2, 3, 4), (2, 5, 4)]),
        ("i,i->", [(4,), (4,)]),
        ("ij,j->i", [(3, 4), (4,)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ij,ij->ij", [(3, 4), (3, 4)]),
        ("abc,cd->ad", [(2, 3, 4), (4, 5)]),
        ("ij->ji", [(3, 4)]),
        ("ijk->j", [(2, 3, 4)]),
        ("ij->", [(3, 4)]),
    ],
)
def test_einstein_sums(protocol: str, pattern: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    operands = [rng.integers(-50, 50, shape) for shape in shapes]

    def program(session: Session) -> Any:
        secrets = [session.input(one, owner=place, bound=50) for place, one in enumerate(operands)]
        return mpc.einsum(pattern, *secrets), np.einsum(pattern, *secrets)

    want = np.einsum(pattern, *operands)
    same(release(program, protocol), (want, want))


@pytest.mark.parametrize("pattern", ["ii->i", "ij,jk", "ij,jk->iik", "...i->i", "ij,jk,kl->il", "ijk->ij"])
def test_sums_that_it_cannot_do_are_refused(protocol: str, pattern: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.ones((2, 2), dtype=np.int64), owner=0, bound=1)
        return mpc.einsum(pattern, *[a] * (pattern.count(",") + 1))

    with pytest.raises(RangeError, match="einsum cannot"):
        release(program, protocol)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (1, 2)])
def test_convolutions(protocol: str, stride: int, padding: int) -> None:
    rng = np.random.default_rng(2)
    x, kernel = rng.uniform(-2, 2, (2, 3, 7, 6)), rng.uniform(-1, 1, (4, 3, 3, 2))
    fixed = [torch.from_numpy(np.rint(value / ULP) * ULP) for value in (x, kernel)]

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=2 << 16), session.input(kernel, owner=1, bound=1 << 16)
        return mpc.conv2d(a, b, stride=stride, padding=padding)

    want = torch.nn.functional.conv2d(*fixed, stride=stride, padding=padding).numpy()
    got = release(program, protocol)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= PROTOCOLS[protocol].guarantees.truncation_units * ULP


@few
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), bits=st.integers(1, 55))
def test_order(protocol: str, seed: int, size: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    top = 2**bits - 1
    x, y = rng.integers(-top, top + 1, (2, size))
    low, high = sorted(int(value) for value in rng.integers(-top, top + 1, 2))

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(y, owner=1, bound=top)
        return (
            mpc.abs(a), mpc.sign(a), mpc.maximum(a, b), mpc.minimum(a, b), mpc.clip(a, low, high),
            mpc.max(a), mpc.min(a), mpc.argmax(a), mpc.argmin(a), np.maximum(y, a), np.abs(a),
        )  # fmt: skip

    want = (
        np.abs(x), np.sign(x), np.maximum(x, y), np.minimum(x, y), np.clip(x, low, high),
        x.max(), x.min(), x.argmax(), x.argmin(), np.maximum(x, y), np.abs(x),
    )  # fmt: skip
    same(release(program, protocol), want)


def test_extremes_of_axes_and_ties(protocol: str) -> None:
    x = np.array([[3, 7, 7, -1, 7], [0, 0, -5, -5, 0]])

    def program(session: Session) -> Any:
        a = session.input(x, owner=2, bound=7)
        half = session.input(x / 4, owner=2, bound=2 << 16)
        return (
            mpc.argmax(a, 1), mpc.argmin(a, 1), mpc.max(a, 0), np.min(a, axis=1), np.argmax(a, axis=0),
            mpc.max(half, 1), mpc.clip(half, -0.5, 1.25), np.clip(a, -2, 2),
        )  # fmt: skip

    want = (
        x.argmax(1), x.argmin(1), x.max(0), x.min(1), x.argmax(0),
        x.max(1) / 4, np.clip(x / 4, -0.5, 1.25), np.clip(x, -2, 2),
    )  # fmt: skip
    same(release(program, protocol), want)


def test_numpys_own_names(protocol: str) -> None:
    x, y = np.arange(-6, 6).reshape(3, 4), np.arange(12).reshape(3, 4)

    def asked(a: Any, b: Any) -> Any:
        return (
            y + a, y - a, a - y, y * a, np.negative(a), np.add(a, b), np.less(y, a), np.greater_equal(y, a),
            y == a, np.not_equal(a, b), np.sum(a), np.sum(a, axis=1), np.cumsum(a), np.cumsum(a, axis=1),
            np.concatenate([a, b]), np.stack([a, b]), np.where(a < b, a, b), np.transpose(a),
            np.reshape(a, (2, 6)), np.dot(a, b.T), a @ y.T, y.T @ a, np.diff(a), np.take(a, [1], axis=1),
        )  # fmt: skip

    def program(session: Session) -> Any:
        return asked(session.input(x, owner=0, bound=6), session.input(y, owner=1, bound=12))

    same(release(program, protocol), asked(x, y))


def test_what_numpy_asks_in_vain(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.arange(4), owner=0, bound=4)
        for ask in (
            lambda: np.arctan(a), lambda: np.add.reduce(a), lambda: np.median(a),
        ):  # fmt: skip
            with pytest.raises(NotSupported, match=r"np\."):
                ask()
        return a

    release(program, protocol)


@few
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 60), places=st.integers(0, 59))
def test_bits_of_words(protocol: str, seed: int, bits: int, places: int) -> None:
    top = 2**bits - 1
    x = np.random.default_rng(seed).integers(-top, top + 1, 70)
    positive = np.abs(x)

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(positive, owner=1, bound=top)
        return (
            words.from_planes(words.planes_of(a)), words.shift_right(a, min(places, bits)),
            words.popcount(b), words.most_significant_bit(b), words.inject(a.less_bits(0), b),
            words.shift_left(a, 1),
        )  # fmt: skip

    want = (
        x, x >> min(places, bits), [int(v).bit_count() for v in positive],
        [int(v).bit_length() - 1 for v in positive], np.where(x < 0, positive, 0), x * 2,
    )  # fmt: skip
    same(release(program, protocol), want)


def test_eight_comparisons_take_the_rounds_of_one(protocol: str) -> None:
    x = np.arange(-4, 4)

    def rounds(count: int) -> int:
        def program(session: Session) -> Any:
            a = session.input(x, owner=0, bound=4)
            return session.gather(*[lambda place=place: a < place for place in range(count)])

        runs = run_parties(program, protocol=protocol, ledgers=OnceLedger)
        same(runs[0].result, [x < place for place in range(count)])
        return max(run.traffic.rounds for run in runs)

    overlap = PROTOCOLS[protocol].guarantees.concurrent
    assert rounds(8) == rounds(1) if overlap else rounds(8) > rounds(1)
