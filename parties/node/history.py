"""What the parties remember of earlier questions, and how they agree on it. Pure.

A question that anybody has sealed an answer to was pending at all three before (`attempt.py`). So those that
count are in all three parties' lists; one that a party has answered and another one has not even pending
means that the other has lost its memory.

    history = items of 33 bytes: plan hash (32), state (1: pending, 2: answered)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mpc.errors import HistoryLost, PlanRefused, ProtocolAbort
from parties.query.plan import Plan

#: Of a list in an offer, and of the plans that a party loads for one question (bytes).
MAX_HISTORY_BYTES: Final = 1 << 20
MAX_PLANS_BYTES: Final = 64 << 20
#: Plans of earlier questions that a holder may want at once.
MAX_WANTED: Final = 64
HASH_BYTES: Final = 32
ITEM_BYTES: Final = HASH_BYTES + 1


class EntryState(StrEnum):
    """What became of a question; `REFUSED` by the guard that compares it with earlier ones."""

    PENDING = "pending"
    ANSWERED = "answered"
    REFUSED = "refused"


#: As they travel. Refused questions opened nothing but that they were: they count for a budget alone.
CODES: Final[Mapping[EntryState, int]] = MappingProxyType({EntryState.PENDING: 1, EntryState.ANSWERED: 2})
_STATES: Final = MappingProxyType({code: state for state, code in CODES.items()})

#: A list as a party signed it: plan hash -> state.
History = Mapping[bytes, EntryState]


@dataclass(frozen=True)
class Entry:
    """A question in a compute party's ledger.

    `created`: the plan's; `asked`: when the entry was made, both in Unix seconds. `minimum_count`: the k of
    the joined terms. `cohorts`: sets of records that its counts are of. `opened`: this party's share of which
    of them opened.
    """

    plan_hash: bytes
    session: bytes
    dataset: str
    study: str
    analyst: str
    plan: bytes
    signature: bytes
    created: int
    minimum_count: int
    asked: float
    state: EntryState
    cohorts: int
    opened: bytes = field(default=b"", repr=False)


def concerns(entry: Entry, dataset: str, study: str, analyst: str) -> bool:
    """Whether a new question is compared with this one: the same data set, and who asks or what for."""
    return entry.dataset == dataset and (entry.analyst == analyst or (entry.study == study != ""))


def order(created: int, plan_hash: bytes) -> tuple[int, bytes]:
    """The key by which every party sorts questions."""
    return created, plan_hash


def in_order(plans: Mapping[bytes, Plan]) -> list[tuple[bytes, Plan]]:
    """Plans by hash, in the order that every party has."""
    return sorted(plans.items(), key=lambda item: order(item[1].created, item[0]))


def pack(entries: Sequence[Entry]) -> bytes:
    """This party's list of those that may have been answered.

    Raises `PlanRefused` where there are more, refused ones included, than a list or the memory holds.
    """
    size = sum(len(entry.plan) for entry in entries)
    if len(entries) > MAX_HISTORY_BYTES // ITEM_BYTES or size > MAX_PLANS_BYTES:
        raise PlanRefused(
            f"There are {len(entries)} earlier questions to compare with, more than the parties can.",
            remedy="Ask for several statistics in one question; other analysts are not concerned.",
        )
    told = [entry for entry in entries if entry.state in CODES]
    return b"".join(entry.plan_hash + bytes([CODES[entry.state]]) for entry in told)


def unpack(data: bytes, sender: str) -> History:
    """A party's list; `ProtocolAbort` for bytes that are none."""
    items = [data[start : start + ITEM_BYTES] for start in range(0, len(data), ITEM_BYTES)]
    found = {item[:HASH_BYTES]: _STATES.get(item[HASH_BYTES]) for item in items if len(item) == ITEM_BYTES}
    made = {plan_hash: state for plan_hash, state in found.items() if state is not None}
    if len(data) > MAX_HISTORY_BYTES or len(made) != len(items):
        raise ProtocolAbort(
            f"{sender} sent a list of earlier questions that is not well-formed.",
            remedy="Make sure that it runs the same version of Triune.",
            culprit=sender,
        )
    return made


def agree(lists: Mapping[str, History]) -> frozenset[bytes]:
    """The questions that count: those in all lists.

    Raises `HistoryLost`, which names the party, for one that a party has answered and another has not.
    """
    for teller, told in lists.items():
        answered = {plan_hash for plan_hash, state in told.items() if state is EntryState.ANSWERED}
        for name, theirs in lists.items():
            lost = answered - theirs.keys()
            if lost:
                raise _lost(name, teller, len(lost))
    return frozenset.intersection(*(frozenset(told) for told in lists.values()))


def _lost(name: str, teller: str, count: int) -> HistoryLost:
    return HistoryLost(
        f"{name} has lost its memory of earlier questions: it does not know {count} that {teller} answered.",
        remedy="Its operator restores its database from the backup of the node's state.",
        culprit=name,
    )
