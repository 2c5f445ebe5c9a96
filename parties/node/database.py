"""Opens a node's database, SQLite or PostgreSQL, and brings its schema up to date."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from mpc.errors import ConfigError

#: How long a writer waits for another one (seconds).
BUSY_TIMEOUT_S: Final = 30
_MODE: Final = 0o600


def sqlite_url(file: Path) -> str:
    """The URL of a database file that its owner alone may read; made if it does not exist."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=_MODE, exist_ok=True)
    return f"sqlite:///{file}"


def open_database(url: str) -> Engine:
    """An engine on the current schema.

    Raises `ConfigError`, without the password, for a URL that cannot be used, a database that does not
    answer, and one that a newer version of Triune has written.
    """
    shown = _without_password(url)
    try:
        engine = create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        return _on_current_schema(engine, shown)
    except (SQLAlchemyError, ImportError) as error:
        # `from None`: the driver's text may hold the whole URL
        raise ConfigError(
            f"The database {shown} cannot be opened ({type(error).__name__}).", remedy=_remedy(error)
        ) from None


def _on_current_schema(engine: Engine, shown: str) -> Engine:
    try:
        with engine.begin() as connection:
            _migrate(connection, shown)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Readers and the writer do not block each other; a second writer waits its turn.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    cursor.close()


def _migrate(connection: Connection, shown: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("parties.node") / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - known:
        strange = ", ".join(sorted(found - known))
        raise ConfigError(
            f"The database {shown} was written by a newer Triune (schema {strange}).",
            remedy="Install that version again, or restore a backup from before the update.",
        )
    command.upgrade(config, "head")


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        raise ConfigError(
            "The key 'database' is no database URL.",
            remedy='Write it as "postgresql+psycopg://user@host/name", or leave it out for SQLite.',
        ) from None


def _remedy(error: Exception) -> str:
    if isinstance(error, NoSuchModuleError | ImportError):
        return "Install its driver; for PostgreSQL: pip install 'triune[postgres]'."
    return "Check that it runs, that it can be reached, and the user's rights."
