"""What a node keeps of earlier questions: `parties.query.earlier.Recollection`."""

from __future__ import annotations

from parties.query.compile import compile_plan
from parties.query.earlier import Recollection
from tests.query.test_plans import SCHEMA, plan

NOW = compile_plan(plan("count"), SCHEMA)


def test_a_question_is_made_once() -> None:
    memory, asked = Recollection(), plan("mean:age")
    first, again = (memory.recall(bytes(32), asked, NOW, 2) for _ in range(2))
    assert first.question is not None
    assert first.question is again.question
    assert (first.current, first.cohorts, first.plan) == (True, 2, asked)


def test_plans_are_parsed_once() -> None:
    memory, data = Recollection(), plan("count").canonical()
    assert memory.plan(data) is memory.plan(bytes(bytearray(data)))


def test_a_plan_of_another_schema_or_version_is_no_question_of_these_rows() -> None:
    memory = Recollection()
    other = plan("count").model_copy(update={"schema_hash": "0" * 64})
    assert memory.recall(bytes(32), other, NOW, 1).question is None
    first, *rest = plan("count").holders
    parts = (first.model_copy(update={"version": 9}), *rest)
    moved = plan("count").model_copy(update={"holders": parts})
    assert not memory.recall(bytes([1]) * 32, moved, NOW, 1).current


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    memory = Recollection(most_cohorts=2)
    kept = {one: memory.recall(bytes([one]) * 32, plan("count"), NOW, 1).question for one in (1, 2)}
    assert memory.recall(bytes([1]) * 32, plan("count"), NOW, 1).question is kept[1]
    memory.recall(bytes([3]) * 32, plan("count"), NOW, 1)
    assert memory.recall(bytes([1]) * 32, plan("count"), NOW, 1).question is kept[1]
    assert memory.recall(bytes([2]) * 32, plan("count"), NOW, 1).question is not kept[2]
