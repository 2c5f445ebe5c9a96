"""Reconstruction of a secret bit from counts of random subsets (Dinur and Nissim, PODS 2003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, lsq_linear, milp

from mpc.errors import TooClose
from mpc.privacy.terms import Differencing, Terms
from tests.privacy.study import DEFAULTS, Study, category, dealt, number, schema_of

Subsets = npt.NDArray[np.float64]
#: Answers, of least squares, after which 95 % of the bits are right, by records: docs/disclosure.md has them.
NEEDED = {50: 25, 100: 46, 200: 96}


def study(records: int, seed: int) -> Study:
    """Patients with a number that a filter may name, four in ten of them with the secret."""
    rng = np.random.default_rng(seed)
    secret = rng.choice(["no", "yes"], records, p=[0.6, 0.4])
    rows = pd.DataFrame({"id": range(records), "secret": secret}).sample(frac=1, random_state=seed)
    schema = schema_of(number("id", 0, records - 1), category("secret", "no", "yes"))
    return Study(schema, dealt(rows), replace(DEFAULTS, records_per_cohort=5), on_shares=False)


def secrets(asked: Study) -> npt.NDArray[np.bool_]:
    """The bits, by number."""
    pooled = pd.concat(asked.parts.values()).sort_values("id")
    return pooled.secret.eq("yes").to_numpy(bool)


def filter_of(subset: Sequence[int]) -> str:
    return f"id in [{', '.join(map(str, subset))}] and secret == 'yes'"


def random_subsets(records: int, seed: int) -> Subsets:
    """More of them than anybody needs."""
    return (np.random.default_rng(seed).random((records, records)) < 0.5).astype(float)


def right(subsets: Subsets, answers: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    """The share of bits that least squares within [0, 1] and rounding get right."""
    found = lsq_linear(subsets, answers, bounds=(0, 1)).x
    return float(((found > 0.5) == truth).mean())


@cache
def needed(records: int, seed: int) -> int:
    """How many exact answers it takes until 95 % are right."""
    truth = np.random.default_rng(seed).random(records) < 0.4
    subsets = random_subsets(records, seed + 1000)
    return next(
        count
        for count in range(records // 4, records, max(1, records // 50))
        if right(subsets[:count], subsets[:count] @ truth, truth) >= 0.95
    )


def test_what_is_simulated_is_what_opens() -> None:
    """Exact answers by matrices are those of questions, so that thousands need not be asked."""
    asked = study(40, 1)
    asked.terms = Terms(differencing=Differencing.OFF, allow_single_holder=True)
    truth, rows = secrets(asked), [asked.rows(name) for name in asked.parts]
    for subset in random_subsets(40, 2)[:6]:
        where = filter_of(np.flatnonzero(subset).tolist())
        (masks,) = zip(*(asked.question("count", where=where).cohorts(one) for one in rows), strict=True)
        pooled = sum(int(mask.sum()) for mask in masks)
        assert pooled == subset @ truth == asked.values("count", where=where)[0]["count"]


@pytest.mark.parametrize(
    "records", [50, pytest.param(100, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.slow)]
)
def test_half_as_many_exact_answers_as_records_tell_them_all(records: int) -> None:
    """Learns 95 % of the secrets from about n / 2 answers. The number is what docs/disclosure.md says."""
    counts = sorted(needed(records, seed) for seed in range(5))
    assert abs(counts[2] - NEEDED[records]) <= records // 10


def test_whole_numbers_need_no_more_than_coin_weighing() -> None:
    """Learns every secret of 50 from 22 answers; 2 n / log2 n are 18 (Lindström 1965)."""
    truth = np.random.default_rng(1).random(50) < 0.4
    subsets = random_subsets(50, 1)[:22]
    answers = subsets @ truth
    found = milp(
        np.zeros(50), constraints=LinearConstraint(subsets, answers, answers), integrality=np.ones(50),
        bounds=Bounds(0, 1),
    )  # fmt: skip
    assert np.array_equal(found.x > 0.5, truth)


def played(asked: Study, subsets: Subsets) -> tuple[int, int, float, float]:
    """How many were answered and how many refused; which share the attacker then gets right; the majority."""
    truth = secrets(asked)[: subsets.shape[1]]
    known, answers, refused = [], [], 0
    for subset in subsets:
        try:
            (values,) = asked.values("count", where=filter_of(np.flatnonzero(subset).tolist()))
        except TooClose:
            refused += 1
            continue
        if values["count"] is not None:
            known.append(subset)
            answers.append(float(values["count"]))
    share = right(np.array(known), np.array(answers), truth) if known else 0.0
    return len(asked.answered), refused, share, max(truth.mean(), 1 - truth.mean())


def test_the_budget_ends_it_before() -> None:
    """Of 100 records 20 cohorts: what they tell is little more than that most have no secret."""
    answered, refused, share, majority = played(study(100, 0), random_subsets(100, 1000)[:24])
    assert answered <= 20
    assert answered + refused == 24
    assert share <= majority + 0.2


def test_differences_end_it_where_the_budget_is_large() -> None:
    """Of 40 records among 600, which have a budget of 120: a few subsets are let through."""
    answered, refused, share, majority = played(study(600, 0), random_subsets(40, 1)[:12])
    assert answered <= 6 <= refused
    assert share <= majority + 0.15


def test_the_budget_of_a_region_ends_it_in_a_large_study() -> None:
    """Of 1000 records the budget is 200 cohorts, but of the 40 that these cohorts tell apart it is 8."""
    asked = study(1000, 0)
    answered, refused, share, majority = played(asked, random_subsets(40, 1)[:12])
    assert answered <= 8
    assert answered + refused == 12
    assert share <= majority + 0.15
    asked.terms = replace(asked.terms, differencing=Differencing.OFF, records_per_cohort=0)
    asked.answered.clear()
    _, refused, share, _ = played(asked, random_subsets(40, 1)[:30])
    assert refused == 0
    assert share >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["", " or id >= 500"])
def test_a_tenth_of_the_records_is_not_reconstructed(padding: str) -> None:
    """60 answers would tell 100 secrets; nor behind other questions, nor with half of all records added."""
    asked, subsets = study(1000, 0), random_subsets(100, 1)[:60]
    for where in ("id >= 500", "id < 300 and secret == 'yes'", "id >= 700 and secret == 'yes'", "id >= 200"):
        asked.values("count", where=where)
    truth, known, answers = secrets(asked)[:100], [], []
    for subset in subsets:
        where = f"({filter_of(np.flatnonzero(subset).tolist())}){padding}"
        if not asked.refuses("count", where=where):
            known.append(subset)
            answers.append(subset @ truth)  # which is what opens: the first test
    assert len(known) <= 20
    assert right(np.array(known), np.array(answers), truth) <= max(truth.mean(), 1 - truth.mean()) + 0.15
