"""What a question would do, in sentences, before it runs."""

from __future__ import annotations

from mpc.privacy.terms import Terms
from parties.query.compile import Question

_SHOWN_OPENINGS = 20


def explain(question: Question) -> tuple[str, ...]:
    """Where each part is computed, what travels, what opens to whom, under which rule, and what it costs."""
    plan, query = question.plan, question.query
    holders = ", ".join(part.name for part in plan.holders)
    rows = f"the records where {plan.where}" if plan.where is not None else "all records"
    made = [
        f"{holders} each select {rows} of {plan.dataset} on their own machines.",
        f"Each holder sums its own rows and shares {len(query.counts)} counts and {len(query.sums)} sums.",
        *(program.sentence for program, _ in query.programs),
        _sizes(question),
        f"Only {plan.analyst} can open the result; the compute parties and holders learn nothing of it.",
    ]
    openings = query.openings
    made += [f"Opens: {sentence}." for sentence in openings[:_SHOWN_OPENINGS]]
    if len(openings) > _SHOWN_OPENINGS:
        made.append(f"And {len(openings) - _SHOWN_OPENINGS} more of the same kind.")
    made.append(
        "Rule minimum-count: a quantity opens only if its count, without the largest holder's part, reaches "
        f"the strictest party's minimum (this plan itself asks for at least {plan.minimum_count})."
    )
    return tuple(made)


def _sizes(question: Question) -> str:
    """What holders send (two seeds and twice the words of their blocks), and what computing takes."""
    plan, query = question.plan, question.query
    words = sum(block.elements for place in range(len(plan.holders)) for block in query.blocks_for(place))
    cost = query.cost(Terms(plan.minimum_count))
    return (
        f"The holders send about {_bytes(16 * words)} of shares together; computing takes at most "
        f"{cost.rounds} rounds, in which a party sends up to {_bytes(max(cost.sent))}; "
        f"{query.output_elements} words come out."
    )


def _bytes(count: int) -> str:
    for unit, size in (("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
