"""What a question would do, in sentences, before it runs."""

from __future__ import annotations

from mpc.privacy.terms import Terms
from parties.law.policy import decide
from parties.law.rules import Policy
from parties.query.case import case_of, role_of
from parties.query.compile import Question
from parties.query.disclosure import demands
from parties.query.prediction import Outlook, predict, shared_bytes

_SHOWN_OPENINGS = 20


def explain(question: Question, outlook: Outlook | None = None) -> tuple[str, ...]:
    """Where each part is computed, what travels, what opens to whom, under which rules, and what it costs.

    `outlook`: what is known of the space; without it there are no terms but the plan's own, and no seconds.
    """
    plan, query = question.plan, question.query
    holders = ", ".join(plan.asked)
    rows = f"the records where {plan.where}" if plan.where is not None else "all records"
    made = [
        f"{holders} each select {rows} of {plan.dataset} on their own machines.",
        *_left_out(question, outlook),
        f"Each holder sums its own rows and shares {len(query.counts)} counts and {len(query.sums)} sums.",
        *(program.sentence for program, _ in query.programs),
        f"Only {plan.analyst} can open the result; the compute parties and holders learn nothing of it.",
    ]
    openings = query.openings
    made += [f"Opens: {sentence}." for sentence in openings[:_SHOWN_OPENINGS]]
    if len(openings) > _SHOWN_OPENINGS:
        made.append(f"And {len(openings) - _SHOWN_OPENINGS} more of the same kind.")
    return (*made, *_rules(question, outlook), *_costs(question, outlook))


def _left_out(question: Question, outlook: Outlook | None) -> list[str]:
    """The holders that were not chosen."""
    plan = question.plan
    holders = outlook.holders if outlook is not None else ()
    others = [name for name in holders if name not in {part.name for part in plan.holders}]
    made = [f"Not asked, though they hold it too: {', '.join(others)}."] if others else []
    if plan.beside:
        made.append(
            f"{', '.join(plan.beside)} only count records to compare the question with earlier ones; "
            "none of their records is in the answer."
        )
    return made


def _rules(question: Question, outlook: Outlook | None) -> list[str]:
    """What keeps values closed, the terms in force and whose they are, and who will refuse."""
    plan = question.plan
    first = (
        "Rule minimum-count: a quantity opens only if its count, without the largest holder's part, reaches "
        f"the strictest party's minimum (this plan itself asks for at least {plan.minimum_count})."
    )
    if outlook is None:
        return [first]
    made = [first]
    for one in demands(outlook.terms, outlook.policies):
        by = f", demanded by {', '.join(one.parties)}" if one.parties else ", demanded by the plan"
        made.append(f"Term {one.term} = {one.value}{by}.")
    return made + _refusals(question, outlook)


def _refusals(question: Question, outlook: Outlook) -> list[str]:
    """The parties whose rules refuse the plan, as far as their terms tell."""
    holders = {part.name for part in question.plan.holders}
    made = []
    for name, terms in outlook.policies.items():
        case = case_of(question, role_of(question, name) if name in holders else "compute")
        verdicts = decide(case, Policy(terms))
        made += [
            f"{name} will refuse it by rule {verdict.refusal[0].id}: {verdict.refusal[1]}."
            for verdict in verdicts
            if verdict.refusal is not None
        ]
    return made


def _costs(question: Question, outlook: Outlook | None) -> list[str]:
    """What holders send, what computing takes, and how long on the ways that were measured."""
    terms = outlook.terms if outlook is not None else Terms(question.plan.minimum_count)
    predicted = predict(question, terms, outlook.links if outlook is not None else ())
    sizes = (
        f"The holders send about {_bytes(shared_bytes(question))} of shares together; "
        f"computing takes at most {predicted.rounds} rounds, in which a party sends up to "
        f"{_bytes(predicted.bytes_sent)}; {question.query.output_elements} words come out."
    )
    made = [sizes]
    if terms.differencing:
        made.append(
            "The rounds are those of a question that is compared with earlier ones; comparing sends more "
            "bytes, how many depends on those questions, which the parties alone know."
        )
    if outlook is not None and predicted.seconds is not None:
        slowest = max(outlook.links, key=lambda link: link.round_trip_s)
        made.append(
            f"On the measured ways that is about {predicted.seconds:.2g} s: a round trip takes "
            f"{1000 * slowest.round_trip_s:.3g} ms between {slowest.party} and {slowest.peer}, and at least "
            f"{_bytes(round(min(link.bytes_per_second for link in outlook.links)))} a second pass."
        )
    return made


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
