"""How a session comes about: nobody chooses it alone, and what was signed cannot be altered."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import HistoryLost, IdentityError, ProtocolAbort, TriuneError
from mpc.privacy.terms import Terms
from mpc.randomness import PAIR_KEY_BYTES, Address, PairKeys
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.node import handshake
from parties.node.handshake import ACCEPT, OFFER, VERDICT, Ticket
from parties.wire.common_pb2 import Offer
from tests.helping import member

PLAN, NONCE = hashlib.sha256(b"plan").digest(), "0a" * 16
SESSION = hashlib.sha256(b"session").digest()
NAMES = ("ada", "bert", "cleo", "dora")
IDENTITIES = {name: Identity.generate(name) for name in NAMES}
P = 2**255 - 19
#: One earlier question, answered.
EARLIER = hashlib.sha256(b"earlier").digest() + b"\2"
HERE = Address("zero", (), 0, 1)


ROLES = ("compute", "compute", "compute", "holder")
CONSORTIUM = Consortium(
    "test",
    True,
    tuple(
        member(IDENTITIES[name], {role}, f"127.0.0.1:{7000 + place}" if role == "compute" else "")
        for place, (name, role) in enumerate(zip(NAMES, ROLES, strict=True))
    ),
)


def tickets(plan: bytes = PLAN, attempt: int = 1) -> list[Ticket]:
    return [
        handshake.make_offer(IDENTITIES[name], plan, NONCE, Terms(5), attempt, EARLIER) for name in NAMES[:3]
    ]


def test_the_session_is_everybodys() -> None:
    offers = [ticket.offer for ticket in tickets()]
    for place, offer in enumerate(offers):
        offer.nonce = bytes([place]) * 32
    told = hashlib.sha256(EARLIER).digest()
    nonces = b"".join(bytes([place]) * 32 + told for place in range(3))
    want = hashlib.sha256(b"triune/session/v2" + PLAN + (1).to_bytes(4, "big") + nonces)
    assert handshake.session_of(offers) == want.digest()
    for place in range(3):  # what one party tells of earlier questions is the same to everybody
        changed = [type(offer).FromString(offer.SerializeToString()) for offer in offers]
        changed[place].history = b""
        assert handshake.session_of(changed) != want.digest()
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


def copy(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


OFFERED = tickets()[0].offer
ACCEPTED = handshake.make_accept(IDENTITIES["dora"], PLAN, SESSION, Terms(5))
RELEASED = handshake.make_verdict(IDENTITIES["bert"], PLAN, SESSION)
KINDS = [(OFFERED, OFFER), (ACCEPTED, ACCEPT), (RELEASED, VERDICT)]


@pytest.mark.parametrize(("message", "context"), KINDS, ids=["offer", "accept", "verdict"])
def test_what_lacks_a_field_is_refused(message: Any, context: str) -> None:
    check(message, context, message.party)
    for field in message.DESCRIPTOR.fields:
        changed = copy(message)
        changed.ClearField(field.name)
        with pytest.raises(TriuneError) as refusal:
            check(changed, context, message.party)
        assert refusal.value.culprit == message.party


def signed(message: Any, context: str, by: str = "") -> Any:
    """As a dishonest party would send it: whatever is in it, it signed."""
    fields = [getattr(message, f.name) for f in message.DESCRIPTOR.fields if f.name != "signature"]
    parts = [value if isinstance(value, bytes) else str(value).encode() for value in fields]
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    message.signature = IDENTITIES[by or message.party].sign(context, framed)
    return message


def test_a_signature_is_over_every_other_field_after_its_length() -> None:
    offer = tickets()[0].offer
    assert signed(copy(offer), OFFER).signature == offer.signature
    accept = handshake.make_accept(IDENTITIES["dora"], PLAN, SESSION, Terms(5, allow_extremes=True))
    assert signed(copy(accept), ACCEPT).signature == accept.signature
    verdict = handshake.make_verdict(IDENTITIES["bert"], PLAN, SESSION)
    assert signed(copy(verdict), VERDICT).signature == verdict.signature


sizes = st.integers(0, 80).filter(lambda size: size != 32)


@given(st.sampled_from(["plan_hash", "nonce", "ephemeral_key"]), sizes)
def test_an_offer_of_wrong_lengths_is_refused_though_signed(field: str, size: int) -> None:
    offer = copy(OFFERED)
    setattr(offer, field, bytes(size))
    with pytest.raises(ProtocolAbort, match="not well-formed") as refusal:
        handshake.check_offer(signed(offer, OFFER), "ada", CONSORTIUM)
    assert refusal.value.culprit == "ada"


@given(st.sampled_from(["plan_hash", "session"]), sizes)
def test_an_accept_of_wrong_lengths_is_refused_though_signed(field: str, size: int) -> None:
    accept = copy(ACCEPTED)
    setattr(accept, field, bytes(size))
    with pytest.raises(ProtocolAbort, match="not well-formed") as refusal:
        handshake.check_accept(signed(accept, ACCEPT), "dora", CONSORTIUM)
    assert refusal.value.culprit == "dora"


def test_attempts_count_from_one() -> None:
    offer = copy(OFFERED)
    offer.attempt = 0
    with pytest.raises(ProtocolAbort, match="not well-formed"):
        handshake.check_offer(signed(offer, OFFER), "ada", CONSORTIUM)


STRANGE_TERMS = [
    b"", b"{}", b"null", b'{"minimum_count":5}', b'{"allow_extremes":false,"minimum_count":0}',
    b'{"allow_extremes":0,"minimum_count":5}', b'{"allow_extremes":false,"minimum_count":"5"}',
    b'{"minimum_count":5,"allow_extremes":false}', b'{"allow_extremes":false,"minimum_count":5,"more":1}',
    b'{"allow_extremes":false,"minimum_count":5} ', b"\xff", b"[" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("terms", STRANGE_TERMS)
def test_terms_that_are_not_understood_are_refused_though_signed(terms: bytes) -> None:
    accept, offer = copy(ACCEPTED), copy(OFFERED)
    accept.terms = offer.terms = terms
    with pytest.raises(ProtocolAbort, match="terms"):
        handshake.check_accept(signed(accept, ACCEPT), "dora", CONSORTIUM)
    with pytest.raises(ProtocolAbort, match="terms"):
        handshake.check_offer(signed(offer, OFFER), "ada", CONSORTIUM)


@pytest.mark.parametrize("told", [b"x", EARLIER[:-1] + b"\3", EARLIER + EARLIER, EARLIER[:32]])
def test_a_list_of_earlier_questions_that_is_none_is_refused_though_signed(told: bytes) -> None:
    offer = copy(OFFERED)
    offer.history = told
    with pytest.raises(ProtocolAbort, match="earlier questions") as refusal:
        handshake.check_offer(signed(offer, OFFER), "ada", CONSORTIUM)
    assert refusal.value.culprit == "ada"


def test_earlier_questions_are_those_of_all_offers() -> None:
    offers = [ticket.offer for ticket in tickets()]
    assert handshake.history_of(offers) == {EARLIER[:32]}
    offers[1].history = EARLIER[:32] + b"\1"
    assert handshake.history_of(offers) == {EARLIER[:32]}
    offers[2].history = b""
    with pytest.raises(HistoryLost) as lost:
        handshake.history_of(offers)
    assert lost.value.culprit == "cleo"


@given(st.data())
def test_one_flipped_bit_is_noticed(data: st.DataObject) -> None:
    message, context = data.draw(st.sampled_from(KINDS))
    changed, sender = copy(message), message.party
    field = data.draw(st.sampled_from([f.name for f in message.DESCRIPTOR.fields]))
    setattr(changed, field, flip(data, getattr(message, field)))
    with pytest.raises(TriuneError) as refusal:
        check(changed, context, sender)
    assert refusal.value.culprit == sender


def flip(data: st.DataObject, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1 << data.draw(st.integers(0, 31))
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    # of a text, bits that leave it ASCII
    bit = data.draw(st.integers(0, 7 if isinstance(value, bytes) else 6))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << bit
    return bytes(raw) if isinstance(value, bytes) else raw.decode()


def check(message: Any, context: str, sender: str) -> None:
    if context == OFFER:
        handshake.check_offer(message, sender, CONSORTIUM)
    elif context == ACCEPT:
        handshake.check_accept(message, sender, CONSORTIUM)
    else:
        handshake.check_verdicts({sender: message}, PLAN, SESSION, CONSORTIUM)


def test_a_signature_serves_one_kind_of_message() -> None:
    """The fields of an offer signed in another context are no offer."""
    for context in (ACCEPT, VERDICT):
        with pytest.raises(IdentityError) as refusal:
            handshake.check_offer(signed(copy(OFFERED), context), "ada", CONSORTIUM)
        assert refusal.value.culprit == "ada"


def test_nobody_speaks_for_another() -> None:
    for message, context in KINDS:
        forged = signed(copy(message), context, by="cleo")  # a true signature, under another's name
        with pytest.raises(IdentityError, match="in the name of another") as refusal:
            check(forged, context, "cleo")
        assert refusal.value.culprit == "cleo"


def test_who_is_no_member_is_refused_by_name() -> None:
    offer = copy(OFFERED)
    offer.party = "mallory"
    with pytest.raises(IdentityError) as refusal:
        handshake.check_offer(offer, "mallory", CONSORTIUM)
    assert refusal.value.culprit == "mallory"


#: Every point of Curve25519 and its twist whose order divides 8, and the encodings above p = 2^255 - 19.
LOW_ORDER = [
    *(number.to_bytes(32, "little") for number in (0, 1, P - 1, P, P + 1)),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


@pytest.mark.parametrize("high_bit", [0, 0x80])
@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_key_that_makes_no_secret_is_refused(point: bytes, high_bit: int) -> None:
    made = tickets()
    offers = [ticket.offer for ticket in made]
    offers[1].ephemeral_key = point[:31] + bytes([point[31] | high_bit])
    handshake.check_offer(signed(offers[1], OFFER), "bert", CONSORTIUM)
    with pytest.raises(ProtocolAbort, match="no common secret") as refusal:
        handshake.pair_keys(made[0], offers, 0, CONSORTIUM)
    assert refusal.value.culprit == "bert"
    assert refusal.value.remedy


def test_a_pair_key_is_what_the_module_says() -> None:
    """The same key, derived a second time from the description alone."""
    made = tickets()
    offers = [ticket.offer for ticket in made]
    theirs = X25519PublicKey.from_public_bytes(offers[2].ephemeral_key)
    bound = b"".join(
        b"\0\4" + o.party.encode() + IDENTITIES[o.party].public().signing_key + o.ephemeral_key
        for o in (offers[1], offers[2])
    )
    session = handshake.session_of(offers)
    kdf = HKDF(hashes.SHA256(), PAIR_KEY_BYTES, salt=session, info=b"triune/pair/v1" + bound)
    want = PairKeys({2: kdf.derive(made[1].ephemeral.exchange(theirs))})
    got = handshake.pair_keys(made[1], offers, 1, CONSORTIUM)
    assert got.words(2, HERE, 8).tolist() == want.words(2, HERE, 8).tolist()


def test_a_pair_key_depends_on_everything_that_was_offered() -> None:
    made = tickets()
    offers = [ticket.offer for ticket in made]
    stream = handshake.pair_keys(made[0], offers, 0, CONSORTIUM).words(1, HERE, 8).tolist()
    for place, field in ((2, "nonce"), (1, "nonce"), (1, "ephemeral_key")):
        changed = [copy(offer) for offer in offers]
        setattr(changed[place], field, bytes(range(32)))
        other = handshake.pair_keys(made[0], changed, 0, CONSORTIUM).words(1, HERE, 8).tolist()
        assert other != stream


three_nonces = st.lists(st.binary(min_size=32, max_size=32), min_size=3, max_size=3, unique=True)


@given(three_nonces, st.permutations(range(3)), st.integers(0, 2), st.integers(0, 255))
def test_a_session_depends_on_every_nonce_and_their_order(
    nonces: list[bytes], order: list[int], place: int, bit: int
) -> None:
    def session(chosen: list[bytes]) -> bytes:
        return handshake.session_of([Offer(plan_hash=PLAN, attempt=1, nonce=nonce) for nonce in chosen])

    here = session(nonces)
    assert (session([nonces[i] for i in order]) == here) == (order == [0, 1, 2])
    flipped = (int.from_bytes(nonces[place], "big") ^ 1 << bit).to_bytes(32, "big")
    assert session([*nonces[:place], flipped, *nonces[place + 1 :]]) != here
    again = [Offer(plan_hash=PLAN, attempt=2, nonce=nonce) for nonce in nonces]
    assert handshake.session_of(again) != here


@pytest.mark.parametrize("decision", ["refuse", "", "RELEASE"])
def test_a_verdict_that_says_anything_else_releases_nothing_though_signed(decision: str) -> None:
    verdict = copy(RELEASED)
    verdict.decision = decision
    with pytest.raises(ProtocolAbort, match="does not release") as refusal:
        handshake.check_verdicts({"bert": signed(verdict, VERDICT)}, PLAN, SESSION, CONSORTIUM)
    assert refusal.value.culprit == "bert"


def test_verdicts_of_another_session_or_plan_release_nothing() -> None:
    verdicts = {name: handshake.make_verdict(IDENTITIES[name], PLAN, SESSION) for name in NAMES[1:3]}
    for plan, session in ((PLAN, bytes(32)), (bytes(32), SESSION)):
        with pytest.raises(TriuneError):
            handshake.check_verdicts(verdicts, plan, session, CONSORTIUM)


def test_parameters_that_differ_have_other_digests() -> None:
    digests = {
        handshake.parameters_digest(plan, Terms(minimum, extremes), holders, engine)
        for plan in (PLAN, SESSION)
        for minimum in (5, 51)
        for extremes in (False, True)
        for holders in (("ada", "dora"), ("dora", "ada"), ("ada",))
        for engine in (bytes(32), bytes(31) + b"x")
    }
    assert len(digests) == 2 * 2 * 2 * 3 * 2


def test_secrets_do_not_print() -> None:
    ticket = tickets()[0]
    assert ticket.ephemeral.private_bytes_raw().hex() not in repr(ticket)
