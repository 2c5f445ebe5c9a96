"""What a question will take, from public facts, the parties' terms, and the ways between them.

A round of the protocol is one message on its way, all parties sending at once: half a round trip of the
slowest way, and what a message costs the parties. Bytes leave the busiest party one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mpc.privacy.terms import Terms
from mpc.statistics.results import Predicted
from parties.query.compile import Question

#: What a party's processor takes, from its kernel's counters over 8 jobs each of `count`, `median:age` and
#: `describe` of five columns at the demonstration's five nodes (x86-64 with AVX-512, 24 November 2026): 76 ms
#: for 16 rounds, 170 ms for 75, 300 ms for 124 with 6.5 MB. Parties that share cores take longer.
#: A job beside its rounds: threads, checks, signatures, the database (seconds).
START_S: Final = 0.05
#: A round beside its message's way: kernels on few words, framing, waking the thread that waits (seconds).
ROUND_S: Final = 0.0016
#: Computing on the words of a byte that the busiest party sends (seconds).
BYTE_S: Final = 1e-8
#: Messages that follow one another around a computation: offers, the plan and the consent, inputs, that all
#: have them, verdicts.
SETUP_MESSAGES: Final = 5


@dataclass(frozen=True)
class Link:
    """A way from one compute party to another, as the first measured it."""

    party: str
    peer: str
    round_trip_s: float
    bytes_per_second: float


@dataclass(frozen=True)
class Outlook:
    """What is known of a space when a question is asked.

    `terms`: of all that take part together. `policies`: of each of them. `holders`: all who hold the data.
    """

    terms: Terms
    policies: Mapping[str, Terms]
    links: tuple[Link, ...] = ()
    holders: tuple[str, ...] = ()


def predict(question: Question, terms: Terms, links: Sequence[Link]) -> Predicted:
    """At most how many rounds, the bytes of the busiest party exactly, and about how many seconds.

    No seconds without a measured way. Those of holders are not measured: they are taken for as fast.
    """
    cost = question.query.cost(terms)
    sent = max(cost.sent, default=0)
    if not links:
        return Predicted(None, cost.rounds, sent)
    round_trip = max(link.round_trip_s for link in links)
    rate = min(link.bytes_per_second for link in links)
    messages = cost.rounds + SETUP_MESSAGES
    seconds = START_S + messages * round_trip / 2 + cost.rounds * ROUND_S + sent * BYTE_S
    return Predicted(seconds + (sent + shared_bytes(question)) / rate, cost.rounds, sent)


def shared_bytes(question: Question) -> int:
    """What the holders send together: two seeds, and twice the words of their blocks."""
    plan, query = question.plan, question.query
    return 16 * sum(block.elements for place in range(len(plan.holders)) for block in query.blocks_for(place))
