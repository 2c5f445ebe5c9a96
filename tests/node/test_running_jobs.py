"""The jobs of a compute party in memory: how many, what arrives for them, and that each ends once."""

from __future__ import annotations

import hashlib
from concurrent import futures
from typing import Any

import pytest

from mpc.errors import (
    PeerSilent,
    PeerVanished,
    PlanMismatch,
    PlanRefused,
    PlanReplayed,
    ProtocolAbort,
    SessionCancelled,
)
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import InputPackage
from parties.demo.cohort import SCHEMA_FILE
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.management.catalogue import Registration
from parties.management.schema_file import load_schema
from parties.node import handshake, running
from parties.node.jobs import Job, State
from parties.node.running import RunningJobs
from parties.node.transport.vanished import vanished
from parties.node.work import MAX_SHARE_BYTES, Work
from parties.query.builder import make_plan
from parties.query.compile import compile_plan
from parties.query.plan import Plan, SignedPlan
from parties.query.text import parse_statistic
from parties.wire import common_pb2 as wire
from parties.wire.holder_pb2 import InputShare, Want
from parties.wire.mesh_pb2 import Turn
from parties.wire.status import to_status
from tests.helping import member

NAMES = ("ada", "bert", "cleo", "dora", "emil", "eve")
IDENTITIES = {name: Identity.generate(name) for name in NAMES}
ROLES = {"dora": "holder", "emil": "holder", "eve": "analyst"}
ADDRESSES = {"ada": "127.0.0.1:7001", "bert": "127.0.0.1:7002", "cleo": "127.0.0.1:7003"}
CONSORTIUM = Consortium(
    "test",
    True,
    tuple(
        member(identity, {ROLES.get(name, "compute")}, ADDRESSES.get(name, ""))
        for name, identity in IDENTITIES.items()
    ),
)
SCHEMA = load_schema(SCHEMA_FILE)
SESSION = hashlib.sha256(b"session").digest()
LOST = PeerVanished("lost", culprit="bert")


def job(number: int, analyst: str = "eve", nonce: str = "") -> Job:
    plan_hash = number.to_bytes(32, "big")
    return Job(plan_hash, nonce or f"{number:032x}", analyst, b"{}", bytes(64), 0.0, 0.0)


def plan() -> Plan:
    held = [
        Registration(dataset="gbsg2", holder=name, rows_at_most=100_000, catalogue=SCHEMA)
        for name in ("dora", "emil")
    ]
    asked = [parse_statistic(text) for text in ("count", "median:age")]
    return make_plan(IDENTITIES["eve"], CONSORTIUM, held, SCHEMA, asked, now=1_800_000_000)


@pytest.fixture
def jobs() -> RunningJobs:
    return RunningJobs("ada", CONSORTIUM)


@pytest.fixture
def work(jobs: RunningJobs) -> Work:
    return started(jobs)


def started(jobs: RunningJobs, asking: bool = True) -> Work:
    asked = plan()
    signed = SignedPlan(asked.canonical(), bytes(64))
    record = Job(signed.hash, asked.nonce, "eve", signed.plan, bytes(64), 0.0, 0.0, State.RUNNING)
    made = Work(1, compile_plan(asked, SCHEMA), signed, jobs.room(signed.hash), record)
    jobs.add(made)
    if asking:
        made.ask(made.question.query)
    return made


def accepted(jobs: RunningJobs, work: Work, holder: str) -> None:
    work.tell_holders()
    accept = handshake.make_accept(IDENTITIES[holder], work.signed.hash, SESSION, Terms(5))
    jobs.on_accept(holder, accept)


def pieces(work: Work, holder: str) -> list[InputShare]:
    made = []
    for block in work.query.blocks_for(work.holders.index(holder)):
        size = InputPackage.size(1, block.elements)
        for offset in range(0, size, MAX_SHARE_BYTES):
            payload = bytes(min(MAX_SHARE_BYTES, size - offset))
            made.append(
                InputShare(session=SESSION, block=block.name, offset=offset, total=size, payload=payload)
            )
    return made


def told(jobs: RunningJobs) -> list[tuple[Work, Any]]:
    found = []
    while not jobs.ended.empty():
        found.append(jobs.ended.get())
    return found  # type: ignore[return-value]


