"""What every kind of job store keeps, asked of each member by the same tests."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from mpc.errors import ConfigError, StorageError
from parties.node.history import Entry, EntryState, concerns, order
from parties.node.jobs import Fault, Job, JobCost, State
from parties.node.storage.base import JobStore
from parties.node.storage.table import open_store

WRITERS, JOBS_EACH = 6, 20


def job(number: int, analyst: str = "eve", created: float = 0.0) -> Job:
    plan = f'{{"number":{number}}}'.encode()
    return Job(
        plan_hash=hashlib.sha256(plan).digest(),
        nonce=f"{number:032x}",
        analyst=analyst,
        plan=plan,
        signature=bytes(64),
        created=created or 1_700_000_000.25 + number,
        updated=1_700_000_000.5,
    )


def released(made: Job) -> Job:
    for state in (State.VALIDATED, State.APPROVED, State.RUNNING, State.RELEASED):
        made = made.to(state, made.updated + 1)
    return dataclasses.replace(
        made,
        session=bytes(range(32)),
        cost=JobCost(0.5, 12, 680, 1296),
        transcripts={"bert": ("aa", "bb")},
        terms='{"minimum_count":5}',
    )


def entry(number: int, study: str = "", analyst: str = "eve", dataset: str = "gbsg2") -> Entry:
    made = job(number)
    return Entry(
        plan_hash=made.plan_hash,
        session=bytes(range(32)),
        dataset=dataset,
        study=study,
        analyst=analyst,
        plan=made.plan,
        signature=made.signature,
        created=1_700_000_000 + number // 2,
        minimum_count=5,
        asked=1_700_000_000.25,
        state=EntryState.PENDING,
        cohorts=12,
    )


class JobStoreContract:
    """A member's test class has a fixture `url` of an empty place, and `kind`, the class that it opens."""

    kind: type[JobStore]

    @pytest.fixture
    def store(self, url: str) -> Iterator[JobStore]:
        made = open_store(url, "ada")
        yield made
        made.close()

    def test_the_table_finds_it_by_the_url(self, store: JobStore) -> None:
        assert type(store) is self.kind

    def test_a_job_comes_back_as_it_was(self, store: JobStore) -> None:
        made = job(1)
        failed = made.to(State.FAILED, 7.0, fault=Fault("PEER_VANISHED", "bert vanished.", "Again.", "bert"))
        for one in (made, failed, job(2), released(job(3))):
            store.put(one)
            assert store.get(one.plan_hash) == one
            assert store.by_nonce(one.nonce) == one
        assert store.get(made.plan_hash) == failed
        assert store.get(bytes(32)) is None
        assert store.by_nonce("00") is None

    def test_jobs_are_listed_newest_first_by_analyst_and_page(self, store: JobStore) -> None:
        made = [job(1, created=10.0), job(2, "otto", created=30.0), job(3, created=20.0)]
        for one in made:
            store.put(one)
        assert store.jobs() == [made[1], made[2], made[0]]
        assert store.jobs("eve") == [made[2], made[0]]
        assert store.jobs("mallory") == []
        assert store.jobs(limit=2) == [made[1], made[2]]
        assert store.jobs(before=20.0) == [made[0]]
        assert store.jobs("eve", before=30.0, limit=1) == [made[2]]

    def test_what_has_not_ended_is_found(self, store: JobStore) -> None:
        running = job(1, created=30.0).to(State.VALIDATED, 1.0)
        ended = [job(number).to(end, 1.0) for number, end in ((2, State.FAILED), (3, State.REFUSED))]
        for one in (running, *ended, released(job(4)), job(5, created=20.0)):
            store.put(one)
        assert store.unfinished() == [job(5, created=20.0), running]
        store.put(running.to(State.CANCELLED, 2.0))
        assert store.unfinished() == [job(5, created=20.0)]

    def test_a_result_is_stored_with_its_job(self, store: JobStore) -> None:
        made, sealed = released(job(1)), bytes(range(256)) * 4096
        assert store.result(made.plan_hash) is None
        store.put_result(made, sealed)
        assert store.get(made.plan_hash) == made
        assert store.result(made.plan_hash) == sealed

    def test_an_entry_of_the_ledger_comes_back_as_it_was(self, store: JobStore) -> None:
        made = entry(1, "relapse")
        for state in (EntryState.PENDING, EntryState.ANSWERED, EntryState.REFUSED):
            changed = dataclasses.replace(made, state=state, minimum_count=7, cohorts=3)
            store.ledger.put(changed)
            assert store.ledger.earlier("gbsg2", "relapse", "otto") == [changed]
        assert store.jobs() == []

    def test_earlier_questions_are_those_of_the_analyst_or_the_study(self, store: JobStore) -> None:
        entries = [
            entry(1), entry(2, "a"), entry(3, "a", "otto"), entry(4, "b", "otto"), entry(5, "", "otto"),
            entry(6, "a", "eve", "other"), entry(7, "b", "mallory"),
        ]  # fmt: skip
        for one in reversed(entries):
            store.ledger.put(one)
        for study in ("", "a", "b", "c"):
            for analyst in ("eve", "otto", "nobody"):
                for dataset in ("gbsg2", "other", "none"):
                    wanted = [one for one in entries if concerns(one, dataset, study, analyst)]
                    wanted.sort(key=lambda one: order(one.created, one.plan_hash))
                    assert store.ledger.earlier(dataset, study, analyst) == wanted
        assert store.ledger.earlier("gbsg2", "", "nobody") == []
        assert len(store.ledger.earlier("gbsg2", "b", "otto")) == 4

    def test_the_ledger_survives_a_restart(self, url: str) -> None:
        with closing(open_store(url, "ada")) as first:
            first.ledger.put(entry(1))
        with closing(open_store(url, "ada")) as second:
            assert second.ledger.earlier("gbsg2", "", "eve") == [entry(1)]
        with closing(open_store(url, "ada", read_only=True)) as reader:
            with pytest.raises(StorageError, match="ada"):
                reader.ledger.put(entry(2))
            assert reader.ledger.earlier("gbsg2", "", "eve") == [entry(1)]

    def test_jobs_survive_a_restart(self, url: str) -> None:
        first = open_store(url, "ada")
        first.put_result(released(job(1)), b"sealed")
        first.close()
        second = open_store(url, "ada")
        assert second.get(job(1).plan_hash) == released(job(1))
        assert second.result(job(1).plan_hash) == b"sealed"
        second.close()

    def test_a_nonce_has_one_job_and_no_error_tells_what_is_in_it(
        self, store: JobStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.put(job(1))
        other = dataclasses.replace(job(2), nonce=job(1).nonce, fault=Fault("DATA", "canary"))
        with pytest.raises(StorageError, match="ada") as refusal:
            store.put_result(other, b"sealed")
        assert (refusal.value.culprit, bool(refusal.value.remedy)) == ("ada", True)
        assert "canary" not in str(refusal.value) + caplog.text
        assert store.get(other.plan_hash) is None
        assert store.result(other.plan_hash) is None

    def test_many_threads_write_at_once(self, store: JobStore) -> None:
        failures: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                for place in range(JOBS_EACH):
                    one = job(writer * JOBS_EACH + place)
                    store.put(one)
                    store.put(one.to(State.VALIDATED, 8.0))
                    store.jobs()
            except BaseException as error:  # noqa: BLE001 - reported below
                failures.append(error)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert {one.state for one in store.jobs()} == {State.VALIDATED}
        assert len(store.jobs()) == WRITERS * JOBS_EACH

    def test_a_reader_sees_what_the_node_wrote_and_changes_nothing(self, store: JobStore, url: str) -> None:
        store.put(job(1))
        reader = open_store(url, "ada", read_only=True)
        store.put(job(2))
        assert reader.jobs() == [job(2), job(1)]
        with pytest.raises(StorageError):
            reader.put(job(3))
        reader.close()
        assert store.jobs() == [job(2), job(1)]

    def test_a_reader_makes_nothing(self, url: str) -> None:
        with pytest.raises(ConfigError, match="no jobs yet") as refusal:
            open_store(url, "ada", read_only=True)
        assert refusal.value.remedy
        made = open_store(url, "ada")
        assert made.jobs() == []
        made.close()

    def test_a_reader_works_when_the_node_does_not_run(self, url: str) -> None:
        first = open_store(url, "ada")
        first.put(job(1))
        first.close()
        reader = open_store(url, "ada", read_only=True)
        assert reader.jobs() == [job(1)]
        reader.close()
