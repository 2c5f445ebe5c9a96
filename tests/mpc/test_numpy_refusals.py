"""What numpy asks of secrets in vain: named errors; and what there is stands in one table only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError

import mpc
from mpc.errors import NotSupported, RangeError, SecretControlFlow
from mpc.functions import numpy_tables
from mpc.functions.unlisted import INSTEAD
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.tensor import SecretTensor

PUBLIC = np.random.default_rng(12).integers(-5, 6, (3, 4))


def within(program: Callable[[SecretTensor, Session], Any], x: Any = None, bound: int = 12) -> None:
    values = np.arange(-12, 12).reshape(2, 3, 4) if x is None else np.asarray(x)

    def whole(session: Session) -> Any:
        program(session.input(values, owner=0, bound=bound), session)
        return session.public(np.zeros(1, dtype=np.int64))

    run_parties(whole, protocol="cleartext", ledgers=OnceLedger)


@pytest.mark.parametrize("axis", [3, -4, 7])
@pytest.mark.parametrize(
    "call",
    [
        np.sum, np.mean, np.max, np.argmax, np.flip, np.cumsum, np.sort, np.squeeze, np.any, np.var,
        mpc.max, mpc.argmin, mpc.cumulative_sum, mpc.sort, mpc.cumulative_max,
        lambda x, axis: np.take(x, [0], axis=axis), lambda x, axis: np.diff(x, axis=axis),
        lambda x, axis: np.roll(x, 1, axis=axis), lambda x, axis: np.concatenate([x, x], axis=axis),
        lambda x, axis: np.moveaxis(x, axis, 0),
    ],
)  # fmt: skip
def test_an_axis_that_is_not_there_is_numpys_error(call: Any, axis: int) -> None:
    def program(x: SecretTensor, session: Session) -> None:
        with pytest.raises(AxisError):
            call(x, axis=axis)

    within(program)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda x: np.arctan(x), "np.arctan"),
        (lambda x: np.median(x), r"mpc\.sort"),
        (lambda x: np.unique(x), r"mpc\.unique"),
        (lambda x: np.expm1(x), r"mpc\.exp\(x\) - 1"),
        (lambda x: np.log2(x), r"mpc\.log"),
        (lambda x: np.floor_divide(x, 2), "np.floor_divide"),
        (lambda x: np.nonzero(x), "How many"),
        (lambda x: np.subtract.reduce(x), "np.subtract.reduce"),
        (lambda x: np.add.reduceat(x, [0]), "np.add.reduceat"),
        (lambda x: np.maximum.at(x, 0, 1), "np.maximum.at"),
        (lambda x: np.sum(x, where=np.ones(4, dtype=bool)), "np.sum with where="),
        (lambda x: np.sum(x, dtype=np.int32), "np.sum with dtype="),
        (lambda x: np.sum(x, 0, np.float64), "np.sum with dtype="),
        (lambda x: np.max(x, initial=0), "np.max with initial="),
        (lambda x: np.sort(x, order="a"), "np.sort with order="),
        (lambda x: np.take(x, [0], mode="wrap"), "np.take with mode="),
        (lambda x: np.searchsorted(x[0, 0], 1, sorter=[0, 1, 2, 3]), "np.searchsorted with sorter="),
        (lambda x: np.cumulative_sum(x, axis=0, include_initial=True), "with include_initial="),
        (lambda x: np.clip(x, 0, 1, out=np.zeros(1)), "np.clip with out="),
        (lambda x: np.add(x, 1, where=False), "np.add with where="),
        (lambda x: np.add(x, 1, dtype=float), "np.add with dtype="),
        (lambda x: np.add(np.zeros(4), x[0, 0], out=np.zeros(4)), "np.add with out="),
        (lambda x: np.linalg.inv(x), r"np\.linalg\.inv"),
        (lambda x: np.where(x), "np.where without"),
        (lambda x: x[0, 0] ** np.arange(4), "exponents that differ"),
        (lambda x: np.left_shift(x, [1, 2, 3, 4]), "shift"),
        (lambda x: np.roll(x, 1.5), "np.roll"),
        (lambda x: np.einsum(x, [0, 1, 2]), "np.einsum without a pattern"),
    ],
)
def test_what_numpy_asks_in_vain_is_named(call: Any, told: str) -> None:
    def program(x: SecretTensor, session: Session) -> None:
        with pytest.raises(NotSupported, match=told):
            call(x)

    within(program)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add(x, np.arange(3)), lambda x: np.maximum(x, np.arange(3)), lambda x: np.dot(x, x),
        lambda x: np.matmul(x, x), lambda x: np.vecdot(x, np.arange(3)), lambda x: np.reshape(x, (5, 5)),
        lambda x: np.take(x, [99]), lambda x: np.take(x, [0.5]), lambda x: np.squeeze(x, 0),
        lambda x: np.concatenate([x, x[0]]), lambda x: np.stack([x, x[0]]), lambda x: np.max(x[:0]),
        lambda x: np.mean(x[:0]), lambda x: np.var(x[:1], axis=0, ddof=1), lambda x: np.split(x, 5),
        lambda x: np.where(x, x, 0), lambda x: np.where(x < 0, x, np.arange(3)), lambda x: x & 1,
        lambda x: ~x, lambda x: (x < 0) | 2, lambda x: (x < 0) ^ 0.5, lambda x: np.diff(x, -1),
        lambda x: np.clip(x, 2, 1), lambda x: np.linalg.norm(x, 3), lambda x: np.transpose(x, (0, 1)),
        lambda x: mpc.cumulative_sum(x),
        lambda x: np.argsort(x[0, 0] / 4) & 1, lambda x: np.prod(x + 2**30), lambda x: np.clip(x, np.nan, 1),
        lambda x: np.searchsorted(x, 1), lambda x: np.broadcast_to(x, (3, 3)),
        lambda x: np.cumulative_prod(x),
    ],
)  # fmt: skip
def test_operands_that_do_not_fit_are_a_range_error(call: Any) -> None:
    def program(x: SecretTensor, session: Session) -> None:
        with pytest.raises(RangeError):
            call(x)

    within(program)


def test_secret_places_and_truths_are_refused() -> None:
    def program(x: SecretTensor, session: Session) -> None:
        for ask in (lambda: np.take(PUBLIC, x), lambda: np.take(x, x), lambda: 1 in x, lambda: 1 in x[:0]):
            with pytest.raises((SecretControlFlow, NotSupported)):
                ask()
        with pytest.raises(NotSupported, match="secret places"):
            np.delete(PUBLIC, x[0, 0])
        with pytest.raises(NotSupported, match="None of the operands"):
            mpc.concat([PUBLIC, PUBLIC])

    within(program)


def test_every_name_is_in_one_table_only() -> None:
    tables = [
        set(numpy_tables.FUNCTIONS),
        set(numpy_tables.MOVES),
        set(numpy_tables.FILLS),
        set(numpy_tables.JOINS),
    ]
    ufuncs = set(numpy_tables.UFUNCS)
    listed = [name for table in (*tables, ufuncs) for name in table]
    assert len(listed) == len(set(listed))
    assert not set(INSTEAD) & set(listed)
