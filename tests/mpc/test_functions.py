"""Functions of secret tensors over every protocol, against numpy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.encoding import Scale
from mpc.errors import NotSupported, RangeError, SecretControlFlow
from mpc.functions import words
from mpc.protocols.table import PROTOCOLS
from mpc.session import Session
from tests.mpc.programs import everywhere, release, same

pytestmark = everywhere
few = settings(max_examples=max(4, settings.default.max_examples // 16))
ULP = 2.0**-16


def test_shapes(protocol: str) -> None:
    x = np.arange(-12, 12).reshape(2, 3, 4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=12)
        return (
            mpc.permute_dims(a, (2, 0, 1)), mpc.expand_dims(a, 1), mpc.squeeze(mpc.expand_dims(a, 1), 1),
            mpc.flip(a, 2), mpc.roll(a, 1, 1), mpc.take(a, [2, 0, 2], 1), mpc.cumulative_sum(a, 1),
            mpc.diff(a, axis=2), mpc.outer(a[0, 0], a[1, 2]),
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


@pytest.mark.parametrize(
    "pattern", ["ii->i", "ij,jk->ikm", "ij,jk->iik", "...i->i", "ij,jk,kl->il", "ijk->ij"]
)
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


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize(
    ("options", "kernel"),
    [
        ({"stride": (2, 1), "padding": (0, 1)}, (3, 2)),
        ({"padding": "same"}, (3, 2)),
        ({"padding": "same", "dilation": (2, 3)}, (2, 2)),
        ({"padding": "valid", "dilation": 2}, (3, 2)),
        ({"padding": (2, 0), "dilation": (1, 2), "stride": 2}, (2, 3)),
    ],
)
def test_convolutions_are_torchs_with_public_operands_too(
    protocol: str, options: dict[str, Any], kernel: tuple[int, int]
) -> None:
    rng = np.random.default_rng(3)
    x, weights = rng.integers(-9, 9, (2, 3, 8, 7)), rng.integers(-9, 9, (4, 3, *kernel))

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=9), session.input(weights, owner=1, bound=9)
        return (
            mpc.conv2d(a, b, **options), mpc.conv2d(x, b, **options), mpc.conv2d(a, weights, **options),
            mpc.conv2d(a[:0], b, **options),
        )  # fmt: skip

    want = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(weights), **options).numpy()
    same(release(program, protocol), (want, want, want, want[:0]))


def test_convolutions_that_do_not_fit_are_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.ones((1, 2, 4, 4), dtype=np.int64), owner=0, bound=1)
        for ask in (
            lambda: mpc.conv2d(a, a[:, :1]), lambda: mpc.conv2d(a, a, stride=0), lambda: mpc.conv2d(a[0], a),
            lambda: mpc.conv2d(a, a, padding="same", stride=2), lambda: mpc.conv2d(a, a, dilation=2),
            lambda: mpc.conv2d(a, a, padding=(1, 2, 3)), lambda: mpc.conv2d(a, a, padding=-1),
        ):  # fmt: skip
            with pytest.raises(RangeError):
                ask()
        return a

    release(program, protocol)


def test_order_takes_every_bound_that_the_ring_holds(protocol: str) -> None:
    top = 2**62 - 1
    x = np.array([top, -top, 0, top, -1, 1, -top])
    y = np.array([-top, top, top, top, 0, -top, -top])

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(y, owner=1, bound=top)
        return (
            mpc.abs(a), mpc.maximum(a, b), mpc.minimum(a, b), mpc.max(a), mpc.min(a), mpc.argmax(b),
            mpc.argmin(b), mpc.clip(a, -top + 1, top - 1), mpc.clip(a, 5, None), mpc.where(b == 0, a, b),
            mpc.cumulative_max(b),
        )  # fmt: skip

    want = (
        np.abs(x), np.maximum(x, y), np.minimum(x, y), x.max(), x.min(), y.argmax(), y.argmin(),
        np.clip(x, -top + 1, top - 1), np.clip(x, 5, None), np.where(y == 0, x, y), np.maximum.accumulate(y),
    )  # fmt: skip
    same(release(program, protocol), want)


def test_limits_give_the_least_bound_that_holds(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.arange(-5, 6), owner=0, bound=5)
        for low, high, bound in (
            (-1000, 1000, 5), (-2, 3, 3), (None, 3, 5), (0, None, 5), (7, 9, 7), (-9, -8, 8),
            (-np.inf, np.inf, 5), ([-2] * 11, 4, 4),
        ):  # fmt: skip
            assert mpc.clip(a, low, high).bound in (bound, bound << 16), (low, high)
        before = session.traffic.rounds
        mpc.clip(a, -1000, 1000)
        assert session.traffic.rounds == before
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
            words.popcount(b), words.most_significant_bit(b), mpc.where(a.less_bits(0), b, 0),
            words.shift_left(a, 1),
        )  # fmt: skip

    want = (
        x, x >> min(places, bits), [int(v).bit_count() for v in positive],
        [int(v).bit_length() - 1 for v in positive], np.where(x < 0, positive, 0), x * 2,
    )  # fmt: skip
    same(release(program, protocol), want)


@pytest.mark.parametrize("places", [1, 30, 60, 61, 62, 100])
def test_shifts_to_the_right_at_the_ends_of_the_ring(protocol: str, places: int) -> None:
    top = 2 ** min(62, PROTOCOLS[protocol].guarantees.truncation_bits) - 1
    x = np.array([top, -top, top - 1, 1, 0, -1, top >> 1, -(top >> 1)])

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=top)
        real = a.view(scale=Scale(16))
        return mpc.shift_right(a, places), mpc.shift_right(real, places)

    want = np.array([int(value) >> places for value in x])
    same(release(program, protocol), (want, want / 2**16))


def test_words_have_names_and_domains(protocol: str) -> None:
    x = np.array([[0, 1, 5], [6, 7, 4]])

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=7)
        for ask in (
            lambda: mpc.shift_left(a, -1), lambda: mpc.shift_right(a, -1), lambda: mpc.shift_left(a, 60),
            lambda: mpc.bit_planes(a, 65), lambda: mpc.from_bit_planes(mpc.bit_planes(a)[:0]),
        ):  # fmt: skip
            with pytest.raises(RangeError):
                ask()
        planes = mpc.bit_planes(a)
        return (
            mpc.popcount(a), mpc.most_significant_bit(a), mpc.from_bit_planes(planes), planes,
            mpc.prefix_or(planes), mpc.most_significant_bit(a * 0), mpc.most_significant_bit(a[:0]),
        )  # fmt: skip

    bits = (x.reshape(-1) >> np.arange(4)[:, None]) & 1
    want = (
        [[0, 1, 2], [2, 3, 1]], [[-1, 0, 2], [2, 2, 2]], x.reshape(-1), bits,
        np.maximum.accumulate(bits[::-1])[::-1], np.full((2, 3), -1), np.zeros((0, 3)),
    )  # fmt: skip
    same(release(program, protocol), want)


def test_the_highest_bit_of_a_negative_number_fails_a_check(protocol: str) -> None:
    def program(session: Session) -> Any:
        return mpc.most_significant_bit(session.input(np.array([3, -1]), owner=0, bound=7))

    with pytest.raises(RangeError, match="the highest bit: no number is below 0"):
        release(program, protocol)


def test_packed_bits_broadcast_and_take_numpys_indices(protocol: str) -> None:
    x = np.random.default_rng(4).integers(-9, 9, (3, 70))
    y, narrow = x[1] - x[0], x[:, :1]
    flags, others, single = x < 0, y < 0, narrow < 0

    def program(session: Session) -> Any:
        a, b = (
            session.input(x, owner=0, bound=9).less_bits(0),
            session.input(y, owner=1, bound=18).less_bits(0),
        )
        c = a[:, :1]
        return (
            a ^ b, a & b, a | b, a & c, c ^ b, a == b, a != b, ~a, b[:2], b[::-1], a[:, 3:], a[1, 5:9],
            a[::-1], a[..., -1:], a[np.array([2, 0])], b[np.array([69, 0, 1])], a[:, 4], b[None], b[:, None],
            a[len(a) - 1], b.broadcast_to((2, 70)), mpc.where(b, session.input(y, owner=1, bound=18), 0),
        )  # fmt: skip

    want = (
        flags ^ others, flags & others, flags | others, flags & single, single ^ others, flags == others,
        flags != others, ~flags, others[:2], others[::-1], flags[:, 3:], flags[1, 5:9], flags[::-1],
        flags[..., -1:], flags[[2, 0]], others[[69, 0, 1]], flags[:, 4], others[None], others[:, None],
        flags[2], np.broadcast_to(others, (2, 70)), np.where(others, y, 0),
    )  # fmt: skip
    same(release(program, protocol), want)


def test_packed_bits_that_do_not_fit_are_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.arange(-35, 35), owner=0, bound=35)
        bits = a.less_bits(0)
        for ask in (
            lambda: bits ^ bits[:3], lambda: bits & bits[:65], lambda: bits | bits[:2],
            lambda: bits == bits[:3], lambda: bits[3], lambda: bits[:2].expand(70),
            lambda: bits.broadcast_to((71,)),
        ):  # fmt: skip
            with pytest.raises(RangeError):
                ask()
        for ask in (
            lambda: bits * a, lambda: a * bits, lambda: a + bits, lambda: bits == 1, lambda: bits & 1,
            lambda: np.ones(70) * bits, lambda: np.asarray(bits), lambda: -bits,
            lambda: a < bits, lambda: bits < a,
        ):  # fmt: skip
            with pytest.raises(NotSupported, match="of_bits"):
                ask()
        for ask in (lambda: bool(bits), lambda: 1 in bits):
            with pytest.raises(SecretControlFlow):
                ask()
        return a

    release(program, protocol)
