"""Earlier questions, with which a new one is compared before it is answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

from mpc.privacy.terms import Differencing
from parties.management.catalogue import Schema
from parties.query.cohorts import guarded
from parties.query.compile import Question
from parties.query.plan import Plan, parse_plan
from parties.query.validation import make_question

#: Plans that a node keeps as they are read, at some kB each, and cohorts whose questions it keeps, at 1 kB.
MOST_PLANS: Final = 10_000
MOST_COHORTS: Final = 20_000


@dataclass(frozen=True)
class Earlier:
    """A question that may have been answered, as all parties and holders agree.

    `question`: what it asked, if it was made for the present schema. `current`: all holders that are in both
    plans still have the data that it was asked of. `cohorts`: whose sizes it may have opened.
    """

    plan_hash: bytes
    plan: Plan
    question: Question | None
    current: bool
    cohorts: int


class Recollection:
    """What earlier plans asked, made once and kept: a node puts them beside every new question.

    Any thread may call. What has not been used for longest is forgotten.
    """

    def __init__(self, most_plans: int = MOST_PLANS, most_cohorts: int = MOST_COHORTS) -> None:
        """`most_cohorts`: in all questions that are kept."""
        #: `parse_plan`
        self.plan = lru_cache(most_plans)(parse_plan)
        self._most, self._lock = most_cohorts, Lock()
        self._kept: OrderedDict[tuple[bytes, str], Question] = OrderedDict()

    def recall(self, plan_hash: bytes, plan: Plan, now: Question, cohorts: int) -> Earlier:
        """An earlier plan beside the question that is asked `now`.

        Raises what `make_question` raises, for a plan that this version no longer understands.
        """
        fits = plan.schema_hash == now.schema.hash
        question = self._question(plan_hash, plan, now.schema) if fits else None
        versions = {part.name: part.version for part in now.plan.holders}
        current = all(versions.get(part.name, part.version) == part.version for part in plan.holders)
        return Earlier(plan_hash, plan, question, current, cohorts)

    def _question(self, plan_hash: bytes, plan: Plan, schema: Schema) -> Question:
        key = (plan_hash, schema.hash)
        with self._lock:
            found = self._kept.pop(key, None)
        made = found if found is not None else make_question(plan, schema)
        with self._lock:
            self._kept[key] = made
            size = sum(len(one.query.told) for one in self._kept.values()) if found is None else 0
            while size > self._most:
                _, forgotten = self._kept.popitem(last=False)
                size -= len(forgotten.query.told)
        return made


@dataclass(frozen=True)
class Compared:
    """A question beside earlier ones: those over the present records, then those over records that have
    changed.

    In this order stand the cohorts of its guard, the masks of a holder, and the shares of what has opened.
    """

    question: Question
    present: tuple[Earlier, ...]
    drifted: tuple[Earlier, ...]

    @property
    def earlier(self) -> tuple[Earlier, ...]:
        """All of them in that order; none where the plan asks for no comparison."""
        guard = self.question.query.guard
        return (*self.present, *self.drifted) if guard is not None and guard.earlier else ()


def beside(question: Question, earlier: Sequence[Earlier]) -> Compared:
    """The question whose query also compares its cohorts with those of the `earlier` ones.

    Called at every compute party and every holder with the same questions. What it returns decides which
    blocks holders share. Raises `TooClose` where there are too many ways to cut the data.
    """
    combined = Differencing(question.plan.differencing) == Differencing.COMBINATIONS
    joins = [combined and one.current and one.question is not None for one in earlier]
    present = [one for one, fits in zip(earlier, joins, strict=True) if fits]
    drifted = [one for one, fits in zip(earlier, joins, strict=True) if not fits]
    known = [one.question for one in present if one.question is not None]
    made = guarded(question, known, sum(one.cohorts for one in drifted))
    return Compared(made, tuple(present), tuple(drifted))
