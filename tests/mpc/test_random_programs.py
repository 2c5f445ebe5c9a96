"""Random programs of 2 to 30 operations against float64: within the declared error, or refused beforehand.

Every value is kept with a bound on its error, which follows from what the operations declare: the
interval around the float64 value goes through each function, and the function's own error comes on top.

Programs on small values take all operations. Those on large ones, whose words leave little of the ring, take
those that public numbers make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import mpc
from mpc.errors import RangeError
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import rehearse, run_parties

UNIT = 2.0**-16
RELATIVE = 2.0**-22
ROWS = 4
REACH = 8
#: Of large values: float64 still has their last units.
FAR = 1 << 34
#: Public factors and divisors, hardly one exact in binary, and a public matrix of the like.
PUBLIC = (0.1, 1 / 3, -1e-6, 7e-9, 0.75, 12.345, 3)
MATRIX = np.array(
    [[0.1, 1e-6, -1 / 3, 0.25], [-0.7, 1.1, 0.0, 1e-9], [1 / 7, 0.5, 0.2, -0.3], [0.9, -1e-3, 0.123, 0.6]]
)
Floats = np.ndarray


@dataclass(frozen=True)
class Known:
    """A float64 value and how far the engine's may be from it."""

    value: Floats
    error: Floats


@dataclass(frozen=True)
class Operation:
    """On secrets, and on what is known of them."""

    operands: int
    secret: Callable[..., Any]
    known: Callable[..., Known]


def monotone(
    secret: Callable[[Any], Any],
    real: Callable[[Floats], Floats],
    units: float = 2,
    relative: float = RELATIVE,
) -> Operation:
    """A function that rises or falls over its whole domain: its ends are those of the interval."""

    def known(x: Known) -> Known:
        value = real(x.value)
        ends = np.stack([real(x.value - x.error), real(x.value + x.error)])
        spread = np.abs(ends - value).max(0)
        return Known(value, spread + units * UNIT + RELATIVE * np.abs(ends).max(0))

    return Operation(1, secret, known)


def product(x: Known, y: Known) -> Known:
    error = np.abs(x.value) * y.error + np.abs(y.value) * x.error + x.error * y.error
    return Known(x.value * y.value, error + UNIT)


def quotient(x: Known, y: Known) -> Known:
    """x over |y| + 1/2, which is at least 1/2 whatever the error."""
    divisor = np.abs(y.value) + 0.5
    least = np.maximum(divisor - y.error, 0.5)
    value = x.value / divisor
    error = (x.error + np.abs(value) * y.error) / least
    return Known(value, error + 2 * UNIT + RELATIVE * (np.abs(value) + error))


def chosen(x: Known, y: Known, a: Known, b: Known) -> Known:
    """a where x < y, else b; where the comparison is too close to call, either."""
    value = np.where(x.value < y.value, a.value, b.value)
    close = np.abs(x.value - y.value) <= x.error + y.error
    return Known(value, np.maximum(a.error, b.error) + close * np.abs(a.value - b.value))


def both(fn: Callable[[Floats, Floats], Floats]) -> Callable[[Known, Known], Known]:
    return lambda x, y: Known(fn(x.value, y.value), np.maximum(x.error, y.error))


def whole(fn: Callable[[Floats], Floats], factor: float = 1) -> Callable[[Known], Known]:
    """A function of all rows whose error is at most a multiple of the largest of them."""
    return lambda x: Known(fn(x.value) + np.zeros(ROWS), np.full(ROWS, factor * x.error.max()))


def plus(x: Known, y: Known) -> Known:
    return Known(x.value + y.value, x.error + y.error)


def scalar(x: Any) -> Any:
    return x.reshape(1).broadcast_to((ROWS,))


def times(factor: float) -> Operation:
    """By a public number: 2 units more."""
    return Operation(
        1,
        lambda x: x * factor,
        lambda x: Known(x.value * factor, x.error * abs(factor) + 2 * UNIT),
    )


