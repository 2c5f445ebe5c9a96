"""What three compute parties say of their space, checked: data sets, terms, measured ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mpc.errors import CatalogueError, ProtocolAbort
from mpc.privacy.terms import Terms
from parties.identity.consortium import Consortium
from parties.law.terms import from_wire
from parties.management.catalogue import Registration
from parties.query.prediction import Link
from parties.wire import analyst_pb2 as pb

Held = Mapping[tuple[str, str], Registration]


@dataclass(frozen=True)
class Described:
    """What holders have announced to all three; what each party demands; the ways between compute parties."""

    registrations: tuple[Registration, ...]
    policies: Mapping[str, Terms] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def holders_of(self, dataset: str) -> tuple[str, ...]:
        """Those who hold a data set."""
        return tuple(item.holder for item in self.registrations if item.dataset == dataset)


def read(replies: Mapping[str, pb.Catalogue], consortium: Consortium) -> Described:
    """The three answers as one.

    CatalogueError if two compute parties were told different things of one holder's data set; ProtocolAbort
    for terms and links that make no sense. Of a holder whose terms they tell differently, since it has just
    changed them, the strictest stand.
    """
    told = {name: _held(reply) for name, reply in replies.items()}
    first = next(iter(told))
    for name, held in told.items():
        check_same(first, told[first], name, held)
    common = sorted(set.intersection(*(set(held) for held in told.values())))
    policies = _policies(replies, consortium)
    if not {holder for _, holder in common} <= policies.keys():
        raise _nonsense(first, "terms")
    return Described(
        registrations=tuple(told[first][key] for key in common),
        policies=policies,
        links=tuple(link for name, reply in replies.items() for link in _links(name, reply, consortium)),
    )


def _held(reply: pb.Catalogue) -> Held:
    made = [Registration.from_json(data) for data in reply.registrations]
    return {(item.dataset, item.holder): item for item in made}


def check_same(name: str, held: Held, other_name: str, other: Held) -> None:
    """CatalogueError for a data set of a holder that two compute parties describe differently."""
    for key in held.keys() & other.keys():
        if held[key] != other[key]:
            dataset, holder = key
            raise CatalogueError(
                f"{name} and {other_name} describe {dataset} of {holder} differently "
                f"(schema {held[key].catalogue.hash[:12]} and {other[key].catalogue.hash[:12]}).",
                remedy=f"Wait until {holder} has reconnected to both; if it stays so, ask {holder}.",
                culprit=holder,
            )


def _policies(replies: Mapping[str, pb.Catalogue], consortium: Consortium) -> dict[str, Terms]:
    members = {member.name for member in (*consortium.compute, *consortium.holders)}
    found: dict[str, Terms] = {}
    for name, reply in replies.items():
        for told in reply.terms:
            if told.party not in members:
                raise _nonsense(name, "terms")
            terms = from_wire(told.terms, name)
            found[told.party] = found.get(told.party, terms) & terms
        if name not in {one.party for one in reply.terms}:
            raise _nonsense(name, "terms")
    return found


def _links(name: str, reply: pb.Catalogue, consortium: Consortium) -> list[Link]:
    peers = {member.name for member in consortium.compute} - {name}
    made = [Link(one.party, one.peer, one.round_trip_s, one.bytes_per_second) for one in reply.links]
    for link in made:
        numbers = (link.round_trip_s, link.bytes_per_second)
        if link.party != name or link.peer not in peers or not all(0 < one < math.inf for one in numbers):
            raise _nonsense(name, "links")
    return made


def _nonsense(name: str, what: str) -> ProtocolAbort:
    return ProtocolAbort(
        f"{name} tells of {what} that make no sense.",
        remedy="Use the version of Triune that the parties run.",
        culprit=name,
    )
