"""How an attempt's keys and its session come about; what each party signs on the way.

Every party contributes a fresh nonce and a fresh X25519 key, signed together with the plan's hash and its
list of earlier questions. session = SHA-256(plan hash, attempt, nonces and hashes of the lists in party
order); a pair's key is HKDF over both ephemeral keys, salted with the session and bound to both identities.
Nobody chooses a session alone, and nobody can tell two parties of different earlier questions.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpc.errors import IdentityError, ProtocolAbort
from mpc.privacy.terms import Terms
from mpc.randomness import PAIR_KEY_BYTES, PairKeys
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.law.terms import from_wire, to_wire
from parties.node.history import agree, unpack
from parties.wire.common_pb2 import Accept, Offer, Verdict

OFFER, ACCEPT, VERDICT = "triune/offer/v2", "triune/accept/v1", "triune/verdict/v1"
HASH_BYTES = KEY_BYTES = NONCE_BYTES = 32
RELEASE = "release"


def _signed_bytes(message: Offer | Accept | Verdict) -> bytes:
    """What a signature is over: every other field, each preceded by its length."""
    fields = [
        getattr(message, field.name) for field in message.DESCRIPTOR.fields if field.name != "signature"
    ]
    parts = [item if isinstance(item, bytes) else str(item).encode() for item in fields]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


@dataclass(frozen=True, repr=False)
class Ticket:
    """This party's secret half of an offer. Lives in memory for one attempt."""

    offer: Offer
    ephemeral: X25519PrivateKey


def make_offer(
    identity: Identity,
    plan_hash: bytes,
    plan_nonce: str,
    terms: Terms,
    attempt: int = 1,
    history: bytes = b"",
) -> Ticket:
    """This party's signed offer to take part, with a fresh nonce and a fresh key; `history` as packed."""
    ephemeral = X25519PrivateKey.generate()
    offer = Offer(
        plan_hash=plan_hash,
        plan_nonce=plan_nonce,
        attempt=attempt,
        party=identity.name,
        nonce=secrets.token_bytes(NONCE_BYTES),
        ephemeral_key=ephemeral.public_key().public_bytes_raw(),
        terms=to_wire(terms),
        history=history,
    )
    offer.signature = identity.sign(OFFER, _signed_bytes(offer))
    return Ticket(offer, ephemeral)


def check_offer(offer: Offer, sender: str, consortium: Consortium) -> None:
    """`ProtocolAbort` or `IdentityError` unless this is `sender`'s well-formed, signed offer."""
    sizes = (len(offer.plan_hash), len(offer.nonce), len(offer.ephemeral_key))
    if sizes != (HASH_BYTES, NONCE_BYTES, KEY_BYTES) or offer.attempt < 1:
        raise ProtocolAbort(f"{sender} sent an offer that is not well-formed.", culprit=sender)
    _check_signature(offer, sender, OFFER, consortium)
    from_wire(offer.terms, sender)
    unpack(offer.history, sender)


def _check_signature(
    message: Offer | Accept | Verdict, sender: str, context: str, consortium: Consortium
) -> None:
    if message.party != sender:
        raise IdentityError(f"{sender} sent a message in the name of another party.", culprit=sender)
    consortium.verify(sender, context, _signed_bytes(message), message.signature)


def session_of(offers: Sequence[Offer]) -> bytes:
    """The session id from the offers in party order; `ProtocolAbort` if they are not of one attempt."""
    first = offers[0]
    if any((o.plan_hash, o.attempt) != (first.plan_hash, first.attempt) for o in offers):
        raise ProtocolAbort("The parties' offers are for different plans or attempts.")
    digest = hashlib.sha256(b"triune/session/v2" + first.plan_hash + first.attempt.to_bytes(4, "big"))
    for offer in offers:
        digest.update(offer.nonce + hashlib.sha256(offer.history).digest())
    return digest.digest()