def test_jobs_are_limited_in_all_and_for_each_analyst(jobs: RunningJobs) -> None:
    for number in range(running.MAX_JOBS_OF_ANALYST):
        assert jobs.reserve(job(number)) is None
    with pytest.raises(PlanRefused, match="8 jobs of eve"):
        jobs.reserve(job(999))
    for number in range(running.MAX_JOBS_OF_ANALYST, running.MAX_RUNNING_JOBS):
        assert jobs.reserve(job(number, f"analyst {number // 4}")) is None
    with pytest.raises(PlanRefused, match="ada runs 32 jobs already"):
        jobs.reserve(job(999, "otto"))
    jobs.release(job(31).plan_hash)
    assert jobs.reserve(job(999, "otto")) is None


def test_a_place_is_taken_once_for_a_plan_and_a_nonce(jobs: RunningJobs, work: Work) -> None:
    first = job(1)
    assert jobs.reserve(first) is None
    assert jobs.reserve(job(1)) is first
    for nonce in (first.nonce, work.plan.nonce):
        with pytest.raises(PlanReplayed):
            jobs.reserve(job(2, nonce=nonce))


def test_rooms_of_plans_that_never_come_give_way(jobs: RunningJobs, work: Work) -> None:
    first = jobs.room(bytes(32))
    for number in range(1, running.MAX_ROOMS + 1):
        jobs.room(number.to_bytes(32, "big"))
    assert jobs.room(work.signed.hash) is work.room
    assert jobs.room(bytes(32)) is not first


def test_a_job_ends_once_whoever_ends_it(jobs: RunningJobs, work: Work) -> None:
    with futures.ThreadPoolExecutor(16) as pool:
        errors = [PeerVanished(str(number)) for number in range(64)]
        ended = list(pool.map(lambda error: jobs.end(work, error), errors))
    assert ended.count(True) == 1
    assert told(jobs) == [(work, errors[ended.index(True)])]
    with pytest.raises(PeerVanished):
        work.check()
    with pytest.raises(PeerVanished):
        work.room.collect("input", ["dora"], 10)


def test_an_input_is_whole_when_every_block_is(jobs: RunningJobs, work: Work) -> None:
    for holder in ("dora", "emil"):
        accepted(jobs, work, holder)
        given = pieces(work, holder)
        assert len(given) > 2
        for piece in given:
            with pytest.raises(Exception, match="sent no input"):
                work.room.collect("input", [holder], 0)
            jobs.on_share(holder, piece)
    assert work.room.collect("input", work.holders, 0) == {"dora": True, "emil": True}
    shapes = {name: package.elements for name, package in work.packages_of("dora").items()}
    assert shapes == {block.name: block.elements for block in work.query.blocks_for(0)}


@pytest.mark.parametrize(
    "change",
    [
        {"block": "nothing"}, {"offset": 8}, {"total": 8}, {"payload": b""},
        {"payload": bytes(MAX_SHARE_BYTES + 1)}, {"total": 2**63},
    ],
)  # fmt: skip
def test_a_piece_that_does_not_fit_names_its_holder(jobs: RunningJobs, work: Work, change: Any) -> None:
    accepted(jobs, work, "dora")
    piece = pieces(work, "dora")[-2]
    jobs.on_share("emil", piece)  # who has not accepted is not listened to
    for name, value in change.items():
        setattr(piece, name, value)
    with pytest.raises(ProtocolAbort, match="dora sent an input that does not fit"):
        jobs.on_share("dora", piece)


def test_a_holder_that_has_given_everything_may_leave(jobs: RunningJobs, work: Work) -> None:
    jobs.lose_holder("dora")  # nobody has asked it yet
    assert work.error is None
    accepted(jobs, work, "dora")
    for piece in pieces(work, "dora"):
        jobs.on_share("dora", piece)
    jobs.lose_holder("dora")
    assert work.error is None
    jobs.lose_holder("emil")
    assert str(work.error) == str(vanished("emil"))
    assert told(jobs) == [(work, work.error)]


def test_a_holder_that_leaves_in_the_middle_ends_its_jobs(jobs: RunningJobs, work: Work) -> None:
    other = started(jobs)
    for each in (work, other):
        accepted(jobs, each, "dora")
    jobs.on_share("dora", pieces(work, "dora")[0])
    jobs.lose_holder("dora")
    assert {str(each.error) for each in (work, other)} == {str(vanished("dora"))}


