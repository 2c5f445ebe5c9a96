"""Opens a node's database, SQLite or PostgreSQL, and brings its schema up to date."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mpc.errors import ConfigError

#: How long a writer waits for another one, and a node for a PostgreSQL that does not answer (seconds).
BUSY_TIMEOUT_S: Final = 30
CONNECT_TIMEOUT_S: Final = 10
#: Whoever holds this PostgreSQL advisory lock migrates; the number only has to be Triune's own.
MIGRATION_LOCK: Final = 0x747269756E65
_FIRST_TABLES: Final = frozenset({"jobs", "results"})
_DRIVERS: Final[Mapping[str, str]] = MappingProxyType(
    {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
)
_NO_URL: Final = "The key 'database' is no database URL that Triune can use{why}."
_URL_REMEDY: Final = (
    'Write it as "postgresql+psycopg://user:password@host/name", with %40 for an @ in the password, '
    'or "sqlite:////absolute/file"; left out, it is a SQLite file in `state`.'
)


def sqlite_url(file: Path) -> URL:
    """The URL of a SQLite file, whatever signs its path has."""
    return URL.create("sqlite", database=str(file.absolute()))


def open_database(address: str | URL) -> Engine:
    """An engine on the current schema. Several processes may open one database at once.

    Raises `ConfigError`, without the password, for a URL that cannot be used, a database that does not
    answer, and one whose schema this version does not know.
    """
    url = _checked(address)
    # libpq takes a password among the options too, so no option is ever shown
    shown = url.set(query={}).render_as_string(hide_password=True)
    try:
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        return _on_current_schema(engine, shown)
    except (SQLAlchemyError, ImportError, OSError) as error:
        # `from None`: the driver's text may hold the whole URL
        raise ConfigError(
            f"The database {shown} cannot be opened ({type(error).__name__}).", remedy=_remedy(error)
        ) from None


def _checked(address: str | URL) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # a port that is no number is a bare ValueError that quotes the URL
        raise ConfigError(_NO_URL.format(why=""), remedy=_URL_REMEDY) from None
    why = _misread(str(address), url) if url.get_backend_name() == "postgresql" else _no_file(url)
    if url.drivername not in {*_DRIVERS, *_DRIVERS.values()}:
        why = ": only sqlite and postgresql+psycopg are supported"
    if why:
        raise ConfigError(_NO_URL.format(why=why), remedy=_URL_REMEDY)
    return url.set(drivername=_DRIVERS[url.get_backend_name()])


def _misread(address: str, url: URL) -> str:
    # Behind an unescaped @, the rest of a password would be taken for a host and be shown.
    misread = address.count("@") > 1 or "@" in f"{url.host}{url.database}"
    return ": it has an @ in a wrong place" if misread else ""


def _no_file(url: URL) -> str:
    if url.query:
        return ": a SQLite file takes no options"
    # A file in memory is another one for every thread, and a relative one depends on where the node starts.
    return "" if Path(url.database or "").is_absolute() else ": a SQLite file needs an absolute path"


def _sqlite(url: URL) -> Engine:
    file = Path(url.database or "")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600, exist_ok=True)
    if file.is_file():
        file.chmod(0o600)  # SQLite gives its other files the mode of this one
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Readers and the writer do not block each other; a second writer waits its turn.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _postgresql(url: URL) -> Engine:
    # Parameters stay out of errors and thereby out of logs: they are plans and sealed results.
    return create_engine(
        url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}
    )


def _on_current_schema(engine: Engine, shown: str) -> Engine:
    try:
        with engine.begin() as connection:
            _wait_for_others(connection)
            _migrate(connection, shown)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _wait_for_others(connection: Connection) -> None:
    """From here to the commit nobody else migrates, and what is cut off has not happened."""
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction before CREATE TABLE by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})


def _migrate(connection: Connection, shown: str) -> None:
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


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "Install its driver; for PostgreSQL: pip install 'triune[postgres]'."
    return "Check that it runs, that it can be reached, and the user's rights."
