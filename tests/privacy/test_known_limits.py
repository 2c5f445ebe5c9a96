"""What an analyst can learn under the default terms: each limit that docs/disclosure.md names, as an attack.

A test here that fails means that a limit is gone: move the attack to those that fail, and renew the document.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mpc.privacy.combinations import combinations
from parties.query.cohorts import _nearby
from tests.privacy.study import DEFAULTS, Study, category, dealt, number, schema_of
from tests.privacy.test_combinations import caught, flags_of

NUMBERS = schema_of(number("x", 0, 5000), category("ward", "a", "b"), name="numbers")


def numbers(*values: int, ward: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"x": values, "ward": ward})


# --- magnitudes: rule dominance ---------------------------------------------------------------------


def test_limit_a_difference_of_two_sums_may_be_dominated() -> None:
    """Both sums pass p %, their difference does not: learns the dominant x of ward a within 2 %."""
    rows = pd.concat([numbers(1000, *[1] * 20), numbers(*[300] * 30, ward="b")])
    asked = Study(NUMBERS, dealt(rows))
    assert Study(NUMBERS, dealt(rows)).values("sum:x", where="ward == 'a'")[0]["sum"] is None
    whole, rest = (asked.values("sum:x", where=where)[0]["sum"] for where in ("", "ward == 'b'"))
    assert abs(whole - rest - 1000) <= 20


@pytest.mark.parametrize("ones", [3, 19])
def test_limit_a_sum_of_zeros_and_ones_is_a_count(ones: int) -> None:
    """Learns that 3 of 20 have it, or 1 has it not, which a category would keep closed."""
    schema = schema_of(number("flag", 0, 1))
    rows = pd.DataFrame({"flag": [1] * ones + [0] * (20 - ones)})
    assert Study(schema, dealt(rows)).values("sum:flag")[0]["sum"] == ones
    few = f"flag == {int(ones < 10)}"
    assert Study(schema, dealt(rows), on_shares=False).values("count", where=few)[0]["count"] is None


def test_limit_many_percentiles_tell_the_values_in_the_middle() -> None:
    """Learns each value that has k records on either side, though not whose it is."""
    values = sorted(np.random.default_rng(3).choice(5000, 21, replace=False).tolist())
    asked = Study(NUMBERS, dealt(numbers(*values)))
    (told,) = asked.values("quantiles:x:" + ",".join(str(5 * step) for step in range(1, 20)))
    opened = [round(value) for name, value in told.items() if name.endswith("%") and value is not None]
    assert opened == values[5:-6]


# --- counts of gaps ---------------------------------------------------------------------------------


def test_limit_a_gap_tells_of_who_is_known_to_have_one() -> None:
    """Learns the secret of the only patient who lacks y, unless the schema has `missing_protected`."""
    rows = pd.DataFrame({"y": [None, *[1] * 39], "secret": ["yes", *["yes", "no"] * 19, "no"]}, dtype=object)
    for protected, missing in ((False, 1), (True, None)):
        schema = schema_of(
            number("y", 0, 9, complete=False, missing_protected=protected), category("secret", "no", "yes")
        )
        (values,) = Study(schema, dealt(rows)).values("mean:y", where="secret == 'yes'")
        assert (values["n"], values["missing"]) == (19, missing)


# --- what is not said  -------------------------------------------------------------------------------

AGES = schema_of(number("age", 0, 99), category("secret", "no", "yes"), name="ages")


def aged(*ages: int) -> Study:
    rows = pd.DataFrame({"age": [*ages, *range(60, 99)], "secret": "yes"})
    return Study(
        AGES, {"h0": rows.iloc[::2], "h1": rows.iloc[1::2]}, replace(DEFAULTS, allow_single_holder=True)
    )


def test_limit_closed_cells_single_out_the_members_of_a_cell_of_k() -> None:
    """A cell of five opens; without any one age it closes. Learns that each of five ages has one patient."""
    asked = aged(31, 32, 33, 34, 35)
    young = "age >= 31 and age <= 35"
    assert asked.values("count", where=young)[0]["count"] == 5
    for age in range(31, 36):
        assert asked.values("count", where=f"{young} and age != {age}")[0]["count"] is None


def test_limit_a_cell_that_all_members_of_a_known_group_fill() -> None:
    """Who knows that five patients are 31 to 35 learns that all of them have the secret."""
    assert aged(31, 32, 33, 34, 35).values("count", where="age <= 35 and secret == 'yes'")[0]["count"] == 5


@pytest.mark.parametrize("between", [0, 1, 4])
def test_a_refusal_says_the_same_of_none_and_of_a_few(between: int) -> None:
    """Learns that fewer than k are between two windows, as a closed cell says; not whether there is one."""
    asked = aged(*[20] * 10, *[31] * between)
    assert not asked.refuses("count", where="age <= 30")
    assert asked.refuses("count", where="age <= 31")


def test_limit_a_refusal_and_an_answer_tell_on_which_side_of_k_a_difference_is() -> None:
    """One bit a question: learns that 31 to 35 are fewer than five, and 31 to 36 are not."""
    asked = aged(*[20] * 10, 31, 32, 33, 34, *[36] * 3)
    assert not asked.refuses("count", where="age <= 30")
    assert asked.refuses("count", where="age <= 35")
    assert len(asked.answered) == 1, (
        "a refused question is not compared with; for the budget a node counts it"
    )
    assert not asked.refuses("count", where="age <= 36")


# --- who colludes -----------------------------------------------------------------------------------


def test_limit_analysts_of_two_studies_are_not_compared() -> None:
    """Each study is compared with itself: two analysts learn that one patient is 31."""
    first, second = (aged(*[20] * 10, 31).values("count", where=f"age <= {age}") for age in (30, 31))
    assert second[0]["count"] - first[0]["count"] == 1


def test_limit_two_colluding_holders_subtract_both_their_records() -> None:
    """Learn that the third has two: the minimum count stands beside any single holder's."""
    parts = {f"h{place}": numbers(*[7] * count) for place, count in enumerate((20, 20, 2))}
    assert Study(NUMBERS, parts).values("count")[0]["count"] - 20 - 20 == 2


