"""What a question will take, from public facts, the parties' terms, and the ways between them.

A round of the protocol is one message on its way, all parties sending at once: half a round trip of the
slowest way, and what a message costs the parties. Bytes leave the busiest party one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mpc.privacy.guard import Layer
from mpc.privacy.terms import Terms
from mpc.statistics.joint import JointQuery
from mpc.statistics.results import Predicted
from parties.query.cohorts import guarded
from parties.query.compile import Question, compile_plan
from parties.query.plan import StatisticSpec

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


#: Cohorts that overlap so that every kind of comparison has something to look at: the last is a new one.
_OVERLAPPING: Final = np.array(
    [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [1, 0, 0, 1, 0]], dtype=np.bool_
)

_COMPARISONS: Final = 256


def _compared(question: Question) -> JointQuery:
    """The query beside earlier questions such that comparing takes as many rounds as it can.

    Its rounds hardly grow with their number: up to 2^16 comparisons take as many as these. Its bytes do.
    """
    asked = {"where": None, "group_by": (), "statistics": (StatisticSpec(kind="count"),)}
    total = compile_plan(question.plan.model_copy(update=asked), question.schema)
    drifted = 1 + _COMPARISONS // max(1, len(question.query.told))
    query = guarded(question, [total], drifted).query
    guard = query.guard
    if guard is None or not guard.layers:
        return query
    more = [_overlapping(guard.earlier, whole) for whole in (True, False)]
    return query.beside(replace(guard, layers=(*guard.layers, *more), paired=True), query.tables)


def _overlapping(own: int, whole: bool) -> Layer:
    """Cohorts that all kinds of comparison have something to look at in; `own`: the place of a count that
    opens."""
    cohorts, atoms = _OVERLAPPING.shape
    none = np.zeros((cohorts, 0), dtype=np.bool_)
    return Layer(
        told=_OVERLAPPING,
        old=cohorts - 1,
        widths=np.ones(atoms, dtype=np.int64),
        members=np.array([*[0] * (cohorts - 1), own]),
        present=(),
        missing=np.zeros((0, atoms), dtype=np.bool_),
        depends=none,
        picks=none,
        needs=((),) * cohorts,
        lacks=("",) * cohorts,
        whole=whole,
    )


def predict(question: Question, terms: Terms, links: Sequence[Link]) -> Predicted:
    """At most how many rounds, about how many seconds, and what bytes the busiest party sends.

    Rounds are those of a question that is compared with earlier ones; bytes and seconds leave out what
    comparing with them sends, which grows with their number. No seconds without a measured way. Those of
    holders are not measured: they are taken for as fast.
    """
    sent = max(question.query.cost(terms).sent, default=0)
    rounds = _compared(question).cost(terms).rounds
    if not links:
        return Predicted(None, rounds, sent)
    round_trip = max(link.round_trip_s for link in links)
    rate = min(link.bytes_per_second for link in links)
    seconds = START_S + (rounds + SETUP_MESSAGES) * round_trip / 2 + rounds * ROUND_S + sent * BYTE_S
    return Predicted(seconds + (sent + shared_bytes(question)) / rate, rounds, sent)


def shared_bytes(question: Question) -> int:
    """What the holders send together: two seeds, and twice the words of their blocks."""
    plan, query = question.plan, question.query
    return 16 * sum(block.elements for place in range(len(plan.holders)) for block in query.blocks_for(place))
