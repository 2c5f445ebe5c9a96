"""What is public of a question, as the rules of a party look at it."""

from __future__ import annotations

from parties.law.rules import Case, Role
from parties.query.compile import Question


def role_of(question: Question, holder: str) -> Role:
    """In which role a holder decides on a question that it takes part in."""
    return "holder" if holder in question.plan.asked else "beside"


def case_of(question: Question, role: Role, refused: int = 0) -> Case:
    """The case that a party in this role decides; `refused`: cohorts of earlier questions that were.

    How many cohorts are asked for is known when the question stands beside the earlier ones.
    """
    plan, query = question.plan, question.query
    exact = [one for one in query.statistics if any(part.is_of_values for part in one.quantities())]
    return Case(
        analyst=plan.analyst,
        dataset=plan.dataset,
        extremes=query.extremes,
        exact=tuple(dict.fromkeys(map(str, exact))),
        holders=plan.asked,
        role=role,
        differencing=plan.differencing,
        cohorts=refused + (query.guard.cohorts if query.guard is not None else 0),
        records=sum(part.rows_at_most for part in plan.holders if part.name in plan.asked),
    )