def history_of(offers: Sequence[Offer]) -> frozenset[bytes]:
    """The earlier questions that count for this session, from all three offers.

    Raises `HistoryLost` for a party that does not know what another one has answered.
    """
    return agree({offer.party: unpack(offer.history, offer.party) for offer in offers})


def pair_keys(ticket: Ticket, offers: Sequence[Offer], party: int, consortium: Consortium) -> PairKeys:
    """The keys with each peer and one of this party alone; `ProtocolAbort` for a key of low order."""
    session = session_of(offers)
    keys: dict[int, bytes] = {party: secrets.token_bytes(PAIR_KEY_BYTES)}
    for peer, offer in enumerate(offers):
        if peer != party:
            low, high = sorted((party, peer))
            bound = b"".join(_bound(offers[place], consortium) for place in (low, high))
            secret = _exchange(ticket.ephemeral, offer)
            kdf = HKDF(hashes.SHA256(), PAIR_KEY_BYTES, salt=session, info=b"triune/pair/v1" + bound)
            keys[peer] = kdf.derive(secret)
    return PairKeys(keys)


def _exchange(ephemeral: X25519PrivateKey, offer: Offer) -> bytes:
    try:
        return ephemeral.exchange(X25519PublicKey.from_public_bytes(offer.ephemeral_key))
    except ValueError:  # a point of low order, with which the common secret would be no secret
        raise ProtocolAbort(
            f"{offer.party} offers a key that makes no common secret.",
            remedy="Do not compute with that node before its operator has looked at it.",
            culprit=offer.party,
        ) from None


def _bound(offer: Offer, consortium: Consortium) -> bytes:
    name = offer.party.encode()
    return (
        len(name).to_bytes(2, "big") + name + consortium.member(offer.party).signing_key + offer.ephemeral_key
    )


def make_accept(identity: Identity, plan_hash: bytes, session: bytes, terms: Terms) -> Accept:
    """A holder's signed consent to this session."""
    accept = Accept(plan_hash=plan_hash, session=session, party=identity.name, terms=to_wire(terms))
    accept.signature = identity.sign(ACCEPT, _signed_bytes(accept))
    return accept


def check_accept(accept: Accept, sender: str, consortium: Consortium) -> None:
    """`ProtocolAbort` or `IdentityError` unless this is `sender`'s well-formed, signed accept."""
    sizes = (len(accept.plan_hash), len(accept.session))
    if sizes != (HASH_BYTES, HASH_BYTES):
        raise ProtocolAbort(f"{sender} sent an accept that is not well-formed.", culprit=sender)
    _check_signature(accept, sender, ACCEPT, consortium)
    from_wire(accept.terms, sender)


def make_verdict(identity: Identity, plan_hash: bytes, session: bytes) -> Verdict:
    """This party's signed release of this session's result."""
    verdict = Verdict(plan_hash=plan_hash, session=session, party=identity.name, decision=RELEASE)
    verdict.signature = identity.sign(VERDICT, _signed_bytes(verdict))
    return verdict


def check_verdicts(
    verdicts: Mapping[str, Verdict], plan_hash: bytes, session: bytes, consortium: Consortium
) -> None:
    """Every verdict releases exactly this session of this plan, signed by its party."""
    for sender, verdict in verdicts.items():
        _check_signature(verdict, sender, VERDICT, consortium)
        if (verdict.plan_hash, verdict.session, verdict.decision) != (plan_hash, session, RELEASE):
            raise ProtocolAbort(f"{sender} does not release this result.", culprit=sender)


def parameters_digest(
    plan_hash: bytes, terms: Terms, holders: Sequence[str], engine: bytes, earlier: Sequence[bytes] = ()
) -> bytes:
    """What the parties compare in the first round; `earlier`: plans that the question is compared with."""
    text = engine + b"|" + to_wire(terms) + b"|" + ",".join(holders).encode()
    compared = hashlib.sha256(b"".join(earlier)).digest()
    return hashlib.sha256(b"triune/parameters/v2" + plan_hash + compared + text).digest()
