"""What the parties remember of earlier questions, and on which of them they agree."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import HistoryLost, PlanRefused, ProtocolAbort
from parties.node import history
from parties.node.history import EntryState
from tests.node.job_store_contract import entry

A, B, C = (hashlib.sha256(name).digest() for name in (b"a", b"b", b"c"))
P, S, R = EntryState.PENDING, EntryState.ANSWERED, EntryState.REFUSED
NAMES = ("ada", "bert", "cleo")


@pytest.mark.parametrize(
    ("lists", "counts"),
    [
        ([{}, {}, {}], set()),
        ([{A: P}, {A: P}, {A: P}], {A}),
        ([{A: S}, {A: P}, {A: S}], {A}),
        ([{A: S}, {A: S}, {A: S}], {A}),
        ([{A: P}, {}, {}], set()),
        ([{A: P}, {A: P}, {}], set()),
        ([{A: P, B: S}, {B: S}, {B: P, C: P}], {B}),
        ([{A: S, B: S}, {B: S, A: S}, {A: S, B: S}], {A, B}),
    ],
)
def test_what_all_three_have_counts(lists: list[history.History], counts: set[bytes]) -> None:
    for chosen in permutations(lists):
        assert history.agree(dict(zip(NAMES, chosen, strict=True))) == counts


@pytest.mark.parametrize(
    "lists",
    [
        [{A: S}, {}, {A: S}],
        [{A: S}, {}, {A: P}],
        [{A: S, B: S}, {B: S}, {A: S, B: P}],
        [{A: S, B: P}, {B: S, C: P}, {A: S, B: S}],
    ],
)
def test_who_lacks_what_another_answered_is_named(lists: list[history.History]) -> None:
    for places in permutations(range(3)):
        given_lists = {name: lists[place] for name, place in zip(NAMES, places, strict=True)}
        with pytest.raises(HistoryLost, match="has lost its memory of earlier questions") as lost:
            history.agree(given_lists)
        assert lost.value.culprit == NAMES[places.index(1)]
        assert "backup" in lost.value.remedy


def test_a_list_travels_without_what_was_refused() -> None:
    entries = [replace(entry(number), state=state) for number, state in enumerate((P, S, R, P))]
    packed = history.pack(entries)
    assert len(packed) == 3 * history.ITEM_BYTES
    assert history.unpack(packed, "ada") == {one.plan_hash: one.state for one in entries if one.state != R}
    assert history.unpack(b"", "ada") == {}


FULL = history.MAX_HISTORY_BYTES // history.ITEM_BYTES + 1


@pytest.mark.parametrize(
    "data",
    [
        b"x", A, A + b"\0", A + b"\3", A + b"\1" + A, A + b"\1" + A + b"\1", A + b"\1" + A + b"\2",
        A + b"\2" + b"\0" * 34, b"".join(number.to_bytes(32, "big") + b"\1" for number in range(FULL)),
    ],
)  # fmt: skip
def test_bytes_that_are_no_list_name_their_sender(data: bytes) -> None:
    with pytest.raises(ProtocolAbort, match="not well-formed") as refusal:
        history.unpack(data, "bert")
    assert refusal.value.culprit == "bert"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    try:
        found = history.unpack(data, "bert")
    except ProtocolAbort:
        return
    packed = b"".join(plan_hash + bytes([history.CODES[state]]) for plan_hash, state in found.items())
    assert packed == data


def test_more_than_the_parties_can_compare_is_refused() -> None:
    one = entry(1)
    assert history.pack([one] * (FULL - 1))
    with pytest.raises(PlanRefused, match="earlier questions"):
        history.pack([one] * FULL)
    big = replace(one, plan=bytes(256 << 10))
    with pytest.raises(PlanRefused, match="257 earlier questions") as refusal:
        history.pack([big] * 257)
    assert refusal.value.remedy


def test_one_order_for_all() -> None:
    entries = [entry(number) for number in range(8)]
    keys = [history.order(one.created, one.plan_hash) for one in entries]
    assert sorted(keys) == sorted(keys, key=lambda key: (key[0], key[1].hex()))
