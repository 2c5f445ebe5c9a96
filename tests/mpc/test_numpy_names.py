"""numpy's names on secrets against numpy on arrays: one table of calls, each asked of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError

import mpc
from mpc.errors import RangeError, SecretControlFlow
from mpc.protocols.table import PROTOCOLS
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties
from tests.mpc.programs import everywhere

Call = Callable[..., Any]
BOUND = 5


def names() -> dict[str, np.ndarray]:
    """What calls are about: s public, all others integers within 5, m and k masks."""
    rng = np.random.default_rng(11)

    def drawn(*shape: int) -> np.ndarray:
        return np.asarray(rng.integers(-BOUND, BOUND + 1, shape))

    return {
        "o": drawn(), "v": drawn(6), "w": drawn(6), "x": drawn(3, 4), "y": drawn(3, 4), "r": drawn(1, 4),
        "z": drawn(2, 3, 4), "e": drawn(0), "f": drawn(2, 0, 3), "one": drawn(1, 3, 1),
        "m": rng.integers(0, 2, (3, 4)), "k": rng.integers(0, 2, (3, 4)), "t": drawn(4, 1, 3),
    }  # fmt: skip


PUBLIC = np.random.default_rng(12).integers(-BOUND, BOUND + 1, (3, 4))
MASK = PUBLIC > 0

#: Calls whose results are numpy's, words and shapes. Names of the arguments are those of `names`.
CALLS: dict[str, Call] = {
    # elementwise, with broadcasting and public operands
    "add": lambda x, r: np.add(x, r),
    "add public": lambda x: (PUBLIC + x, x + PUBLIC, np.add(PUBLIC[:1], x), 3 + x),
    "subtract": lambda x, r: (np.subtract(r, x), PUBLIC - x, np.subtract(x, PUBLIC)),
    "multiply": lambda x, r, o: (np.multiply(x, r), np.multiply(PUBLIC, x), x * o),
    "negative": lambda x: (np.negative(x), np.positive(x), +x, -x),
    "comparisons": lambda x, r, o: (
        x < r, np.less(r, x), np.less_equal(x, o), np.greater(PUBLIC, x), np.greater_equal(x, 2), r == x,
        np.not_equal(x, r), np.equal(PUBLIC, x), PUBLIC < x, x != 1,  # noqa: SIM300
    ),
    "absolute": lambda x, e: (np.absolute(x), np.abs(e), abs(x), np.fabs(x)),
    "sign": lambda x, o: (np.sign(x), np.sign(o)),
    "square": lambda x: (np.square(x), x**2, x**3, np.power(x, 2), x ** np.array(2), np.power(x, [[2]])),
    "maximum": lambda x, r, o: (
        np.maximum(x, r), np.minimum(r, x), np.maximum(PUBLIC, x), np.minimum(x, o), np.fmax(x, 0),
        np.fmin(1, x),
    ),
    "maximum of nothing": lambda e: (np.maximum(e, 1), np.minimum(e, e)),
    "shifts": lambda x: (np.left_shift(x, 2), np.right_shift(x, 1), np.right_shift(x, 40)),
    # masks
    "masks": lambda m, k: (m & k, m | k, m ^ k, 1 - m),
    "public masks": lambda m: (m & MASK, MASK | m, MASK.astype(int) ^ m, np.bitwise_and(MASK, m), m | 1),
    "logical": lambda x, m, r: (
        np.logical_and(x, m), np.logical_or(m, r), np.logical_xor(x, MASK), np.logical_not(x),
        np.logical_not(m), np.logical_and(MASK, x),
    ),
    "logical of signs": lambda x: np.logical_not(np.sign(x)),
    "any": lambda x, z, e: (
        np.any(x), np.any(x == 9, axis=0), np.any(z, axis=(0, -1)), np.any(e), np.any(x, 1, keepdims=True)
    ),
    "all": lambda x, z, e, m: (np.all(x), np.all(z, axis=(0, 2)), np.all(e), np.all(m, 0), np.all(m | 1)),
    "count_nonzero": lambda x, z: (
        np.count_nonzero(x), np.count_nonzero(z, axis=1), np.count_nonzero(z, (0, 1), keepdims=True)
    ),
    # reductions
    "sum": lambda x, z, e, f, o: (
        np.sum(x), np.sum(z, axis=(0, 2)), np.sum(z, -2), np.sum(z, axis=1, keepdims=True), np.sum(e),
        np.sum(f, 1), np.sum(o), np.sum(z, axis=()), np.sum(x, axis=0, dtype=None), np.add.reduce(x),
        np.add.reduce(z, axis=(0, 1), keepdims=True), np.add.reduce(z, axis=None),
    ),
    "prod": lambda x, z, e, f: (
        np.prod(x[:, :3], 0), np.prod(z, axis=2, keepdims=True), np.prod(e), np.prod(f, axis=(0, 1)),
        np.multiply.reduce(x), np.prod(z[:, :, :2], axis=(0, 1)),
    ),
    "max": lambda x, z, o: (
        np.max(x), np.max(z, axis=(0, 2)), np.max(z, -1, keepdims=True), np.min(x), np.min(z, axis=(1, -1)),
        np.max(o), np.maximum.reduce(x), np.minimum.reduce(z, axis=(1, 2)), np.amax(z, 1),
    ),
    "max of empty rows": lambda f: (np.max(f, 0), np.min(f, axis=(0, 2))),
    "argmax": lambda x, z, o: (
        np.argmax(x), np.argmin(x), np.argmax(z, 1), np.argmin(z, -1), np.argmax(z, axis=0, keepdims=True),
        np.argmin(z, keepdims=True), np.argmax(o),
    ),
    "ptp in steps": lambda x: np.max(x, 0) - np.min(x, 0),
    # running ones
    "cumsum": lambda x, z, e: (
        np.cumsum(x), np.cumsum(x, axis=0), np.cumsum(z, -1), np.cumsum(e), np.add.accumulate(x),
        np.add.accumulate(z, axis=2), np.cumulative_sum(x, axis=1),
    ),
    "cumprod": lambda x, v, e, m: (
        np.cumprod(v), np.cumprod(x, axis=1), np.cumprod(e), np.cumprod(m), np.multiply.accumulate(x),
        np.cumprod(m, axis=-1), np.cumulative_prod(v),
    ),
    "accumulate": lambda x, z, e: (
        np.maximum.accumulate(x), np.minimum.accumulate(z, axis=1), np.maximum.accumulate(e),
        np.maximum.accumulate(x, axis=-1),
    ),
    "diff": lambda x, z, v, e: (
        np.diff(x), np.diff(x, 2), np.diff(z, axis=0), np.diff(z, 2, 1), np.diff(v, n=9), np.diff(e),
        np.diff(x, 0), np.diff(v, prepend=0), np.diff(x, append=PUBLIC),
        np.diff(z, axis=1, prepend=1, append=2), np.diff(PUBLIC, prepend=x),
    ),
    # products
    "matmul": lambda x, y, z, v, w: (
        np.matmul(x, y.T), x @ PUBLIC.T, PUBLIC.T @ x, np.matmul(z, x.T), np.matmul(v, w), x.T @ x,
        np.matmul(PUBLIC[0], x.T),
    ),
    "dot": lambda x, y, z, v, w, o, t: (
        np.dot(x, y.T), np.dot(z, x.T), np.dot(x, np.transpose(z, (0, 2, 1))),
        np.dot(z, np.swapaxes(t, 0, 1)),
        np.dot(v, w), np.dot(x, x[0]), np.dot(x, 3), np.dot(3, x), np.dot(x, o), np.dot(x, PUBLIC.T),
        np.dot(PUBLIC.T, x), np.dot(z, PUBLIC[1]),
    ),
    "dot of nothing": lambda e, f: (np.dot(e, e), np.dot(f, np.transpose(f, (0, 2, 1)))),
    "inner": lambda x, y, z, v, w: (np.inner(x, y), np.inner(z, x), np.inner(v, w), np.inner(PUBLIC, x)),
    "vecdot": lambda x, y, z, r: (
        np.vecdot(x, y), np.vecdot(z, x), np.vecdot(x, r), np.vecdot(x, PUBLIC), np.vecdot(PUBLIC, z),
        np.vecdot(x, y, axis=0), np.linalg.vecdot(x, PUBLIC, axis=0),
    ),
    "matvec": lambda x, z, r: (np.matvec(x, x), np.matvec(z, PUBLIC[1]), np.vecmat(x[:, :3], x)),
    "outer": lambda x, v, w: (
        np.outer(v, w), np.outer(x, v), np.outer(PUBLIC, v), np.outer(v, [1, 2]), np.multiply.outer(x, v),
        np.subtract.outer(v, w),
    ),
    "einsum": lambda x, y, z, v: (
        np.einsum("ij,kj->ik", x, y), np.einsum("ij,kj", x, y), np.einsum("ij->ji", x),
        np.einsum("zij->j", z), np.einsum("ij,ij->", x, PUBLIC), np.einsum("ij,zij->zi", PUBLIC, z),
        np.einsum("i,j", v, v), np.einsum("ji", x), np.einsum("ij,kj->ik", x, y, optimize=True),
        np.einsum("i,ij->ij", [1, 2, 3], x),
    ),
    # moving
    "flip": lambda x, z: (np.flip(x), np.flip(z, 1), np.flip(z, (0, -1)), np.fliplr(x), np.flipud(x)),
    "roll": lambda x, z: (
        np.roll(x, 1), np.roll(z, -2, axis=1), np.roll(x, (1, 2), axis=(0, 1)), np.roll(z, 5, (0, 2)),
        np.roll(x, (1, 1), (0, 0)),
    ),
    "take": lambda x, z: (
        np.take(x, [1, 5]), np.take(x, [1, -1], axis=1), np.take(z, [[0, 1], [2, 2]], axis=1), np.take(x, 3),
        np.take(z, 0, axis=-1), np.take(x, [], axis=0), np.take(x, np.array([2, 0]), 0),
    ),
    "reshape": lambda x, e: (
        np.reshape(x, (4, 3)), np.reshape(x, -1), np.reshape(x, (2, -1)), np.reshape(x, (2, 3, 2)),
        np.reshape(e, (0, 2)), np.reshape(x, 12), np.ravel(x),
    ),
    "transpose": lambda x, z: (
        np.transpose(x), np.transpose(z), np.transpose(z, (1, 2, 0)), np.transpose(z, (0, -1, 1)),
        np.moveaxis(z, 0, -1), np.swapaxes(z, 0, 2), np.matrix_transpose(z), np.rot90(x), np.rollaxis(z, 2),
    ),
    "squeeze": lambda one, x: (
        np.squeeze(one), np.squeeze(one, 0), np.squeeze(one, axis=(0, -1)), np.squeeze(x),
        np.expand_dims(x, 1), np.expand_dims(x, -1), np.expand_dims(x, (0, 2)),
    ),
    "repeat": lambda x, v: (
        np.repeat(v, 2), np.repeat(x, [1, 0, 2], axis=0), np.tile(x, 2), np.tile(v, (2, 1)),
        np.broadcast_to(v, (2, 6)), np.delete(v, [1, 2]), np.resize(v, 8), np.copy(x),
    ),
    "split": lambda x, v: (*np.split(v, 3), *np.array_split(x, 2), *np.hsplit(x, 2), *np.vsplit(x, 3)),
    "diagonals": lambda x, v: (np.diagonal(x), np.diag(v), np.diag(x, 1), np.tril(x), np.triu(x, 1)),
    "concatenate": lambda x, y, z, v, e: (
        np.concatenate([x, y]), np.concatenate((x, PUBLIC), axis=1), np.concatenate([PUBLIC, x], -1),
        np.concatenate([x, v], axis=None), np.concatenate([v, e]), np.concatenate([z]),
    ),
    "stack": lambda x, y: (
        np.stack([x, y]), np.stack((PUBLIC, x), axis=-1), np.hstack([x, PUBLIC]), np.vstack([x, PUBLIC]),
        np.dstack([x, y]), np.column_stack([x, PUBLIC]), np.hstack([x[0], [1, 2]]),
    ),
    # choosing and ordering
    "where": lambda x, y, m, r: (
        np.where(m, x, y), np.where(m, 0, x), np.where(m, x, PUBLIC), np.where(m, 1, 0), np.where(MASK, x, y),
        np.where(MASK, x, 7), np.where(m[0], x, r), np.where(m, [[1], [2], [3]], 4), np.where(m, 0.5, x),
    ),
    "clip": lambda x, r, y: (
        np.clip(x, -2, 3), np.clip(x, None, 3), np.clip(x, 1, None), np.clip(x, min=-1, max=2),
        np.clip(x, -90, 90), np.clip(x, 7, 9), np.clip(x, PUBLIC, PUBLIC + 1), np.clip(x, -np.inf, 2),
        np.clip(x, -1.5, 2.25), np.clip(x, r, 5), np.clip(x, y, np.maximum(y, 2)), np.clip(PUBLIC, x, None),
        np.clip(x, -90, 2),
    ),
    "sort": lambda x, z, v, e, f: (
        np.sort(v), np.sort(x), np.sort(x, axis=0), np.sort(z, axis=None), np.sort(z, 1), np.sort(e),
        np.sort(f, 2), np.sort(v, kind="stable"), np.sort(x[:1]),
    ),
    "argsort": lambda x, z, v, e: (
        np.argsort(v, kind="stable"), np.argsort(x, stable=True), np.argsort(x, 0, kind="stable"),
        np.argsort(e), np.argsort(z, axis=None, kind="stable"),
    ),
    "shapes": lambda x, o: (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1), np.shape(o)),
}  # fmt: skip
SORTED = np.sort(PUBLIC.ravel())
CALLS |= {
    "searchsorted": lambda x, v: (
        np.searchsorted(SORTED, x), np.searchsorted(np.sort(v), x, side="right"),
        np.searchsorted(np.sort(v), 2), np.searchsorted(np.sort(v), PUBLIC, "left"),
    ),
}  # fmt: skip
#: Within so many units in the last place.
NEAR: dict[str, tuple[float, Call]] = {
    "mean": (1, lambda x, z: (np.mean(x), np.mean(z, (0, 2)), np.mean(z, axis=1, keepdims=True))),
    "var": (2, lambda x, z: (
        np.var(x), np.var(x, 0), np.var(z, (0, 1), ddof=1), np.var(x, 1, keepdims=True),
    )),
    "std": (3, lambda x, z: (
        np.std(x), np.std(x, axis=0, ddof=1), np.std(z, correction=1), np.std(x[:1], 0),
    )),
    "norm": (2, lambda x, v: (
        np.linalg.norm(x), np.linalg.norm(v), np.linalg.norm(x, axis=1), np.linalg.norm(v, 1),
        np.linalg.norm(v, 2), np.linalg.norm(x, np.inf, axis=0), np.linalg.norm(x, "fro"),
        np.linalg.norm(x, axis=0, keepdims=True),
    )),
    "logaddexp": (2, lambda x, r: (np.logaddexp(x, r), np.logaddexp(PUBLIC, x))),
    "division": (2, lambda x, y: (np.true_divide(x, 4), x / (np.abs(y) + 1), 6 / (np.abs(y) + 1))),
    "curves": (2, lambda x: (np.exp(x / 4), np.tanh(x), np.sqrt(np.abs(x)), np.log(np.abs(x) + 1))),
    "powers": (2, lambda x: (
        np.power(np.abs(x) + 1, 0.5), (np.abs(x) + 1.0) ** -1, np.reciprocal(np.abs(x) + 1.0),
    )),
}  # fmt: skip
ULP = 2.0**-16
#: Calls that go over shares as well: one of each kind.
ON_SHARES = (
    "multiply", "maximum", "masks", "any", "max", "argmax", "cumprod", "dot", "vecdot", "einsum", "diagonals",
    "concatenate", "where", "clip", "sort", "searchsorted", "shifts", "max of empty rows",
)  # fmt: skip


def used(call: Call) -> dict[str, np.ndarray]:
    known = names()
    return {name: known[name] for name in call.__code__.co_varnames[: call.__code__.co_argcount]}


def on_secrets(call: Call, protocol: str = "cleartext") -> Any:
    arguments = used(call)

    def program(session: Session) -> Any:
        secrets = {
            name: session.input(value, owner=0, bound=1 if name in "mk" else BOUND)
            for name, value in arguments.items()
        }
        return call(**secrets)

    return run_parties(program, protocol=protocol, ledgers=OnceLedger)[0].result


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def compare(call: Call, got: Any, units: float = 0) -> None:
    want = parts(call(**used(call)))
    assert len(parts(got)) == len(want)
    for place, (one, other) in enumerate(zip(parts(got), want, strict=True)):
        assert np.shape(one) == np.shape(other), place
        distance = np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float))
        assert np.all(distance <= units * ULP), place


@pytest.mark.parametrize("name", CALLS)
def test_calls_equal_numpys(name: str) -> None:
    compare(CALLS[name], on_secrets(CALLS[name]))


@pytest.mark.parametrize("name", ON_SHARES)
def test_calls_equal_numpys_on_shares(name: str) -> None:
    compare(CALLS[name], on_secrets(CALLS[name], "replicated"))


@pytest.mark.parametrize("protocol", ["cleartext", "replicated"])
@pytest.mark.parametrize("name", NEAR)
def test_calls_are_near_numpys(name: str, protocol: str) -> None:
    units, call = NEAR[name]
    compare(call, on_secrets(call, protocol), units)


def test_public_operands_of_masks_and_choices_send_nothing() -> None:
    flags = np.arange(8) % 2

    def program(session: Session) -> Any:
        a = session.input(flags, owner=0, bound=1)
        before = session.traffic.bytes_sent
        made = (
            a & MASK[0, :1], a | flags, a ^ flags, ~a, np.where(a, 3, -3), np.where(flags, a, 5),
            np.dot(a, flags),
        )  # fmt: skip
        assert session.traffic.bytes_sent == before
        return made

    got = run_parties(program, ledgers=OnceLedger)[0].result
    want = (
        flags & MASK[0, :1], flags, flags * 0, 1 - flags, np.where(flags, 3, -3), np.where(flags, flags, 5), 4
    )  # fmt: skip
    for one, other in zip(got, want, strict=True):
        assert np.array_equal(one, other)


def test_choices_between_reals_are_exact() -> None:
    x, y = np.array([1e-3, -2.5, 7.25]), np.array([0.1, 1e5, -3.0])

    def program(session: Session) -> Any:
        a = session.input(np.array([1, 0, 1]), owner=1, bound=1)
        return np.where(a, x, y), np.where(a, session.input(x, owner=0), y)

    fixed = np.rint(np.where([1, 0, 1], x, y) * 2**16) / 2**16
    for made in run_parties(program, ledgers=OnceLedger)[0].result:
        assert np.array_equal(made, fixed)


@everywhere
def test_reals_reduce_within_what_is_stated(protocol: str) -> None:
    x = np.random.default_rng(5).normal(size=(50, 3)) * 20
    fixed = np.rint(x * 2**16) / 2**16
    units = 4 * PROTOCOLS[protocol].guarantees.truncation_units

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=100 << 16)
        return np.mean(a, 0), np.var(a, 0), np.std(a, 0, ddof=1), np.linalg.norm(a, axis=1), np.any(a > 50, 0)

    got = run_parties(program, protocol=protocol, ledgers=OnceLedger)[0].result
    want = (
        fixed.mean(0), fixed.var(0), fixed.std(0, ddof=1), np.linalg.norm(fixed, axis=1), (fixed > 50).any(0)
    )  # fmt: skip
    for one, other in zip(got, want, strict=True):
        assert np.abs(one - other).max() <= units * ULP + 2**-21 * np.abs(other).max()


def test_methods_take_what_numpys_take() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0)
        with pytest.raises(AxisError):
            a.sum(3)
        with pytest.raises(RangeError, match="product is 24"):
            a.reshape(5, 5)
        with pytest.raises(SecretControlFlow):
            a[a > 3]
        return a[::-1], a[:, ::-2, 1], a.reshape((4, 6)), a.reshape(-1), a.sum(-1)

    want = (x[::-1], x[:, ::-2, 1], x.reshape((4, 6)), x.reshape(-1), x.sum(-1))
    for got, wanted in zip(mpc.simulate(program), want, strict=True):
        assert np.array_equal(got, wanted)
