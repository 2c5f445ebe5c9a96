"""Roots over the whole range, against numpy's of what was shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.encoding import Scale
from mpc.errors import RangeError
from mpc.session import Session
from tests.mpc.programs import everywhere, release

pytestmark = everywhere
RELATIVE = 2.0**-22


@settings(max_examples=max(4, settings.default.max_examples // 16))
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 60), places=st.sampled_from([0, 7, 16, 23, 24]))
def test_every_root_is_right(protocol: str, seed: int, bits: int, places: int) -> None:
    top = 2**bits - 1
    x = np.exp2(np.random.default_rng(seed).uniform(0, bits, 60)).astype(np.int64)
    x[:3] = (1, top, top // 2 + 1)
    x = np.minimum(x, top)

    def program(session: Session) -> Any:
        a = session.secret(session.input(x, owner=0, bound=top).share, Scale(bits=places), top)
        return mpc.sqrt(a), mpc.rsqrt(a)

    value, unit = x / 2.0**places, 2.0 ** -(places or 16)
    for got, want in zip(release(program, protocol), (np.sqrt(value), 1 / np.sqrt(value)), strict=True):
        assert np.all(np.abs(got - want) <= np.maximum(2 * unit, want * RELATIVE))


def test_what_has_no_root_is_what_was_asked_for_and_shapes_stay(protocol: str) -> None:
    x = np.array([[4.0, 0.0, -4.0], [2.25, 1e-9, -100.0]])

    def program(session: Session) -> Any:
        a = session.input(x, owner=1, bound=128 << 16)
        return mpc.sqrt(a, otherwise=-1), mpc.rsqrt(a, least=0.25, otherwise=0.0)

    root, inverse = release(program, protocol)
    assert np.abs(root - [[2, 0, -1], [1.5, 0, -1]]).max() <= 2 * 2.0**-16
    assert np.abs(inverse - [[0.5, 0, 0], [2 / 3, 0, 0]]).max() <= 2 * 2.0**-16
    for root in (np.sqrt, lambda a: mpc.rsqrt(mpc.abs(a), least=0.25)):
        with pytest.raises(RangeError, match="root: no number is below"):
            release(lambda s, root=root: root(s.input(x, owner=1, bound=128 << 16)), protocol)


def test_roots_that_could_leave_the_ring_are_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.secret(session.input(np.ones(2), owner=0, bound=1 << 58).share, Scale(bits=45), 1 << 58)
        return mpc.rsqrt(a)

    with pytest.raises(RangeError, match="least="):
        release(program, protocol)

    def decimals(session: Session) -> Any:
        a = session.secret(session.input(np.arange(2), owner=0, bound=9).share, Scale(digits=2), 9)
        return mpc.sqrt(a)

    with pytest.raises(RangeError, match="of decimals"):
        release(decimals, protocol)
