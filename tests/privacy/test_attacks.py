"""Attacks of the literature on statistical databases, each with the rules that stop it and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc.errors import TooClose
from mpc.privacy.terms import Differencing, Terms
from tests.privacy.attacker import Attacker
from tests.privacy.study import DEFAULTS, Study, category, dealt, encoded, number, schema_of

SLOW = pytest.mark.slow
#: The minimum count alone, as most services have it.
MINIMUM_COUNT_ALONE = Terms(minimum_count=5, differencing=Differencing.OFF)
SCHEMA = schema_of(
    number("age", 20, 99), number("x", 0, 5000), number("y", 0, 9, complete=False),
    category("sex", "f", "m"), category("ward", "a", "b", "c"), category("secret", "no", "yes"),
)  # fmt: skip
#: The only patient aged 97: the value of x, and the secret.
TARGET = {"age": 97, "x": 1234, "y": None, "sex": "f", "ward": "a", "secret": "yes"}


def patients(count: int = 119) -> pd.DataFrame:
    """Patients of 20 to 89, one of them of each multiple of ten; and the one aged 97, who alone lacks y."""
    rng = np.random.default_rng(11)
    ages = [age for age in rng.integers(20, 90, 4 * count) if age % 10][: count - 7] + list(range(20, 90, 10))
    others = pd.DataFrame(
        {
            "age": ages, "x": rng.integers(800, 1600, count), "y": rng.integers(0, 10, count),
            "sex": rng.choice(["f", "m"], count), "ward": rng.choice(["a", "b", "c"], count),
            "secret": rng.choice(["no", "yes"], count),
        }
    )  # fmt: skip
    made = pd.concat([others.astype({"y": object}), pd.DataFrame([TARGET])], ignore_index=True)
    return made.sample(frac=1, random_state=1)


PATIENTS = patients()


def study(terms: Terms = DEFAULTS, **how: Any) -> Study:
    return Study(SCHEMA, dealt(PATIENTS), terms, **how)


def last_is_refused(questions: Sequence[tuple[str, str]]) -> bool:
    """Whether under the default terms all questions but the last are answered."""
    asked = study()
    return not any(asked.refuses(what, where=where) for what, where in questions[:-1]) and asked.refuses(
        questions[-1][0], where=questions[-1][1]
    )


# ------------------------------------------------------------------------------------------ differencing


def test_a_count_with_and_without_one_patient() -> None:
    """Learns whether the patient aged 97 has the secret."""
    questions = [("count", "secret == 'yes'"), ("count", "secret == 'yes' and age != 97")]
    told = study(MINIMUM_COUNT_ALONE)
    whole, rest = (told.values(what, where=where)[0]["count"] for what, where in questions)
    assert whole - rest == 1
    assert last_is_refused(questions)


@pytest.mark.parametrize("statistic", ["sum:x", "mean:x"])
def test_a_sum_with_and_without_one_patient(statistic: str) -> None:
    """Learns the patient's x, exactly."""
    questions = [(statistic, ""), (statistic, "age < 97")]
    told = study(MINIMUM_COUNT_ALONE)
    whole, rest = (told.values(what, where=where)[0] for what, where in questions)
    kind = statistic.split(":", maxsplit=1)[0]
    totals = [one[kind] * (one["n"] if kind == "mean" else 1) for one in (whole, rest)]
    assert round(totals[0] - totals[1]) == TARGET["x"]
    assert last_is_refused(questions)


def test_thresholds_one_year_apart() -> None:
    """Learns how many are 50: one."""
    questions = [("count", "age >= 50"), ("count", "age >= 51")]
    told = study(MINIMUM_COUNT_ALONE)
    first, second = (told.values(what, where=where)[0]["count"] for what, where in questions)
    assert first - second == 1
    assert last_is_refused(questions)


@pytest.mark.parametrize("shifted", ["distribution:age:12", "histogram:age:20,31,41,51,61,71,99"])
def test_bins_with_shifted_edges(shifted: str) -> None:
    """Learns how many are exactly 30, 40, 50 and 60, though no bin of one year was asked."""
    questions = [("histogram:age:20,30,40,50,60,70,99", ""), ("histogram:age:20,31,41,51,61,71,99", "")]
    told, attacker = study(MINIMUM_COUNT_ALONE), Attacker(80, 100)
    years = encoded(PATIENTS.iloc[[0] * 80].assign(age=range(20, 100)), SCHEMA)
    for what, where in questions:
        (values,) = told.values(what, where=where)
        for cohort, count in zip(told.answered[-1].cohorts(years), values.values(), strict=True):
            attacker.learns(cohort, count)
    for age in (30, 40, 50, 60):
        assert attacker.range_of(np.arange(20, 100) == age) == (1, 1)
    asked = study()
    assert not asked.refuses(questions[0][0])
    assert asked.refuses(shifted)


