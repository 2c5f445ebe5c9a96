"""Random policies, tables and sequences of counts and means: who sees all that opens determines no protected
count and nobody's value, nor what fewer than k together have."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mpc.errors import TooClose
from mpc.privacy.terms import Differencing, Terms
from tests.privacy.attacker import Attacker
from tests.privacy.study import DEFAULTS, Study, category, encoded, number, schema_of

P, Q = ("a", "b", "c"), ("x", "y")
SCHEMA = schema_of(
    category("p", *P), category("q", *Q), number("u", 0, 1000), number("v", 0, 1000, complete=False)
)
#: Each with a value of v and without.
CELLS = list(product(P, Q, (True, False)))
KNOWN = np.array([cell[2] for cell in CELLS])
FILTERS = [
    "", *(f"p == '{level}'" for level in P), *(f"p != '{level}'" for level in P), "q == 'x'", "q != 'x'",
    *(f"p == '{one}' or q == '{two}'" for one, two in product(P, Q)), "missing(v) or q == 'y'",
]  # fmt: skip
QUESTIONS = st.tuples(
    st.sampled_from(["count", "mean:u", "mean:v", "correlation:u,v"]), st.sampled_from(FILTERS),
    st.sampled_from([(), (), ("p",), ("q",)]),
)  # fmt: skip
POLICIES = st.builds(
    Terms, minimum_count=st.sampled_from([2, 3, 5]), allow_single_holder=st.booleans(),
    p_percent=st.sampled_from([0, 10]), round_to=st.sampled_from([1, 1, 3, 5]),
    differencing=st.just(Differencing.COMBINATIONS),
)  # fmt: skip
COUNTS = st.lists(
    st.lists(st.sampled_from([0, 1, 2, 4, 7]), min_size=12, max_size=12), min_size=2, max_size=3
)


def hospitals(counts: list[list[int]]) -> dict[str, pd.DataFrame]:
    """By their counts a cell."""
    rng, made = np.random.default_rng(5), {}
    for place, own in enumerate(counts):
        cells = [cell for cell, count in zip(CELLS, own, strict=True) for _ in range(count)]
        rows = pd.DataFrame(cells, columns=["p", "q", "v"])
        rows["u"] = rng.integers(100, 900, len(rows))
        rows["v"] = pd.Series(rng.integers(100, 900, len(rows)), dtype=object).where(rows.v.astype(bool))
        made[f"h{place}"] = rows
    return made


def points() -> Any:
    """One row a cell."""
    rows = pd.DataFrame([{"p": p, "q": q, "u": 1, "v": 1 if known else None} for p, q, known in CELLS])
    return encoded(rows.astype({"v": object}), SCHEMA)


class Eve:
    """Adds up all counts that opened by integer programming, and all sums by linear algebra."""

    def __init__(self, study: Study) -> None:
        self.study, self.counts = study, Attacker(len(CELLS), 60)
        self.sums: dict[str, list[np.ndarray]] = {"u": [], "v": []}
        self.closed: list[np.ndarray] = []
        self.opened: set[bytes] = set()

    def asks(self, statistic: str, where: str, by: tuple[str, ...]) -> None:
        try:
            (outcomes,) = self.study.ask(statistic, where=where, by=by)
        except TooClose:
            return
        question = self.study.answered[-1]
        groups = dict(zip(question.query.groups, question.cohorts(points()), strict=True))
        for one in outcomes:
            group, values = groups[one.group], dict(one.values)
            cohort = group & KNOWN if "v" in statistic else group  # whose values open
            if statistic.startswith("correlation"):
                if next(iter(values.values())) is not None:
                    self.sums["u"].append(cohort)
                    self.sums["v"].append(cohort)
                continue
            size = values["count"] if statistic == "count" else values["n"]
            if size is None:
                self.closed.append(cohort)
                continue
            self.counts.learns(cohort, size, self.study.terms.round_to)
            if self.study.terms.round_to == 1:
                self.opened.add(cohort.tobytes())
            if statistic == "mean:v" and values["missing"] is not None:
                self.counts.learns(group & ~KNOWN, values["missing"])
            if values.get("mean") is not None:
                self.sums[statistic[-1]].append(cohort)

    def sizes(self) -> np.ndarray:
        """Of each cell, pooled."""
        rows = pd.concat(self.study.parts.values())
        return np.array(
            [int(((rows.p == p) & (rows.q == q) & (rows.v.notna() == known)).sum()) for p, q, known in CELLS]
        )

    def finds(self) -> list[tuple[str, Any]]:
        """Protected counts, and sums over fewer than k records, that she determines.

        How many lack v is nobody's secret, so what is wanted holds a record that has it. Nor is a count that
        opened, though it may stay closed elsewhere, for the sake of a cell beside it.
        """
        true, k = self.sizes(), self.study.terms.minimum_count
        small = [np.arange(len(CELLS)) // 2 == cell for cell in range(len(CELLS) // 2)]
        wanted = [
            *(
                cohort
                for cohort in self.closed
                if true[cohort & KNOWN].sum() and cohort.tobytes() not in self.opened
            ),
            *(cohort for cohort in small if 0 < true[cohort].sum() < k and true[cohort & KNOWN].sum()),
        ]
        found: list[tuple[str, Any]] = [
            ("count", np.flatnonzero(cohort)) for cohort in wanted if self.counts.determines(cohort)
        ]
        for column, told in self.sums.items():
            inhabited = true > 0
            basis = np.array(told, dtype=float).reshape(-1, len(CELLS))[:, inhabited]
            for cell in np.flatnonzero(inhabited & (true < k)):
                target = (np.arange(len(CELLS)) == cell)[inhabited].astype(float)
                if np.linalg.matrix_rank(np.vstack([basis, target])) == np.linalg.matrix_rank(basis):
                    found.append((column, cell))
        return found


def check(counts: list[list[int]], terms: Terms, questions: list[tuple[str, str, tuple[str, ...]]]) -> Eve:
    eve = Eve(Study(SCHEMA, hospitals(counts), terms, on_shares=False))
    for question in questions:
        eve.asks(*question)
    return eve


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(counts=COUNTS, terms=POLICIES, questions=st.lists(QUESTIONS, min_size=2, max_size=5))
@example(  # of those in q == 'x' that the filter selects nobody has a v, so that n opens as that of q == 'y'
    counts=[[*[0] * 10, 2, 0], [*[0] * 8, 2, 0, 0, 2], [*[0] * 8, 2, 0, 2, 2]],
    terms=Terms(minimum_count=2, differencing=Differencing.COMBINATIONS),
    questions=[("mean:v", "missing(v) or q == 'y'", by) for by in ((), ("q",))],
)
def test_no_policy_lets_a_sequence_tell(
    counts: list[list[int]], terms: Terms, questions: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert check(counts, terms, questions).finds() == []


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(counts=COUNTS, terms=POLICIES, questions=st.lists(QUESTIONS, min_size=3, max_size=7))
def test_no_policy_lets_a_longer_sequence_tell(
    counts: list[list[int]], terms: Terms, questions: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert check(counts, terms, questions).finds() == []


@pytest.mark.parametrize("statistic", ["count", "mean:u", "mean:v"])
def test_without_differencing_it_does(statistic: str) -> None:
    """So that the tests above can fail: all, and all but the one or two of a cell."""
    counts = [[1, 0, *[7] * 10], [0, 0, *[7] * 10]]
    questions = [(statistic, "p == 'a' or q == 'x'", ()), (statistic, "p != 'a'", ()), (statistic, "", ())]
    questions += [(statistic, "p != 'a' or q == 'y'", ()), ("count", "p == 'a'", ("q",))]
    loose = replace(DEFAULTS, differencing=Differencing.OFF)
    assert check(counts, loose, questions).finds() != []
    assert check(counts, DEFAULTS, questions).finds() == []
