"""What do the rules of disclosure cost?

`test_table`: a table of 100 cells from the holders' rows to what is sealed, as bare sums and through the
gate. `test_guard`: one more count beside 1,000 earlier cohorts of 10^5 rows: what every party makes of the
plans, what one holder counts of its rows, and what the parties compute on shares.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import mpc
from mpc.encoding import INTEGER
from mpc.privacy.terms import Differencing, Terms
from mpc.protocols.replicated.packages import share_input
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.statistics.rows import Rows
from parties.management.catalogue import Column, Kind, Schema
from parties.query.cohorts import guarded
from parties.query.compile import Question, compile_plan
from parties.query.filters import parse
from parties.query.plan import HolderPart, Plan
from parties.query.text import parse_statistic

HOLDERS, ROWS, EARLIER = 5, 100_000, 1_000
TERMS = Terms(minimum_count=5, p_percent=10, records_per_cohort=5)
LEVELS = tuple(f"l{number}" for number in range(10))
REPETITIONS = 5
SCHEMA = Schema(
    name="people",
    columns=(
        Column(name="age", kind=Kind.INTEGER, min=0, max=100, complete=True),
        *(Column(name=name, kind=Kind.CATEGORY, levels=LEVELS, complete=True) for name in ("site", "grade")),
    ),
)


def _question(level: Differencing, where: str = "", by: Sequence[str] = ()) -> Question:
    plan = Plan(
        consortium="0" * 64,
        nonce="1" * 32,
        created=0,
        expires=1,
        analyst="eve",
        recipient_key="2" * 64,
        dataset=SCHEMA.name,
        schema_hash=SCHEMA.hash,
        holders=tuple(HolderPart(name=f"h{place}", rows_at_most=ROWS) for place in range(HOLDERS)),
        where=parse(where) if where else None,
        group_by=tuple(by),
        statistics=(parse_statistic("count"),),
        differencing=int(level),  # type: ignore[arg-type]
    )
    return compile_plan(plan, SCHEMA)


def _rows(count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    words = {
        column.name: rng.integers(column.spec().lo, column.spec().hi, count, endpoint=True)
        for column in SCHEMA.columns
    }
    everywhere = np.ones(count, dtype=np.bool_)
    return Rows(count, words, dict.fromkeys(words, everywhere), everywhere)


def _filters(count: int) -> list[str]:
    """Stretches of age, half of them at one site, half of them of one grade."""
    drawn = random.Random(1)
    made = []
    for _ in range(count):
        low = drawn.randint(0, 80)
        parts = [f"age >= {low} and age < {low + drawn.randint(5, 20)}"]
        parts += [f"site == 'l{drawn.randint(0, 9)}'"] * drawn.randint(0, 1)
        parts += [f"grade == 'l{drawn.randint(0, 9)}'"] * drawn.randint(0, 1)
        made.append(" and ".join(parts))
    return made


def _computed(
    inputs: Sequence[dict[str, Any]], compute: Callable[[Session, list[dict[str, Any]]], Any]
) -> Any:
    """`compute` at three parties, from each holder's blocks."""
    shared = [{name: share_input(words) for name, words in blocks.items()} for blocks in inputs]

    def program(session: Session) -> Any:
        given = [
            {name: ReplicatedShare.of(made[session.party]) for name, made in blocks.items()}
            for blocks in shared
        ]
        return compute(session, given)

    return run_parties(program, strict=True)


@pytest.mark.parametrize("through", ["bare sums", "gate", "gate and guard"])
def test_table(benchmark: Any, through: str) -> None:
    level = Differencing.COMBINATIONS if through == "gate and guard" else Differencing.OFF
    question = guarded(_question(level, by=["site", "grade"]), [])
    rows = [_rows(ROWS // HOLDERS, holder) for holder in range(HOLDERS)]

    def bare(session: Session, given: list[dict[str, Any]]) -> Any:
        return mpc.stack([session.secret(one["counts"], INTEGER, ROWS) for one in given]).sum(0)

    def ruled(session: Session, given: list[dict[str, Any]]) -> Any:
        return question.query.on_shares(session, given, TERMS)[0].released.words

    def answer() -> Any:
        blocks = [question.query.at_holder(part, holder) for holder, part in enumerate(rows)]
        return _computed(blocks, bare if through == "bare sums" else ruled)

    runs = answer()
    benchmark.extra_info.update(rounds=runs[0].traffic.rounds, bytes_sent=runs[0].traffic.bytes_sent)
    benchmark.pedantic(answer, rounds=REPETITIONS)


@pytest.fixture(scope="module")
def asked() -> dict[Differencing, tuple[list[Question], Question]]:
    *before, now = _filters(EARLIER + 1)
    return {
        level: ([_question(level, where) for where in before], _question(level, now))
        for level in (Differencing.PAIRS, Differencing.COMBINATIONS)
    }


@pytest.mark.parametrize("part", ["plans", "holder", "shares"])
@pytest.mark.parametrize(
    "level", [Differencing.PAIRS, Differencing.COMBINATIONS], ids=["pairs", "combinations"]
)
def test_guard(benchmark: Any, asked: Any, level: Differencing, part: str) -> None:
    earlier, now = asked[level]
    everything = ([], EARLIER) if level == Differencing.PAIRS else (earlier, 0)

    def beside() -> Question:
        made = guarded(now, *everything)
        for layer in made.query.guard.layers if made.query.guard is not None else ():
            # made when they are asked for
            assert layer.pairs[0].size + layer.entries.rows + len(layer.crowded[1].families) >= 0
        return made

    question = beside()
    rows = [question.select(_rows(ROWS // HOLDERS, holder)) for holder in range(HOLDERS)]
    memories = []
    for own in rows:
        masks = np.concatenate([one.cohorts(own) for one in earlier])
        pairs = level == Differencing.PAIRS
        memories.append(
            question.query.remembering(own, masks[:0] if pairs else masks, masks if pairs else masks[:0])
        )
    if part == "plans":
        benchmark.pedantic(beside, rounds=REPETITIONS)
        return
    if part == "holder":
        benchmark.pedantic(question.query.at_holder, (rows[0], 0, memories[0]), rounds=REPETITIONS)
        return
    blocks = [
        question.query.at_holder(own, holder, memory)
        for holder, (own, memory) in enumerate(zip(rows, memories, strict=True))
    ]

    def compared(session: Session, given: list[dict[str, Any]]) -> Any:
        flags = session.public(np.ones(EARLIER, dtype=np.int64)).share
        return question.query.on_shares(session, given, TERMS, [flags])[1]

    runs = _computed(blocks, compared)
    benchmark.extra_info.update(rounds=runs[0].traffic.rounds, bytes_sent=runs[0].traffic.bytes_sent)
    benchmark.pedantic(_computed, (blocks, compared), rounds=REPETITIONS)
