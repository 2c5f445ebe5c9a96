"""Earlier questions, with which a new one is compared before it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc.statistics.rows import Mask, Rows
from parties.query.compile import Question
from parties.query.plan import Plan
from parties.query.validation import make_question


@dataclass(frozen=True)
class Earlier:
    """A question that may have been answered, as all parties and holders agree.

    `question`: what it asked, if it was made for the present schema. `current`: all holders that are in both
    plans still have the data that it was asked of. `minimum_count`: the k of its answer; None at a holder.
    """

    plan_hash: bytes
    plan: Plan
    question: Question | None
    current: bool
    minimum_count: int | None = None


def recall(plan_hash: bytes, plan: Plan, now: Question, minimum_count: int | None = None) -> Earlier:
    """An earlier plan beside the question that is asked `now`.

    Raises what `make_question` raises, for a plan that this version no longer understands.
    """
    question = make_question(plan, now.schema) if plan.schema_hash == now.schema.hash else None
    versions = {part.name: part.version for part in now.plan.holders}
    current = all(versions.get(part.name, part.version) == part.version for part in plan.holders)
    return Earlier(plan_hash, plan, question, current, minimum_count)


def beside(question: Question, earlier: Sequence[Earlier]) -> Question:
    """The question whose query also compares its cohorts with those of the `earlier` ones, in that order.

    Called at every compute party and every holder with the same questions, and only if there are any. What it
    returns decides which blocks holders share. Nothing is compared yet: the question comes back as it is.
    """
    del earlier
    return question


def cohorts(question: Question, rows: Rows) -> Mask:
    """`[cohorts, rows]` which of a holder's rows, none filtered yet, are in each set that the counts are of.

    For the time being one set: all rows that the filter keeps.
    """
    return question.select(rows).selected[None, :]