def over(divisor: float) -> Operation:
    return Operation(
        1,
        lambda x: x / divisor,
        lambda x: Known(x.value / divisor, x.error / abs(divisor) + 2 * UNIT),
    )


def linear(secret: Callable[[Any], Any], matrix: Floats, units: float = 2) -> Operation:
    """What a public matrix makes of all rows."""
    return Operation(1, secret, lambda x: Known(matrix @ x.value, np.abs(matrix) @ x.error + units * UNIT))


def inner(x: Known, y: Known) -> Known:
    """Sums of all products: one truncation."""
    made = product(x, y)
    error = made.error.sum() - (ROWS - 1) * UNIT
    return Known(np.full(ROWS, made.value.sum()), np.full(ROWS, error))


def flags(x: Known, value: float) -> Known:
    """x < value; where that is too close to call, either."""
    return Known((x.value < value).astype(float), (np.abs(x.value - value) <= x.error).astype(float))


#: What public numbers make: all that programs on large values do.
OF_PUBLIC: dict[str, Operation] = {
    **{f"x {factor:.3g}": times(factor) for factor in PUBLIC},
    **{f"x / {divisor:.3g}": over(divisor) for divisor in (3, 10, -7.5, 0.1, 1e6, 12345.678)},
    "x + 0.1": Operation(1, lambda x: x + 0.1, lambda x: Known(x.value + 0.1, x.error + UNIT)),
    "1 - x": Operation(1, lambda x: 1 - x, lambda x: Known(1 - x.value, x.error)),
    "x < 0.1": Operation(1, lambda x: x < 0.1, lambda x: flags(x, 0.1)),
    "matrix x": linear(lambda x: MATRIX @ x, MATRIX),
    "x matrix": linear(lambda x: x.reshape(1, ROWS).__matmul__(MATRIX).reshape(ROWS), MATRIX.T),
    "x by rows": linear(lambda x: (x * MATRIX).sum(1), MATRIX, 2 * ROWS),
    "x over rows": linear(lambda x: (x / (MATRIX + 2)).sum(1), 1 / (MATRIX + 2), 2 * ROWS),
    "mean": linear(lambda x: scalar(x.mean()), np.full((ROWS, ROWS), 1 / ROWS)),
    "mean of rows": linear(lambda x: (x.reshape(ROWS, 1) * MATRIX).mean(0), MATRIX.T / ROWS, 4),
}

OPERATIONS: dict[str, Operation] = {
    "x + y": Operation(2, lambda x, y: x + y, plus),
    "x - y": Operation(2, lambda x, y: x - y, lambda x, y: plus(x, Known(-y.value, y.error))),
    "x y": Operation(2, lambda x, y: x * y, product),
    **OF_PUBLIC,
    "-1.75 x": Operation(1, lambda x: -1.75 * x, lambda x: Known(-1.75 * x.value, 1.75 * x.error + UNIT)),
    "12345.678 x": times(12345.678),
    "xy, summed": Operation(2, lambda x, y: scalar(x.dot(y)), inner),
    "x @ y": Operation(2, lambda x, y: scalar(x.reshape(1, ROWS) @ y.reshape(ROWS, 1)), inner),
    "x / (|y| + 1/2)": Operation(2, lambda x, y: mpc.divide(x, mpc.abs(y) + 0.5, least=0.5), quotient),
    "|x|": Operation(1, mpc.abs, lambda x: Known(np.abs(x.value), x.error)),
    "max": Operation(2, mpc.maximum, both(np.maximum)),
    "min": Operation(2, mpc.minimum, both(np.minimum)),
    "where": Operation(4, lambda x, y, a, b: mpc.where(x < y, a, b), chosen),
    "clip": Operation(1, lambda x: mpc.clip(x, -3, 2.5), lambda x: Known(np.clip(x.value, -3, 2.5), x.error)),
    "cumulative sum": Operation(1, mpc.cumulative_sum, whole(np.cumsum, ROWS)),
    "sum": Operation(1, lambda x: scalar(x.sum()), whole(np.sum, ROWS)),
    "largest": Operation(1, lambda x: scalar(mpc.max(x)), whole(np.max)),
    "sort": Operation(1, mpc.sort, whole(np.sort)),
    "running maximum": Operation(1, mpc.cumulative_max, whole(np.maximum.accumulate)),
    "sqrt |x|": monotone(lambda x: mpc.sqrt(mpc.abs(x)), lambda x: np.sqrt(np.abs(x))),
    "rsqrt": monotone(
        lambda x: mpc.rsqrt(mpc.abs(x) + 0.5, least=0.5), lambda x: 1 / np.sqrt(np.abs(x) + 0.5)
    ),
    "exp": monotone(lambda x: mpc.exp(mpc.clip(x, -9, 4)), lambda x: np.exp(np.clip(x, -9, 4))),
    "log": monotone(lambda x: mpc.log(mpc.abs(x) + 0.25), lambda x: np.log(np.abs(x) + 0.25)),
    "log1p": monotone(lambda x: mpc.log1p(mpc.abs(x)), lambda x: np.log1p(np.abs(x))),
    "power": monotone(
        lambda x: mpc.power(mpc.abs(mpc.clip(x, -9, 9)) + 0.5, -1.5, least=0.5),
        lambda x: (np.abs(np.clip(x, -9, 9)) + 0.5) ** -1.5,
    ),
    "sigmoid": monotone(mpc.sigmoid, special.expit),
    "tanh": monotone(mpc.tanh, np.tanh),
    "erf": monotone(mpc.erf, special.erf),
}
#: These are functions of |x|, monotone in it but not in x.
OF_MAGNITUDE = {"sqrt |x|", "rsqrt", "log", "log1p", "power"}


