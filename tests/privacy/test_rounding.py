"""Rounding on shares, against numpy over all counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.privacy.rounding import nearest
from mpc.simulation import PartyRun, rehearse, run_parties


def run(counts: Any, base: int, bound: int) -> list[PartyRun]:
    def program(session: Any) -> Any:
        return nearest(session.input(np.asarray(counts), 0, bound=bound), base)

    return run_parties(program, strict=True)


def want(counts: Any, base: int) -> list[int]:
    """Halves up."""
    return (np.floor(np.asarray(counts) / base + 0.5).astype(np.int64) * base).tolist()


@pytest.mark.parametrize("base", [1, 2, 3, 4, 5, 7, 10, 16, 25, 100, 1000])
def test_every_count_opens_as_its_nearest_multiple(base: int) -> None:
    counts = np.arange(3 * base + 200)
    assert run(counts, base, int(counts.max()))[0].result.tolist() == want(counts, base)


@settings(max_examples=20)
@given(base=st.integers(1, 1000), data=st.data())
def test_large_counts_too(base: int, data: st.DataObject) -> None:
    bound = data.draw(st.sampled_from([1, 999, 10**6, 10**9]))
    count = st.one_of(st.integers(0, bound), st.integers(0, bound // base).map(lambda q: q * base))
    counts = data.draw(st.lists(count, min_size=1, max_size=20))
    made = run(counts, base, bound)[0].result.tolist()
    assert made == [(count + base // 2) // base * base for count in counts]


@pytest.mark.parametrize("base", [5, 1000])
def test_truncation_may_give_the_ceiling_and_the_sign_of_the_rest_tells(base: int) -> None:
    counts = np.repeat([0, base // 2, base - 1, base, 7 * base - 1, 7 * base], 400)
    assert run(counts, base, 10**9)[0].result.tolist() == want(counts, base)


def test_the_shape_stays_and_the_bound_is_the_greatest_multiple() -> None:
    def program(session: Any) -> Any:
        made = nearest(session.input(np.full((2, 3), 14), 0, bound=14), 5)
        assert made.bound == 15
        return made

    assert run_parties(program)[0].result.tolist() == [[15] * 3] * 2


def test_a_base_of_one_sends_nothing() -> None:
    zeros = np.zeros(9, dtype=np.int64)
    cost = rehearse(lambda session: nearest(session.public(zeros), 1))
    assert (cost.rounds, sum(cost.sent)) == (0, 0)


def test_traffic_and_openings_do_not_depend_on_the_counts() -> None:
    seen = [run(counts, 5, 1000) for counts in ([0, 0, 0], [999, 3, 502])]
    assert [vars(one.traffic) for one in seen[0]] == [vars(one.traffic) for one in seen[1]]
    assert [one.openings for runs in seen for one in runs] == [()] * 6


@pytest.mark.parametrize(("base", "bound"), [(0, 9), (-5, 9), (10, 2**40)])
def test_what_cannot_be_rounded_is_refused(base: int, bound: int) -> None:
    with pytest.raises(RangeError):
        rehearse(lambda session: nearest(session.input(np.zeros(2, dtype=np.int64), 0, bound=bound), base))
