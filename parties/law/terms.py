"""How a party's terms travel: canonical JSON, inside of what the party signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Final

import rfc8785
from pydantic import TypeAdapter, ValidationError

from mpc.errors import ProtocolAbort, RangeError
from mpc.privacy.terms import NONE, Terms

MAX_TERMS_BYTES: Final = 4096
_READER: Final = TypeAdapter(Terms)


def to_wire(terms: Terms) -> bytes:
    """The bytes that are signed."""
    return rfc8785.dumps(asdict(terms))


def from_wire(data: bytes, sender: str) -> Terms:
    """Read what a party sent; `ProtocolAbort` unless it is the one way to write some terms."""
    try:
        made = _READER.validate_json(data[: MAX_TERMS_BYTES + 1], strict=True)
        canonical = to_wire(made)
    except (ValidationError, RangeError, ValueError):
        canonical = b""
    if not canonical or canonical != data:
        raise ProtocolAbort(
            f"{sender} sent terms that this party does not understand.",
            remedy="Run the same version of Triune at every party.",
            culprit=sender,
        )
    return made


def joined(policies: Mapping[str, Terms], parties: Iterable[str], minimum_count: int = 1) -> Terms:
    """What these parties demand together, and a plan that asks for a minimum count of its own."""
    terms = replace(NONE, minimum_count=minimum_count)
    for party in parties:
        terms &= policies[party]
    return terms