def of_magnitude(name: str, x: Known) -> Known:
    """What is known of f(|x|): f is taken at the ends of the interval of |x|."""
    magnitude = np.abs(x.value)
    lower = Known(np.maximum(magnitude - x.error, 0), np.zeros(ROWS))
    upper = Known(magnitude + x.error, np.zeros(ROWS))
    made = [OPERATIONS[name].known(part) for part in (Known(magnitude, np.zeros(ROWS)), lower, upper)]
    spread = np.maximum(*(np.abs(part.value - made[0].value) for part in made[1:]))
    return Known(made[0].value, spread + np.maximum(made[1].error, made[2].error))


Step = tuple[str, tuple[int, ...]]


@st.composite
def programs(draw: st.DrawFn, operations: Sequence[str] = tuple(sorted(OPERATIONS))) -> list[Step]:
    """Steps on the values so far: three inputs, then what the steps before have made."""
    steps: list[Step] = []
    for place in range(draw(st.integers(2, 30))):
        name = draw(st.sampled_from(operations))
        known = 3 + place
        # mostly recent values, so that programs become deep
        pick = st.one_of(st.integers(0, known - 1), st.integers(max(0, known - 3), known - 1))
        steps.append((name, tuple(draw(pick) for _ in range(OPERATIONS[name].operands))))
    return steps


def inputs_of(seed: int, reach: int) -> list[Floats]:
    """Two rows of reals and one of integers, with the bounds' ends among them."""
    rng = np.random.default_rng(seed)
    reals = [rng.integers(-reach * 2**16, reach * 2**16 + 1, ROWS) * UNIT for _ in range(2)]
    reals[0][0] = rng.choice([-reach, reach])
    return [*reals, rng.integers(-reach, reach + 1, ROWS)]


def on_secrets(session: Session, given: Sequence[Floats], steps: Sequence[Step], reach: int) -> Any:
    bounds = (reach << 16, reach << 16, reach)
    owners = [place % session.parties for place in range(3)]
    values = [
        session.input(x, owner=owner, bound=bound)
        for x, owner, bound in zip(given, owners, bounds, strict=True)
    ]
    for name, operands in steps:
        values.append(OPERATIONS[name].secret(*(values[place] for place in operands)))
    return values[3:]


