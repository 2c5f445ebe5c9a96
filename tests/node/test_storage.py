"""Jobs and results in SQLite and in a real PostgreSQL, and the schema's migrations."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table, create_engine, inspect, text
from sqlalchemy.engine import make_url

from mpc.errors import ConfigError, StorageError
from parties.node import database
from parties.node.database import BUSY_TIMEOUT_S, open_database, sqlite_url
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
        yield sqlite_url(tmp_path / "state" / "jobs.sqlite").render_as_string()
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


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_a_migration_that_was_cut_off_has_not_happened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create = op.create_table

    def power_cut(name: str, *columns: object) -> Table:
        if name == "results":
            raise KeyboardInterrupt
        return create(name, *columns)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_table", power_cut)
        with pytest.raises(KeyboardInterrupt):
            open_database(url)
    assert tables(url) == set()
    Storage(url).close()
    assert tables(url) == {"alembic_version", "jobs", "results"}


def test_several_processes_open_a_new_database_at_once(url: str) -> None:
    program = "import sys; from parties.node.storage import Storage; Storage(sys.argv[1]).close()"
    command = [sys.executable, "-W", "error", "-c", program, url]
    opening = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in opening] == [""] * 4


def test_triune_may_be_installed_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "100%"
    shutil.copytree(Path(database.__file__).parent / "migrations", package / "migrations")
    monkeypatch.setattr(database.resources, "files", lambda _: package)
    Storage(sqlite_url(tmp_path / "jobs.sqlite")).close()


def test_tables_that_triune_did_not_make_are_left_alone(url: str) -> None:
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").parent.mkdir()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE jobs (salary INTEGER)"))
    engine.dispose()
    with pytest.raises(ConfigError, match="without a version") as refusal:
        open_database(url)
    assert refusal.value.remedy
    assert tables(url) == {"jobs"}


def test_a_nonce_has_one_job_and_no_error_tells_what_is_in_it(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.put(job(1))
    other = dataclasses.replace(job(2), nonce=job(1).nonce, fault=Fault("DATA", "canary"))
    with pytest.raises(StorageError, match="IntegrityError") as refusal:
        storage.put_result(other, b"sealed")
    assert "canary" not in str(refusal.value) + caplog.text
    assert "database failed" in caplog.text
    assert storage.result(other.plan_hash) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://triune:hunter2@127.0.0.1:9/none", "cannot be opened"),
        ("postgresql://triune:hunter2@127.0.0.1:9/none", "cannot be opened"),
        ("postgresql+psycopg://triune@127.0.0.1:9/none?password=hunter2", "cannot be opened"),
        ("postgresql+psycopg://triune@127.0.0.1:9/none?hunter2=yes", "cannot be opened"),
        ("postgresql+psycopg://triune:p@hunter2@127.0.0.1:9/none", "@ in a wrong place"),
        ("postgresql+psycopg://triune:p@hunter2/x@127.0.0.1:9/none", "@ in a wrong place"),
        ("postgresql+psycopg://triune:p@hunter2?x@127.0.0.1:9/none", "@ in a wrong place"),
        ("postgresql+psycopg://a/b:hunter2@127.0.0.1:9/none", "@ in a wrong place"),
        ("postgresql+psycopg://triune:p@a:hunter2@127.0.0.1/none", "no database URL"),
        ("postgresql+psycopg://127.0.0.1:hunter2/none", "no database URL"),
        ("postgresql+asyncpg://triune:hunter2@127.0.0.1/none", "only sqlite and postgresql"),
        ("mysql://triune:hunter2@127.0.0.1/none", "only sqlite and postgresql"),
        ("sybase://triune:hunter2@127.0.0.1/none", "only sqlite and postgresql"),
        ("hunter2", "no database URL"),
        ("", "no database URL"),
        ("sqlite://", "absolute path"),
        ("sqlite:///:memory:", "absolute path"),
        ("sqlite:///jobs.sqlite", "absolute path"),
        ("sqlite:////tmp/jobs.sqlite?mode=ro", "no options"),
        ("sqlite:////proc/nowhere/jobs.sqlite", "cannot be opened"),
        ("sqlite:////", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refusal:
        open_database(url)
    assert refusal.value.remedy
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"triune\[postgres\]") as refusal:
        open_database("postgresql+psycopg://triune:hunter2@127.0.0.1/none")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_file_is_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    file = tmp_path / "state" / "jobs.sqlite"
    before = os.umask(umask)
    try:
        storage = Storage(f"sqlite:///{file}")
        storage.put(job(1))
    finally:
        os.umask(before)
    assert len(list(file.parent.iterdir())) == 3  # with the write-ahead log and its index
    assert {mode(path) for path in file.parent.iterdir()} == {0o600}
    assert mode(file.parent) == 0o700
    storage.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite"
    file.touch(mode=0o644)
    Storage(sqlite_url(file)).close()
    assert mode(file) == 0o600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["a b", "a?b=c", "a#b", "100%", "a%20b", "é@ü:1"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "jobs.sqlite"
    Storage(sqlite_url(file)).close()
    assert file.stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_sqlite_is_written_ahead_and_a_writer_waits(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "jobs.sqlite"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == BUSY_TIMEOUT_S * 1000
    engine.dispose()
