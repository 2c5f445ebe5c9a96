"""Random tables, policies and sequences of questions: who sees all that opens determines no protected
count."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.errors import TooClose
from mpc.privacy.terms import Differencing, Terms
from tests.privacy.attacker import Attacker
from tests.privacy.study import DEFAULTS, Study, categories, encoded

A, B = ("a", "b", "c"), ("x", "y")
SCHEMA = categories(p=A, q=B)
CELLS = list(product(A, B))
FILTERS = [
    "", *(f"p == '{level}'" for level in A), *(f"p != '{level}'" for level in A), "q == 'x'", "q != 'x'",
    *(f"p == '{one}' and q == '{two}'" for one, two in CELLS),
    *(f"p == '{one}' or q == '{two}'" for one, two in CELLS),
]  # fmt: skip
GROUPS: list[tuple[str, ...]] = [(), (), ("p",), ("q",), ("p", "q")]
QUESTIONS = st.tuples(st.sampled_from(FILTERS), st.sampled_from(GROUPS))


def population(counts: list[list[int]]) -> dict[str, pd.DataFrame]:
    """Hospitals by their counts a cell."""
    return {
        f"h{number}": pd.DataFrame(
            [{"p": p, "q": q} for (p, q), n in zip(CELLS, own, strict=True) for _ in range(n)],
            columns=["p", "q"],
        )
        for number, own in enumerate(counts)
    }


def atoms() -> Any:
    """One row a cell."""
    return encoded(pd.DataFrame([{"p": p, "q": q} for p, q in CELLS]), SCHEMA)


def played(study: Study, questions: list[tuple[str, tuple[str, ...]]]) -> tuple[Attacker, list[Any], int]:
    """What an attacker learns who asks all that; the cohorts that stayed closed; how many were refused."""
    attacker, closed, refused = Attacker(len(CELLS), 1000), [], 0
    for where, by in questions:
        try:
            values = study.values("count", where=where, by=by)
        except TooClose:
            refused += 1
            continue
        cohorts = study.answered[-1].cohorts(atoms())
        for cohort, value in zip(cohorts, values, strict=True):
            if value["count"] is None:
                closed.append(cohort)
            else:
                attacker.learns(cohort, value["count"])
    return attacker, closed, refused


def sizes(study: Study) -> np.ndarray:
    """Of each cell, pooled."""
    return np.sum(
        [[((part.p == p) & (part.q == q)).sum() for p, q in CELLS] for part in study.parts.values()], 0
    )


def found_out(study: Study, attacker: Attacker, closed: list[Any]) -> list[tuple[int, ...]]:
    """The protected cohorts that the attacker determines.

    What stayed closed, and cells and levels of 1 to k - 1 records.
    """
    true = sizes(study)
    natural = [np.arange(len(CELLS)) == cell for cell in range(len(CELLS))]
    natural += [np.array([level in cell for cell in CELLS]) for level in (*A, *B)]
    small = [cohort for cohort in natural if 0 < true[cohort].sum() < study.terms.minimum_count]
    opened = [told.astype(bool).tolist() for told in attacker.told]
    wanted = [cohort for cohort in (*closed, *small) if cohort.any() and cohort.tolist() not in opened]
    return [tuple(np.flatnonzero(cohort)) for cohort in wanted if attacker.determines(cohort)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    counts=st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=3, max_size=3),
    questions=st.lists(QUESTIONS, min_size=2, max_size=6),
    k=st.sampled_from([2, 3, 5, 8]),
)
def test_no_protected_count_is_determined(
    counts: list[list[int]], questions: list[tuple[str, tuple[str, ...]]], k: int
) -> None:
    study = Study(SCHEMA, population(counts), replace(DEFAULTS, minimum_count=k), on_shares=False)
    attacker, closed, _ = played(study, questions)
    assert found_out(study, attacker, closed) == []


@pytest.mark.parametrize("differencing", list(Differencing))
def test_without_the_rules_it_does(differencing: Differencing) -> None:
    """So that the test above can fail: a total and a table with a small cell, asked apart."""
    counts = [[1, 1, 9, 9, 9, 9], [1, 0, 9, 9, 9, 9], [0, 0, 9, 9, 9, 9]]
    questions: list[tuple[str, tuple[str, ...]]] = [("p == 'a'", ()), ("p != 'a'", ("p",)), ("", ())]
    study = Study(SCHEMA, population(counts), Terms(minimum_count=5, differencing=differencing))
    attacker, closed, refused = played(study, questions)
    assert bool(found_out(study, attacker, closed)) == (differencing != Differencing.COMBINATIONS)
    assert refused == (differencing == Differencing.COMBINATIONS)
