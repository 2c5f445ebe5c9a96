"""Brings a database to the current schema. Apart, because Alembic takes long to load and is rarely needed."""

from __future__ import annotations

from importlib import resources
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from mpc.errors import ConfigError

#: How long a process waits for another one that migrates, and for each step of its own (seconds).
MIGRATION_TIMEOUT_S: Final = 60
#: Whoever holds this PostgreSQL advisory lock migrates; the number only has to be Triune's own.
MIGRATION_LOCK: Final = 0x747269756E65
_FIRST_TABLES: Final = frozenset({"jobs", "results"})


def migrate(engine: Engine, shown: str) -> None:
    """One transaction to the newest schema. `ConfigError` for a database that is newer, or another's."""
    with engine.begin() as connection:
        _wait_for_others(connection)
        _upgrade(connection, shown)
    engine.dispose()  # the next connections have the usual limits


def _wait_for_others(connection: Connection) -> None:
    """From here to the commit nobody else migrates, and what is cut off has not happened."""
    limit = MIGRATION_TIMEOUT_S * 1000
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={limit}")
        # Python's driver begins no transaction before CREATE TABLE by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        for name in ("lock_timeout", "statement_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {name} = {limit}")
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})


def _upgrade(connection: Connection, shown: str) -> None:
    config = Config()
    folder = str(resources.files("parties.node") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - known:
        strange = ", ".join(sorted(found - known))
        raise ConfigError(
            f"The database {shown} was written by a newer Triune (schema {strange}).",
            remedy="Install that version again, or restore a backup from before the update.",
        )
    if not found and _FIRST_TABLES & set(inspect(connection).get_table_names()):
        raise ConfigError(
            f"The database {shown} has tables called {' or '.join(sorted(_FIRST_TABLES))} without a version.",
            remedy="Give the node a database of its own, or move the SQLite file away: it holds past jobs.",
        )
    command.upgrade(config, "head")