def test_a_sum_over_those_with_a_value_of_another_column() -> None:
    """Learns x of the only patient who lacks y. Both counts open: how many lack a value is told anyway."""
    questions = [("sum:x", ""), ("sum:x", "not missing(y)")]
    told = study(MINIMUM_COUNT_ALONE)
    whole, rest = (told.values(what, where=where)[0]["sum"] for what, where in questions)
    assert whole - rest == TARGET["x"]
    assert last_is_refused(questions)
    asked = study()
    assert not asked.refuses("correlation:x,y"), "by itself it tells of many"
    assert asked.refuses("sum:x"), "its sums of x are over those who have both"


# ---------------------------------------------------------------------------------------------- trackers

#: The patient with the secret, by what an outsider knows of him.
C = "age == 97 and secret == 'yes'"
TRACKERS = {
    # C = A and B; the tracker is A and not B (Schlörer 1975)
    "individual": [(1, "age >= 60"), (-1, f"age >= 60 and not ({C})")],
    # (C or T) + (C or not T) - T - not T (Denning, Denning and Schwartz 1979)
    "general": [
        (-1, "sex == 'f'"), (-1, "not (sex == 'f')"),
        (1, f"({C}) or sex == 'f'"), (1, f"({C}) or not (sex == 'f')"),
    ],
    # U + (C or T) - T - (U and not (C and T)), T within U
    "double": [
        (-1, "ward == 'a'"), (1, "ward == 'a' or ward == 'b'"), (1, f"({C}) or ward == 'a'"),
        (-1, f"(ward == 'a' or ward == 'b') and not (({C}) and ward == 'a')"),
    ],
    # A and B and C by inclusion and exclusion, without an `and` in any question
    "padding": [
        (1, "age >= 97 or ward == 'a' or secret == 'yes'"), (1, "ward == 'a'"), (1, "secret == 'yes'"),
        (-1, "age >= 97 or ward == 'a'"), (-1, "age >= 97 or secret == 'yes'"),
        (-1, "ward == 'a' or secret == 'yes'"), (1, ""), (-1, "age < 97"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("tracker", TRACKERS)
def test_trackers(tracker: str) -> None:
    """Each adds up to whether the only patient of 97 has the secret."""
    terms = TRACKERS[tracker]
    told = study(MINIMUM_COUNT_ALONE)
    total = sum(sign * told.values("count", where=where)[0]["count"] for sign, where in terms)
    assert total == 1
    asked = study()
    assert any(asked.refuses("count", where=where) for _, where in terms)


# ------------------------------------------------------------------------------------- tables and totals

AXES = {"p": ("a", "b"), "q": ("x", "y"), "r": ("0", "1")}
TABLE = schema_of(*(category(name, *levels) for name, levels in AXES.items()), number("z", 0, 1))
MARGINS: list[tuple[str, ...]] = [
    (),
    ("p",),
    ("q",),
    ("r",),
    ("p", "q"),
    ("p", "r"),
    ("q", "r"),
    ("p", "q", "r"),
]


def cells() -> pd.DataFrame:
    """One row a cell."""
    levels = pd.MultiIndex.from_product([*AXES.values(), (0, 1)], names=[*AXES, "z"])
    return levels.to_frame(index=False)


def tabulated(seed: int, terms: Terms, margins: Sequence[tuple[str, ...]], statistic: str) -> list[int]:
    """The closed cells, of those asked, that who sees the table and these margins determines."""
    rng = np.random.default_rng(seed)
    every = cells()
    counts = rng.choice([0, 1, 2, 4, 9, 14], len(every))
    people = every.loc[every.index.repeat(counts)].sample(frac=1, random_state=seed)
    asked = Study(TABLE, dealt(people), terms, on_shares=False)
    attacker, closed = Attacker(len(every), 20), []
    for by in margins:
        try:
            values = asked.ask(statistic, *(["count"] if statistic != "count" else []), by=by)
        except TooClose:
            continue
        sizes = [size for group in zip(*values, strict=True) for one in group for size in one.values.values()]
        for cohort, size in zip(asked.answered[-1].cohorts(encoded(every, TABLE)), sizes, strict=True):
            if size is None:
                closed.append(cohort)
            else:
                attacker.learns(cohort, size)
    return [
        int(counts[cohort].sum())
        for cohort in closed
        if attacker.determines(cohort) and 0 < counts[cohort].sum() < terms.minimum_count
    ]


@pytest.mark.parametrize(
    ("statistic", "tables"),
    [("count", 2), pytest.param("count", 12, marks=SLOW), pytest.param("histogram:z:2", 6, marks=SLOW)],
)
@pytest.mark.parametrize("order", [1, -1], ids=["totals first", "tables first"])
def test_tables_and_their_margins(order: int, statistic: str, tables: int) -> None:
    """Learns suppressed cells of tables in one, two and three dimensions from their margins."""
    margins = MARGINS[::order]
    assert any(tabulated(seed, MINIMUM_COUNT_ALONE, margins, statistic) for seed in range(tables))
    for seed in range(tables):
        assert tabulated(seed, DEFAULTS, margins, statistic) == []


# -------------------------------------------------------------------------------------- who holds records

HELD = schema_of(number("x", 0, 5000), category("ward", "a", "b"))


def held(*parts: list[int]) -> dict[str, pd.DataFrame]:
    """Hospitals by their values of x, all on ward a."""
    return {f"h{place}": pd.DataFrame({"x": own, "ward": "a"}) for place, own in enumerate(parts)}


@pytest.mark.parametrize("others", range(1, 8))
def test_an_analyst_of_the_largest_hospital_subtracts_its_count(others: int) -> None:
    """Learns how many patients all other hospitals have: if the cell opens, at least five."""
    parts = held([10] * 40, [10] * others, [])
    alone = Study(HELD, parts, replace(MINIMUM_COUNT_ALONE, allow_single_holder=True))
    assert alone.values("count")[0]["count"] - 40 == others
    opened = Study(HELD, parts).values("count")[0]["count"]
    assert opened == (None if others < 5 else 40 + others)


def test_an_analyst_of_the_largest_hospital_estimates_the_largest_record_of_the_others() -> None:
    """Learns x of the one patient who makes up most of what the others have, within 1 %."""
    parts = held([100] * 40, [3000, 1, 2], [4, 5, 6, 3])
    told = Study(HELD, parts, MINIMUM_COUNT_ALONE).values("sum:x")[0]
    assert abs((told["sum"] - 4000) - 3000) / 3000 < 0.01
    (values,) = Study(HELD, parts).values("sum:x")
    assert values == {"n": 47, "missing": 0, "sum": None}, "the count opens, the sum does not"


def test_all_hospitals_and_then_all_but_one() -> None:
    """Learns one hospital's own count and sum."""
    parts = held([100] * 12, [200] * 12, [300] * 12)
    told = Study(HELD, parts, MINIMUM_COUNT_ALONE)
    whole, rest = told.values("sum:x")[0], told.values("sum:x", at=("h0", "h1"))[0]
    assert (whole["n"] - rest["n"], whole["sum"] - rest["sum"]) == (12, 3600)
    asked = Study(HELD, parts)
    assert not asked.refuses("sum:x")
    assert asked.refuses("sum:x", at=("h0", "h1"))
    assert asked.refuses("count", at=("h0", "h2"))


def test_one_hospital_alone() -> None:
    """Learns one hospital's own count, unless every holder lets a single one suffice."""
    parts = held([100] * 12, [200] * 12, [300] * 12)
    assert Study(HELD, parts).values("count", at=("h1",))[0]["count"] is None
    allowed = replace(DEFAULTS, allow_single_holder=True)
    assert Study(HELD, parts, allowed).values("count", at=("h1",))[0]["count"] == 12
    assert (DEFAULTS & allowed).allow_single_holder is False, "one holder that forbids it is enough"


def test_some_of_five_hospitals_after_all_of_them() -> None:
    """Two that are left out have 24 records, 12 beside either's; one would be told alone."""
    rows = pd.DataFrame({"age": [40 + place % 7 for place in range(60)]})
    asked = Study(schema_of(number("age", 0, 99)), dealt(rows, 5))
    assert asked.values("mean:age")[0]["n"] == 60
    three = pd.concat([asked.parts[name] for name in ("h0", "h1", "h2")]).age
    (values,) = asked.values("mean:age", at=("h0", "h1", "h2"))
    assert (values["n"], values["mean"]) == (36, pytest.approx(three.mean(), rel=1e-12))
    assert asked.refuses("mean:age", at=("h0", "h1", "h2", "h3"))
    assert not asked.refuses("mean:age", where="age < 44", at=("h0", "h3", "h4"))
