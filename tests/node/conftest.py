"""What tests of nodes share: hospitals of a test of its own, and a real PostgreSQL for those of storage."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from parties.client import connect
from parties.client.space import Space
from parties.demo.processes import free_ports
from tests.faults.troubles import BRISK, ROUND_S
from tests.helping import HOLDERS, Hospitals, running_hospitals

UNPRIVILEGED = "postgres"


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


def _as_somebody(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", UNPRIVILEGED, "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a database on loopback."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="triune-postgres-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
    (port,) = free_ports(1)
    data, log = str(folder / "data"), str(folder / "log")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [str(programs / "pg_ctl"), "-D", data, "-w", "-l", log]

    def run(command: list[str]) -> None:
        subprocess.run(_as_somebody(command), check=True, capture_output=True, cwd=folder, timeout=120)

    try:
        run([str(programs / "initdb"), "-D", data, "-U", "triune", "-A", "trust", "-E", "UTF8"])
        run([*control, "-o", options, "start"])
        yield f"postgresql+psycopg://triune:hunter2@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(_as_somebody([*control, "-m", "immediate", "stop"]), check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """The URL of that database; it is emptied after the test."""
    yield postgres
    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Hospitals]:
    """Hospitals of a test of its own, with short deadlines."""
    with running_hospitals(tmp_path / "box", BRISK, ROUND_S) as made:
        yield made


@pytest.fixture
def space(box: Hospitals) -> Iterator[Space]:
    """The analyst eve at them."""
    with connect(box.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)
        yield made
