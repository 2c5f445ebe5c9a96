"""Three compute parties that are hospitals too, one hospital that only dials out, one analyst: real TLS."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import pandas as pd
import pytest
from sqlalchemy.exc import OperationalError

from mpc.errors import TriuneError
from mpc.protocols.replicated.packages import reconstruct
from mpc.statistics.outcome import Outcome
from parties.identity import consortium as consortia
from parties.identity import tls
from parties.identity.keys import Identity
from parties.identity.seal import unseal
from parties.management.catalogue import Registration
from parties.node.app import Node
from parties.node.jobs import Job
from parties.query.builder import make_plan
from parties.query.compile import compile_plan
from parties.query.filters import parse
from parties.query.plan import Plan, SignedPlan, result_context, sign_plan
from parties.query.text import parse_statistic
from parties.wire import analyst_pb2 as rpc
from parties.wire import common_pb2 as wire
from parties.wire import status, version
from parties.wire.analyst_pb2_grpc import AnalystGateStub
from tests.helping import until


@dataclass
class House:
    folder: Path
    nodes: dict[str, Node]
    frame: pd.DataFrame
    analyst: str = "eve"

    def __post_init__(self) -> None:
        self.identity = Identity.load(self.folder / self.analyst / "keys")
        self.consortium = consortia.load(self.folder / "consortium.toml")
        self.names = [member.name for member in self.consortium.compute]

    def ask(self, name: str, method: str, request: Any) -> Any:
        with tls.channel(self.identity, self.consortium, name) as channel:
            try:
                return getattr(AnalystGateStub(channel), method)(
                    request, metadata=version.METADATA, timeout=20
                )
            except grpc.RpcError as error:
                raise status.from_rpc_error(error, name) from None

    def registrations(self) -> list[Registration]:
        found = self.ask(self.names[0], "Describe", rpc.DescribeRequest()).registrations
        return [Registration.from_json(data) for data in found]

    def plan(self, *statistics: str, where: str = "", by: tuple[str, ...] = ()) -> Plan:
        specs = [parse_statistic(text) for text in statistics]
        chosen = parse(where) if where else None
        held = self.registrations()
        return make_plan(
            self.identity, self.consortium, held, held[0].catalogue, specs,
            now=int(time.time()), where=chosen, group_by=by,
        )  # fmt: skip

    def submit(self, signed: SignedPlan, name: str) -> Any:
        sent = wire.SignedPlan(plan=signed.plan, signature=signed.signature)
        return self.ask(name, "Submit", rpc.SubmitRequest(plan=sent))

    def jobs_of(self, signed: SignedPlan, name: str) -> list[Any]:
        return list(self.ask(name, "List", rpc.ListRequest(plan_hash=signed.hash)).jobs)

    def wait(self, signed: SignedPlan, name: str, seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            (job,) = self.jobs_of(signed, name)
            if job.state >= rpc.RELEASED:
                return job
            time.sleep(0.05)
        raise AssertionError("the job did not end")

    def run(self, plan: Plan) -> tuple[Outcome, ...]:
        signed = sign_plan(plan, self.identity)
        for name in self.names:
            self.submit(signed, name)
        for name in self.names:
            job = self.wait(signed, name)
            assert job.state == rpc.RELEASED, job.error
        ref = rpc.JobRef(plan_hash=signed.hash)
        shares = [self.ask(name, "Fetch", ref) for name in self.names]
        key = self.identity.recipient_key(bytes.fromhex(plan.nonce))
        opened = [unseal(key, s.sealed, result_context(signed.hash, s.session)) for s in shares]
        schema = self.registrations()[0].catalogue
        query = compile_plan(plan, schema).query
        made = query.at_recipient(reconstruct(opened, query.output_elements, self.names))
        return tuple(one for part in made for one in part)


@pytest.fixture(scope="module")
def house(hospitals: Any) -> House:
    return House(hospitals.folder, hospitals.nodes, hospitals.pooled)


def test_a_filtered_mean_by_group_equals_the_pooled_one(house: House) -> None:
    outcomes = house.run(
        house.plan("count", "mean:tsize", where='age >= 50 and tgrade == "II"', by=("horTh",))
    )
    pooled = house.frame.query('age >= 50 and tgrade == "II"').groupby("horTh").tsize
    for outcome in outcomes:
        level = outcome.group[0][1]
        if outcome.statistic.kind == "count":
            assert outcome.values["count"] == pooled.count()[level]
        else:
            assert outcome.values["mean"] == pytest.approx(pooled.mean()[level], rel=1e-12)


def test_percentiles_equal_the_pooled_ones(house: House) -> None:
    (outcome,) = house.run(house.plan("describe:progrec"))
    for percent in (5, 25, 50, 75, 95):
        assert outcome.values[f"{percent}%"] == house.frame.progrec.quantile(percent / 100)


def test_a_small_cell_is_suppressed(house: House) -> None:
    (outcome,) = house.run(house.plan("count", where="age < 25"))
    assert outcome.values["count"] is None


def test_the_same_plan_again_is_the_same_job(house: House) -> None:
    signed = sign_plan(house.plan("count"), house.identity)
    for name in house.names:
        house.submit(signed, name)
    first = house.wait(signed, house.names[0])
    assert house.submit(signed, house.names[0]).session == first.session


def test_a_plan_that_only_one_party_has_ends_and_names_who_lacks_it(house: House) -> None:
    signed = sign_plan(house.plan("count"), house.identity)
    house.submit(signed, house.names[0])
    job = house.wait(signed, house.names[0])
    assert job.state == rpc.FAILED
    assert job.error.culprit in house.names[1:]


def test_plans_that_differ_between_parties_do_not_run(house: House) -> None:
    first = house.plan("count")
    second = first.model_copy(update={"minimum_count": 3})
    plans = [sign_plan(plan, house.identity) for plan in (first, second, first)]
    for name, signed in zip(house.names, plans, strict=True):
        house.submit(signed, name)
    states = [house.wait(signed, name).state for name, signed in zip(house.names, plans, strict=True)]
    assert rpc.RELEASED not in states
    assert rpc.REFUSED in states


def refusal_of(house: House, signed: SignedPlan) -> TriuneError:
    with pytest.raises(TriuneError) as refusal:
        house.submit(signed, house.names[0])
    assert refusal.value.remedy
    jobs = house.ask(house.names[0], "List", rpc.ListRequest()).jobs
    assert signed.hash not in {job.plan_hash for job in jobs}
    return refusal.value


def test_an_expired_plan_is_refused(house: House) -> None:
    old = house.plan("count").model_copy(update={"expires": int(time.time()) - 1})
    assert refusal_of(house, sign_plan(old, house.identity)).code == "PLAN_EXPIRED"


def test_a_nonce_serves_one_plan(house: House) -> None:
    first = house.plan("count")
    signed = sign_plan(first, house.identity)
    for name in house.names:
        house.submit(signed, name)
    assert house.wait(signed, house.names[0]).state == rpc.RELEASED
    other = sign_plan(first.model_copy(update={"minimum_count": 7}), house.identity)
    assert refusal_of(house, other).code == "PLAN_REPLAYED"


def test_a_plan_is_brought_by_its_own_analyst(house: House) -> None:
    signed = sign_plan(house.plan("count"), house.identity)
    stranger = House(house.folder, house.nodes, house.frame, analyst="otto")
    error = refusal_of(stranger, signed)
    assert (error.code, error.culprit) == ("IDENTITY", "otto")


def test_who_is_no_analyst_asks_nothing(house: House) -> None:
    hospital = House(house.folder, house.nodes, house.frame, analyst="dora")
    with pytest.raises(TriuneError, match="dora is no analyst") as refusal:
        hospital.registrations()
    assert refusal.value.code == "IDENTITY"


def test_an_altered_plan_is_refused_with_a_typed_error(house: House) -> None:
    signed = sign_plan(house.plan("count"), house.identity)
    altered = SignedPlan(signed.plan.replace(b'"minimum_count":1', b'"minimum_count":2'), signed.signature)
    with pytest.raises(TriuneError) as refusal:
        house.submit(altered, house.names[0])
    assert refusal.value.code == "IDENTITY"
    assert refusal.value.remedy


def test_jobs_are_listed_page_by_page(house: House) -> None:
    storage = house.nodes[house.names[1]].storage
    signed = sign_plan(house.plan("count"), house.identity)
    for number in range(150):
        nonce = f"{number:032x}"
        plan_hash = number.to_bytes(32, "big")
        storage.put(Job(plan_hash, nonce, "eve", signed.plan, signed.signature, 1000.0 + number, 0.0))
    pages, before = [], 1500.0
    while not pages or pages[-1]:
        request = rpc.ListRequest(before=before)
        pages.append(list(house.ask(house.names[1], "List", request).jobs))
        before = pages[-1][-1].created if pages[-1] else 0.0
    assert [len(page) for page in pages] == [100, 50, 0]
    assert pages[0][0].created == 1149.0
    one = rpc.ListRequest(plan_hash=pages[1][0].plan_hash)
    assert list(house.ask(house.names[1], "List", one).jobs) == [pages[1][0]]
    stranger = House(house.folder, house.nodes, house.frame, analyst="otto")
    assert list(stranger.ask(house.names[1], "List", one).jobs) == []
    assert {job.error.code for job in pages[0]} == {"PEER_VANISHED"}  # nobody works on them


def test_a_page_of_long_plans_fits_into_one_answer(house: House) -> None:
    storage, count = house.nodes[house.names[2]].storage, 40
    for number in range(count):
        plan_hash = (1000 + number).to_bytes(32, "big")
        plan = bytes(200 << 10)
        storage.put(Job(plan_hash, f"{1000 + number:032x}", "eve", plan, bytes(64), 10.0 + number, 0.0))
    pages, before = [], 100.0
    while not pages or pages[-1]:
        pages.append(list(house.ask(house.names[2], "List", rpc.ListRequest(before=before)).jobs))
        before = pages[-1][-1].created if pages[-1] else 0.0
    assert [len(page) for page in pages] == [15, 15, 10, 0]
    assert [job.created for page in pages for job in page] == [10.0 + n for n in reversed(range(count))]


def test_one_analyst_cannot_take_all_threads(house: House) -> None:
    signed = sign_plan(house.plan("count"), house.identity)
    house.submit(signed, house.names[2])  # the others do not have it: it waits for them
    plan_hash = signed.hash
    with tls.channel(house.identity, house.consortium, house.names[2]) as channel:
        stub = AnalystGateStub(channel)
        streams = [stub.Watch(rpc.JobRef(plan_hash=plan_hash), metadata=version.METADATA) for _ in range(16)]
        assert all(next(stream).state < rpc.RELEASED for stream in streams)
        with pytest.raises(grpc.RpcError) as refusal:
            next(stub.Watch(rpc.JobRef(plan_hash=plan_hash), metadata=version.METADATA))
        assert "eve has 16 watched jobs" in str(status.from_rpc_error(refusal.value, house.names[2]))
        assert len(house.registrations()) == 4
        for stream in streams:
            stream.cancel()


def test_a_database_that_fails_ends_the_job_by_name_and_heals(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = house.names[0]
    storage = house.nodes[broken].storage
    signed = sign_plan(house.plan("count"), house.identity)
    for name in house.names:
        house.submit(signed, name)
    until(lambda: house.jobs_of(signed, broken)[0].state >= rpc.APPROVED)

    def gone(*_: object) -> NoReturn:
        raise OperationalError("a statement", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(storage, "_engine", SimpleNamespace(begin=gone))
    with pytest.raises(TriuneError, match=f"The database of {broken} failed") as failed:
        house.jobs_of(signed, broken)
    assert (failed.value.code, failed.value.culprit) == ("STORAGE", broken)
    assert "statement" not in str(failed.value)
    others = [house.wait(signed, name) for name in house.names[1:]]
    assert {job.state for job in others} <= {rpc.FAILED, rpc.RELEASED}
    monkeypatch.undo()
    assert house.wait(signed, broken).state == rpc.FAILED
    assert [outcome.values["count"] for outcome in house.run(house.plan("count"))] == [len(house.frame)]
