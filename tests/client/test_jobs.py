"""A job's prediction: made once, beside the parties' work, and never in the way of a result."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import pytest

from mpc.errors import RangeError
from mpc.statistics.results import Facts, Predicted, Spent, TableResult
from parties.client import job as jobs
from parties.client.job import Home, Job
from parties.query.compile import compile_plan
from parties.query.prediction import Link, Outlook
from tests.query.test_plans import SCHEMA, plan
from tests.query.test_predictions import POLICIES

SPENT = Spent(0.314, 16, {"alice": 1836, "bob": 1512})


def asked(outlook: Outlook | None) -> Job:
    made = plan("count")
    return Job(cast("Home", None), made, made.hash, compile_plan(made, SCHEMA), outlook)


def outlook() -> Outlook:
    return Outlook(POLICIES["alice"], POLICIES, (Link("alice", "bob", 0.001, 1e8),))


def result_of(job: Job) -> TableResult:
    job._foresee()
    return TableResult("count", [], (), Facts(SPENT, ("alice",), foresight=job._foresight))


def test_what_was_predicted_is_printed_beside_the_fact() -> None:
    made = result_of(asked(outlook()))
    told = made.predicted
    assert told is not None
    assert made.took == (
        f"[took 0.31 s (predicted {told.seconds:.2f}), 16 rounds (at most {told.rounds}), "
        f"1.8 kB ({told.bytes_sent / 1000:.1f}) sent by the busiest party; holders: alice]"
    )


def test_a_job_of_another_process_has_no_prediction() -> None:
    made = result_of(asked(None))
    assert made.predicted is None
    assert made.took == "[took 0.31 s, 16 rounds, 1.8 kB sent by the busiest party; holders: alice]"


def test_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(jobs, "predict", lambda *given: calls.append(given) or Predicted(None, 1, 8))
    job = asked(outlook())
    assert result_of(job).predicted == result_of(job).predicted == Predicted(None, 1, 8)
    assert "predicted" not in result_of(job).took  # no way was measured
    assert len(calls) == 1


def test_what_cannot_be_predicted_keeps_no_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise RangeError("It leaves the ring.")

    monkeypatch.setattr(jobs, "predict", refuse)
    assert result_of(asked(outlook())).predicted is None