def test_a_dead_peer_is_one_sentence_however_it_is_noticed(jobs: RunningJobs, work: Work) -> None:
    jobs.on_link("bert", False)
    other = started(jobs)
    jobs.on_abort("cleo", wire.Abort(plan_hash=other.signed.hash, status=to_status(vanished("bert"))))
    assert str(work.error) == str(other.error) == str(vanished("bert"))
    assert told(jobs) == [(work, work.error)]  # cleo has told the others


def test_only_the_analyst_cancels(jobs: RunningJobs, work: Work) -> None:
    forged = SessionCancelled("Over.", culprit="bert")
    jobs.on_abort("bert", wire.Abort(plan_hash=work.signed.hash, status=to_status(forged)))
    assert (work.error is not None and work.error.code) == "REMOTE"
    other = started(jobs)
    jobs.on_refusal("dora", wire.Abort(plan_hash=other.signed.hash, status=to_status(forged)))
    assert other.error is not None
    assert (other.error.code, other.error.culprit) == ("REMOTE", "dora")


def test_an_offer_for_another_plan_under_the_nonce_ends_the_job(jobs: RunningJobs, work: Work) -> None:
    ticket = handshake.make_offer(IDENTITIES["bert"], bytes(32), work.plan.nonce, Terms(5))
    jobs.on_offer("bert", ticket.offer)
    assert isinstance(work.error, PlanMismatch)


def test_an_accept_before_the_question_is_known_waits_for_it(jobs: RunningJobs) -> None:
    work = started(jobs, asking=False)
    accepted(jobs, work, "dora")
    assert work.room.collect("accept", ["dora"], 0)
    with pytest.raises(ProtocolAbort, match="not agreed yet"):
        work.query  # noqa: B018 - it must not be there
    early = InputShare(session=SESSION, block="counts", offset=0, total=24, payload=bytes(24))
    jobs.on_share("dora", early)  # nobody has asked for it: not listened to
    work.ask(work.question.query)
    accepted(jobs, work, "emil")
    for holder in ("dora", "emil"):
        for piece in pieces(work, holder):
            jobs.on_share(holder, piece)
    assert work.room.collect("input", work.holders, 0) == {"dora": True, "emil": True}


def test_a_peers_turn_is_for_the_plan_that_this_party_has(jobs: RunningJobs, work: Work) -> None:
    for taken, kind in ((False, running.QUEUED), (True, running.TURN)):
        turn = Turn(plan_hash=work.signed.hash, plan_nonce=work.plan.nonce, taken=taken)
        jobs.on_turn("bert", turn)
        assert work.room.collect(kind, ["bert"], 0) == {"bert": turn}
    with pytest.raises(ProtocolAbort, match="bert"):
        jobs.on_turn("bert", Turn(plan_hash=b"x", plan_nonce=work.plan.nonce))
    jobs.on_turn("bert", Turn(plan_hash=bytes(32), plan_nonce=work.plan.nonce))
    assert isinstance(work.error, PlanMismatch)


def test_an_offer_for_no_job_is_not_kept(jobs: RunningJobs) -> None:
    ticket = handshake.make_offer(IDENTITIES["bert"], bytes(32), "00" * 16, Terms(5))
    jobs.on_offer("bert", ticket.offer)
    with pytest.raises(PeerSilent):
        jobs.room(bytes(32)).collect("offer", ["bert"], 0)


def test_a_holder_gets_the_plans_of_the_list_and_no_others(jobs: RunningJobs, work: Work) -> None:
    known = SignedPlan(b"earlier", bytes(64))
    work.remember({known.hash: known})

    def want(*hashes: bytes) -> Want:
        return Want(plan_hash=work.signed.hash, earlier=hashes)

    assert jobs.on_want("dora", want(known.hash)) == [known]
    assert jobs.on_want("eve", want(known.hash)) == []  # it does not take part
    assert jobs.on_want("dora", Want(plan_hash=bytes(32), earlier=[known.hash])) == []
    for bad in (want(), want(*[known.hash] * 65), want(bytes(32)), want(known.hash, b"")):
        with pytest.raises(ProtocolAbort, match="dora") as refusal:
            jobs.on_want("dora", bad)
        assert refusal.value.culprit == "dora"