# --- combinations that are many ---------------------------------------------------------------------


def shifted(bins: int) -> npt.NDArray[np.bool_]:
    """Bins of two atoms each, and the same bins shifted by one atom."""
    told = np.zeros((2 * bins - 1, 2 * bins), dtype=bool)
    for place in range(bins):
        told[place, 2 * place : 2 * place + 2] = True
    for place in range(bins - 1):
        told[bins + place, 2 * place + 1 : 2 * place + 3] = True
    return told


def missed(told: npt.NDArray[np.bool_], old: int, records: npt.NDArray[np.int64]) -> bool:
    """Whether nothing that is listed tells of few, though all cohorts are open."""
    assert (told @ records >= 5).all()
    chosen, _ = _nearby(told, (np.arange(len(told)) < old).tolist())  # of many, as the guard chooses them
    told = told[chosen]
    found = combinations(told, int((np.array(chosen) < old).sum()))
    return not caught(found, flags_of(found, np.ones(len(told), dtype=bool)), records, 5)


@pytest.mark.parametrize(("bins", "limit"), [(36, False), (40, True)])
def test_limit_two_histograms_of_many_bins_shifted_against_each_other(bins: int, limit: bool) -> None:
    """The first bins up to any edge, of both: learns how many are just there, from up to 80 cohorts.

    Nobody is in the lowest atom (no patient is below 18). Up to 36 bins the combination is listed.
    """
    records = np.where(np.arange(2 * bins) % 2 == 0, 7, 20)
    records[0], records[2 * (bins // 2)] = 0, 2
    told = shifted(bins)
    ends = told[: bins // 2].sum(0) - told[bins : bins + bins // 2].sum(0)
    assert ends @ records == -2
    assert missed(told, bins, records) == limit


@pytest.mark.parametrize(("length", "limit"), [(119, False), (121, True)])
def test_limit_a_long_cycle_of_cohorts(length: int, limit: bool) -> None:
    """Half the alternating sum of a cycle of unions of two is one atom; of over 120 not all are combined."""
    told = np.eye(length, dtype=bool) | np.roll(np.eye(length, dtype=bool), 1, axis=1)
    records = np.full(length, 6)
    records[0] = 3
    assert missed(told, length - 1, records) == limit
