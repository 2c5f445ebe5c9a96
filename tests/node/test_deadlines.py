"""Who is late is named first: every phase outlasts those that others may still be in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parties.node.deadlines import DEADLINES, Deadlines

seconds = st.floats(0.01, 3600)


@given(st.builds(Deadlines, hello=seconds, links=seconds, margin=seconds, inputs=seconds, round=seconds))
def test_every_phase_outlasts_the_ones_before_it(deadlines: Deadlines) -> None:
    check(deadlines)


def check(deadlines: Deadlines) -> None:
    assert deadlines.queued > deadlines.links  # a peer may wait for its links before it has the plan
    assert deadlines.offers > deadlines.links  # and again before it offers
    assert deadlines.holder_offers > deadlines.offers  # a party that misses an offer says so to the holders
    assert deadlines.accepts > deadlines.holder_offers  # a holder that misses an offer says so to the parties
    assert (
        deadlines.inputs > deadlines.plans
    )  # a holder may miss a plan from a party that waits for its input
    assert deadlines.ready > deadlines.accepts + deadlines.inputs  # a peer may miss an input
    assert deadlines.verdicts > deadlines.round  # a peer may miss a message


def test_a_dead_link_is_noticed_before_a_holder_speaks_of_it() -> None:
    check(DEADLINES)
    assert DEADLINES.lost_link > 6  # tls.KEEPALIVE_PING_MS + KEEPALIVE_TIMEOUT_MS
