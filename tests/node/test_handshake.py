"""How a session comes about: nobody chooses it alone, and what was signed cannot be altered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from mpc.errors import TriuneError
from mpc.randomness import Address
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.node import handshake
from parties.node.handshake import Ticket

PLAN, NONCE = hashlib.sha256(b"plan").digest(), "0a" * 16
SESSION = hashlib.sha256(b"session").digest()
NAMES = ("ada", "bert", "cleo", "dora")
IDENTITIES = {name: Identity.generate(name) for name in NAMES}
HERE = Address("zero", (), 0, 1)


def member(name: str, place: int) -> Member:
    public = IDENTITIES[name].public()
    compute = place < 3
    roles = frozenset({"compute"} if compute else {"holder"})
    address = f"127.0.0.1:{7000 + place}" if compute else ""
    return Member(name, roles, address, public.tls_key, public.signing_key)


CONSORTIUM = Consortium("test", True, tuple(member(name, place) for place, name in enumerate(NAMES)))


def tickets(plan: bytes = PLAN, attempt: int = 1) -> list[Ticket]:
    return [handshake.make_offer(IDENTITIES[name], plan, NONCE, 5, attempt) for name in NAMES[:3]]


def test_the_session_is_everybodys() -> None:
    offers = [ticket.offer for ticket in tickets()]
    for place, offer in enumerate(offers):
        offer.nonce = bytes([place]) * 32
    want = hashlib.sha256(
        b"triune/session/v1" + PLAN + (1).to_bytes(4, "big") + bytes(32) + b"\1" * 32 + b"\2" * 32
    )
    assert handshake.session_of(offers) == want.digest()
    for place in range(3):
        changed = [type(offer).FromString(offer.SerializeToString()) for offer in offers]
        changed[place].nonce = bytes([9]) * 32
        assert handshake.session_of(changed) != want.digest()
    assert handshake.session_of([offers[1], offers[0], offers[2]]) != want.digest()


def test_a_retry_and_another_plan_are_other_sessions() -> None:
    mixed = [tickets()[0].offer, tickets(attempt=2)[1].offer, tickets()[2].offer]
    with pytest.raises(TriuneError):
        handshake.session_of(mixed)
    mixed[1] = tickets(hashlib.sha256(b"other").digest())[1].offer
    with pytest.raises(TriuneError):
        handshake.session_of(mixed)


def test_a_pair_has_a_key_that_the_third_party_has_not() -> None:
    made = tickets()
    offers = [ticket.offer for ticket in made]
    keys = [handshake.pair_keys(ticket, offers, place, CONSORTIUM) for place, ticket in enumerate(made)]
    streams = {
        (low, high): keys[low].words(high, HERE, 8).tolist() for low in range(3) for high in range(low, 3)
    }
    for (low, high), stream in streams.items():
        assert (low == high) or keys[high].words(low, HERE, 8).tolist() == stream
    assert len({tuple(stream) for stream in streams.values()}) == len(streams)
    again = tickets()
    fresh = handshake.pair_keys(again[0], [ticket.offer for ticket in again], 0, CONSORTIUM)
    assert fresh.words(1, HERE, 8).tolist() != streams[0, 1]


Change = Callable[[Any], None]


def put(field: str, value: object) -> Change:
    return lambda message: setattr(message, field, value)


@pytest.mark.parametrize(
    "change",
    [
        put("plan_hash", bytes(32)),
        put("plan_hash", b""),
        put("plan_nonce", "0b" * 16),
        put("attempt", 2),
        put("attempt", 0),
        put("party", "bert"),
        put("party", "mallory"),
        put("nonce", bytes(32)),
        put("nonce", bytes(31)),
        put("ephemeral_key", b"\1" * 32),
        put("ephemeral_key", b""),
        put("minimum_count", 1),
        put("minimum_count", 0),
        put("signature", bytes(64)),
        put("signature", b""),
    ],
)
def test_an_altered_offer_is_refused(change: Change) -> None:
    offer = tickets()[0].offer
    handshake.check_offer(offer, "ada", CONSORTIUM)
    change(offer)
    with pytest.raises(TriuneError) as refusal:
        handshake.check_offer(offer, "ada", CONSORTIUM)
    assert refusal.value.culprit == "ada"


def test_a_key_that_makes_no_secret_is_refused() -> None:
    made = tickets()
    offers = [ticket.offer for ticket in made]
    offers[1].ephemeral_key = bytes(32)  # a point of low order: the common secret would be zero
    with pytest.raises(TriuneError) as refusal:
        handshake.pair_keys(made[0], offers, 0, CONSORTIUM)
    assert refusal.value.culprit == "bert"


@pytest.mark.parametrize(
    "change",
    [
        put("plan_hash", bytes(32)),
        put("session", bytes(32)),
        put("party", "ada"),
        put("minimum_count", 1),
        put("minimum_count", 0),
        put("allow_extremes", True),
        put("signature", bytes(64)),
    ],
)
def test_an_altered_accept_is_refused(change: Change) -> None:
    accept = handshake.make_accept(IDENTITIES["dora"], PLAN, SESSION, 5, allow_extremes=False)
    handshake.check_accept(accept, "dora", CONSORTIUM)
    change(accept)
    with pytest.raises(TriuneError) as refusal:
        handshake.check_accept(accept, "dora", CONSORTIUM)
    assert refusal.value.culprit == "dora"


@pytest.mark.parametrize(
    "change",
    [
        put("plan_hash", bytes(32)),
        put("session", bytes(32)),
        put("party", "ada"),
        put("decision", "refuse"),
        put("decision", ""),
        put("signature", bytes(64)),
    ],
)
def test_an_altered_verdict_releases_nothing(change: Change) -> None:
    verdicts = {name: handshake.make_verdict(IDENTITIES[name], PLAN, SESSION) for name in NAMES[1:3]}
    handshake.check_verdicts(verdicts, PLAN, SESSION, CONSORTIUM)
    change(verdicts["bert"])
    with pytest.raises(TriuneError) as refusal:
        handshake.check_verdicts(verdicts, PLAN, SESSION, CONSORTIUM)
    assert refusal.value.culprit == "bert"


def test_verdicts_of_another_session_or_plan_release_nothing() -> None:
    verdicts = {name: handshake.make_verdict(IDENTITIES[name], PLAN, SESSION) for name in NAMES[1:3]}
    for plan, session in ((PLAN, bytes(32)), (bytes(32), SESSION)):
        with pytest.raises(TriuneError):
            handshake.check_verdicts(verdicts, plan, session, CONSORTIUM)


def test_parameters_that_differ_have_other_digests() -> None:
    digests = {
        handshake.parameters_digest(plan, minimum, extremes, holders)
        for plan in (PLAN, SESSION)
        for minimum in (5, 51)
        for extremes in (False, True)
        for holders in (("ada", "dora"), ("dora", "ada"), ("ada",))
    }
    assert len(digests) == 2 * 2 * 2 * 3


def test_secrets_do_not_print() -> None:
    ticket = tickets()[0]
    assert ticket.ephemeral.private_bytes_raw().hex() not in repr(ticket)
