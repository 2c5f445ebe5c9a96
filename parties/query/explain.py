"""What a plan would do, in sentences, before it runs."""

from __future__ import annotations

from mpc.statistics.joint import JointQuery
from parties.query.compile import Question

_SHOWN_OPENINGS = 20


def explain(question: Question) -> tuple[str, ...]:
    """Where each part is computed, what travels, what opens to whom, and under which rule."""
    plan, query = question.plan, question.query
    holders = ", ".join(part.name for part in plan.holders)
    rows = f"the records where {plan.where}" if plan.where is not None else "all records"
    made = [
        f"{holders} each select {rows} of {plan.dataset} on their own machines.",
        f"Each holder sums its own rows and shares {len(query.counts)} counts and {len(query.sums)} sums.",
    ]
    if query.targets:
        made.append(
            f"Percentiles run on shared rows: {len(query.targets)} searches over at most {query.total_rows} "
            f"rows, {query.selection.bits} bits each; nobody sees a threshold or a count on the way."
        )
    made.append(_sizes(query, len(plan.holders)))
    made.append(
        f"Only {plan.analyst} can open the result; the compute parties and holders learn nothing of it."
    )
    openings = query.openings
    made += [f"Opens: {sentence}." for sentence in openings[:_SHOWN_OPENINGS]]
    if len(openings) > _SHOWN_OPENINGS:
        made.append(f"And {len(openings) - _SHOWN_OPENINGS} more of the same kind.")
    made.append(
        "Rule minimum-count: a quantity opens only if its count, without the largest holder's part, reaches "
        f"the strictest party's minimum (this plan asks for at least {plan.minimum_count})."
    )
    return tuple(made)


def _sizes(query: JointQuery, holders: int) -> str:
    """Each holder sends two seeds and twice the words of its blocks."""
    words = sum(block.elements for place in range(holders) for block in query.blocks_for(place))
    size = f"{16 * words / 1e6:.3g} MB"
    return f"The holders send about {size} of shares together; {query.output_elements} words come out."
