"""Jobs and results in SQLite and in a real PostgreSQL, and the schema's migrations."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from mpc.errors import ConfigError
from parties.node.database import open_database, sqlite_url
from parties.node.jobs import Fault, Job, JobCost, State
from parties.node.storage import Base, Storage

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
        made, session=bytes(range(32)), cost=JobCost(0.5, 12, 680, 1296), transcripts={"bert": ("aa", "bb")}
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "state" / "jobs.sqlite")
        return
    address = request.getfixturevalue("postgres")
    yield address
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


@pytest.fixture
def storage(url: str) -> Iterator[Storage]:
    made = Storage(url)
    yield made
    made.close()


def test_a_job_comes_back_as_it_was(storage: Storage) -> None:
    made = job(1)
    failed = made.to(State.FAILED, 7.0, fault=Fault("PEER_VANISHED", "bert vanished.", "Again.", "bert"))
    for one in (made, failed, job(2), released(job(3))):
        storage.put(one)
        assert storage.get(one.plan_hash) == one
        assert storage.by_nonce(one.nonce) == one
    assert storage.get(made.plan_hash) == failed
    assert storage.get(bytes(32)) is None
    assert storage.by_nonce("00") is None


def test_jobs_are_listed_newest_first_and_by_analyst(storage: Storage) -> None:
    made = [job(1, created=10.0), job(2, "otto", created=30.0), job(3, created=20.0)]
    for one in made:
        storage.put(one)
    assert storage.jobs() == [made[1], made[2], made[0]]
    assert storage.jobs("eve") == [made[2], made[0]]
    assert storage.jobs("mallory") == []


def test_a_result_is_stored_with_its_job(storage: Storage) -> None:
    made, sealed = released(job(1)), bytes(range(256)) * 4096
    storage.put_result(made, sealed)
    assert storage.get(made.plan_hash) == made
    assert storage.result(made.plan_hash) == sealed
    storage.forget_result(made.plan_hash)
    assert storage.result(made.plan_hash) is None
    assert storage.get(made.plan_hash) == made


def test_jobs_survive_a_restart(url: str) -> None:
    first = Storage(url)
    first.put_result(released(job(1)), b"sealed")
    first.close()
    second = Storage(url)
    assert second.get(job(1).plan_hash) == released(job(1))
    assert second.result(job(1).plan_hash) == b"sealed"
    second.close()


def test_many_threads_write_at_once(storage: Storage) -> None:
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for place in range(JOBS_EACH):
                one = job(writer * JOBS_EACH + place)
                storage.put(one)
                storage.put(one.to(State.VALIDATED, 8.0))
                storage.jobs()
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {one.state for one in storage.jobs()} == {State.VALIDATED}
    assert len(storage.jobs()) == WRITERS * JOBS_EACH


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"newer Triune .*9999") as refusal:
        open_database(url)
    assert refusal.value.remedy
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://triune:hunter2@127.0.0.1:9/none", "cannot be opened"),
        ("sybase://triune:hunter2@127.0.0.1/none", "cannot be opened"),
        ("hunter2", "no database URL"),
        ("sqlite:////nowhere/at/all/jobs.sqlite", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refusal:
        open_database(url)
    assert refusal.value.remedy
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "jobs.sqlite"
    storage = Storage(sqlite_url(file))
    storage.put(job(1))
    modes: Callable[[Any], str] = lambda path: oct(stat.S_IMODE(path.stat().st_mode))  # noqa: E731
    assert {modes(path) for path in file.parent.iterdir()} == {"0o600"}
    assert modes(file.parent) == "0o700"
    storage.close()
