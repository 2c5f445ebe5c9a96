"""Databases of SQLite and a real PostgreSQL: schema, migrations, limits, rights, and refused URLs."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import subprocess
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from mpc.errors import ConfigError, StorageError
from parties.node import migrations
from parties.node.storage import database, migration
from parties.node.storage.database import LOCK_TIMEOUT_S, open_database, sqlite_url
from parties.node.storage.table import open_store
from parties.node.storage.tables import METADATA
from tests.node.job_store_contract import job, released

OPEN = "import sys; from parties.node.storage.table import open_store; open_store(sys.argv[1], 'ada').close()"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "state" / "jobs.sqlite")
    return str(request.getfixturevalue("empty_postgres"))


def opened(url: str) -> None:
    """As a node opens it at its start."""
    open_store(url, "ada").close()


def test_the_newest_revision_is_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_a_current_database_opens_without_alembic(url: str) -> None:
    opened(url)
    program = f"{OPEN}; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program, url], check=False, timeout=60).returncode == 0


def test_a_job_of_before_its_terms_were_kept_has_none(url: str) -> None:
    with closing(open_store(url, "ada")) as store:
        store.put(released(job(1)))
        engine = open_database(url)
        with engine.begin() as connection:
            older = '{"seconds": 0.5, "rounds": 12, "bytes_sent": 680, "bytes_received": 1296}'
            connection.execute(text("UPDATE jobs SET cost = :cost"), {"cost": older})
        engine.dispose()
        assert store.jobs() == [dataclasses.replace(released(job(1)), terms="")]


def test_a_reader_waits_for_no_writer_and_migrates_nothing(url: str) -> None:
    opened(url)
    engine = open_database(url)
    with engine.connect() as writer:
        if url.startswith("sqlite"):
            writer.exec_driver_sql("BEGIN IMMEDIATE")
        writer.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        with closing(open_store(url, "ada", read_only=True)) as reader:
            assert reader.jobs() == []
        writer.commit()
    engine.dispose()
    with pytest.raises(ConfigError, match=f"schema 0000; this version reads {migrations.HEAD}") as refusal:
        open_store(url, "ada", read_only=True)
    assert "start the node" in refusal.value.remedy
    assert "hunter2" not in str(refusal.value)


def test_a_database_that_hangs_holds_nobody_for_ever(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for limit in ("LOCK_TIMEOUT_S", "STATEMENT_TIMEOUT_S"):
        assert getattr(database, limit) < 5  # before the parties give up waiting for each other
        monkeypatch.setattr(database, limit, 1)
    opened(empty_postgres)
    engine = open_database(empty_postgres + "?options=-c%20application_name%3Dnode")
    with closing(open_store(empty_postgres, "ada")) as store, engine.connect() as other:
        assert other.scalar(text("SHOW application_name")) == "node"
        other.execute(text("LOCK TABLE jobs"))
        started = time.monotonic()
        with pytest.raises(StorageError, match="ada failed"):
            store.put(job(1))
        with pytest.raises(OperationalError, match="statement timeout"):
            other.execute(text("SELECT pg_sleep(30)"))
        assert time.monotonic() - started < 15
        other.rollback()
        store.put(job(1))
        assert store.jobs() == [job(1)]
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
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
    opened(url)
    assert tables(url) == {"alembic_version", "jobs", "results", "ledger"}


def test_a_database_of_the_first_version_keeps_its_jobs(url: str) -> None:
    with closing(open_store(url, "ada")) as store:
        store.put(job(1))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE ledger"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with closing(open_store(url, "ada")) as store:
        assert store.jobs() == [job(1)]
        assert store.ledger.earlier("gbsg2", "", "eve") == []
    assert "ledger" in tables(url)


def test_several_processes_open_a_new_database_at_once(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN, url]
    opening = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in opening] == [""] * 4


def test_triune_may_be_installed_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "100%"
    shutil.copytree(Path(migrations.__file__).parent, package / "migrations")
    monkeypatch.setattr(migration.resources, "files", lambda _: package)
    opened(sqlite_url(tmp_path / "jobs.sqlite"))


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
        storage = open_store(f"sqlite:///{file}", "ada")
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
    opened(sqlite_url(file))
    assert mode(file) == 0o600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["a b", "a?b=c", "a#b", "100%", "a%20b", "é@ü:1"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "jobs.sqlite"
    opened(sqlite_url(file))
    assert file.stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_sqlite_is_written_ahead_and_a_writer_waits(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "jobs.sqlite"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == LOCK_TIMEOUT_S * 1000
    engine.dispose()