def in_float64(given: Sequence[Floats], steps: Sequence[Step]) -> list[Known]:
    values = [Known(x.astype(np.float64), np.zeros(ROWS)) for x in given]
    for name, operands in steps:
        known = [values[place] for place in operands]
        made = of_magnitude(name, known[0]) if name in OF_MAGNITUDE else OPERATIONS[name].known(*known)
        values.append(made)
    return values[3:]


def runs_within_its_error(seed: int, steps: list[Step], reach: int = REACH) -> bool:
    """Whether the program ran; if it did, every value on the way was within its error."""
    given = inputs_of(seed, reach)

    def program(session: Session) -> Any:
        return on_secrets(session, given, steps, reach)

    try:
        rehearse(program)
    except RangeError:
        return False
    # what the rehearsal lets pass runs: no range is left to be refused half way
    opened = run_parties(program, ledgers=OnceLedger)[0].result
    largest = max(reach, 1.0)
    for (name, _), got, want in zip(steps, opened, in_float64(given, steps), strict=True):
        largest = max(largest, np.abs(want.value).max())
        slack = want.error * 1e-9 + 2.0**-52 * ROWS * largest  # float64's own, of all on the way
        assert np.all(np.abs(got - want.value) <= want.error + slack), (name, got, want)
    return True


@pytest.mark.timeout(3600)  # a thousand examples in the long profile
@given(seed=st.integers(0, 2**32), steps=programs())
def test_a_random_program_is_right_or_refused(seed: int, steps: list[Step]) -> None:
    runs_within_its_error(seed, steps)


@pytest.mark.timeout(3600)
@given(seed=st.integers(0, 2**32), steps=programs(tuple(sorted(OF_PUBLIC))))
def test_a_random_program_on_large_values_is_right_or_refused(seed: int, steps: list[Step]) -> None:
    runs_within_its_error(seed, steps, FAR)


@pytest.mark.parametrize(("operations", "reach"), [(OPERATIONS, REACH), (OF_PUBLIC, FAR)])
def test_most_of_such_programs_run(operations: dict[str, Operation], reach: int) -> None:
    """A refusal of everything would pass the tests above; what a rehearsal lets pass runs, as they show."""
    rng, ran = np.random.default_rng(5), 0
    for seed in range(60):
        steps = []
        for place in range(int(rng.integers(2, 12))):
            name = sorted(operations)[rng.integers(len(operations))]
            operands = rng.integers(0, 3 + place, operations[name].operands)
            steps.append((name, tuple(int(operand) for operand in operands)))
        ran += _passes(seed, steps, reach)
    assert ran >= 36


def _passes(seed: int, steps: list[Step], reach: int) -> bool:
    """Whether its rehearsal refuses nothing."""
    try:
        rehearse(lambda session: on_secrets(session, inputs_of(seed, reach), steps, reach))
    except RangeError:
        return False
    return True


@pytest.mark.parametrize(("operations", "reach"), [(OPERATIONS, REACH), (OF_PUBLIC, FAR)])
def test_every_operation_runs_alone(operations: dict[str, Operation], reach: int) -> None:
    for name, operation in operations.items():
        assert runs_within_its_error(
            1, [(name, tuple(range(operation.operands))[:3] + (0,) * (operation.operands - 3))], reach
        )


def test_a_program_that_cannot_fit_is_refused_before_anything_is_shared() -> None:
    """Ten squares in a row: the tenth would leave the ring, and simulate says so before the first is made."""
    seen: list[str] = []

    def program(session: Session) -> Any:
        x = session.input(np.full(ROWS, 7.5), owner=0, bound=8 << 16)
        for _ in range(10):
            x = x * x
            seen.append(session.protocol.guarantees.name)
        return x

    with pytest.raises(RangeError, match="A product could reach"):
        mpc.simulate(program)
    assert set(seen) == {"shapes"}


def test_a_rehearsal_ends_where_a_value_opens() -> None:
    def program(session: Session) -> Any:
        x = session.input(np.arange(3), owner=0, bound=4)
        total = int(session.open(x.sum(), why="the test wants it"))
        return x * (1 if total == 3 else 2**62)

    assert np.array_equal(mpc.simulate(program), [0, 1, 2])
