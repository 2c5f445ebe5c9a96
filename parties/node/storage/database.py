"""Opens a node's database, SQLite or PostgreSQL, on the current schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mpc.errors import ConfigError
from parties.node.migrations import HEAD

#: How long one access waits for another's lock, and how long a PostgreSQL may take for a connection, a
#: statement, or a sign of life on the network (seconds). All are shorter than parties wait for each other,
#: so a database that hangs ends a job with its owner's name.
LOCK_TIMEOUT_S: Final = 3
CONNECT_TIMEOUT_S: Final = 4
STATEMENT_TIMEOUT_S: Final = 4
NETWORK_TIMEOUT_S: Final = 4
_DRIVERS: Final[Mapping[str, str]] = MappingProxyType(
    {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
)
_NO_URL: Final = "The key 'database' is no database URL that Triune can use{why}."
_URL_REMEDY: Final = (
    'Write it as "postgresql+psycopg://user:password@host/name", with %40 for an @ in the password, '
    'or "sqlite:////absolute/file"; left out, it is a SQLite file in `state`.'
)


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file, whatever signs its path has."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def open_database(address: str, *, read_only: bool = False) -> Engine:
    """An engine on the current schema. Several processes may open one database at once.

    `read_only` neither makes nor migrates nor locks anything, and refuses another schema.

    Raises `ConfigError`, without the password, for a URL that cannot be used, a database that does not
    answer, and one whose schema this version does not know.
    """
    url = _checked(address)
    # libpq takes a password among the options too, so no option is ever shown
    shown = url.set(query={}).render_as_string(hide_password=True)
    try:
        if url.get_backend_name() == "postgresql":
            engine = _postgresql(url, read_only=read_only)
        elif read_only:
            engine = _sqlite_reader(url, shown)
        else:
            engine = _sqlite(url)
        return _on_current_schema(engine, shown, read_only=read_only)
    except (SQLAlchemyError, ImportError, OSError) as error:
        # `from None`: the driver's text may hold the whole URL
        raise ConfigError(
            f"The database {shown} cannot be opened ({type(error).__name__}).", remedy=_remedy(error)
        ) from None


def _checked(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # a port that is no number is a bare ValueError that quotes the URL
        raise ConfigError(_NO_URL.format(why=""), remedy=_URL_REMEDY) from None
    why = _misread(address, url) if url.get_backend_name() == "postgresql" else _no_file(url)
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
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Readers and the writer do not block each other; a second writer waits its turn.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a power cut undoes nothing that was committed
    cursor.close()


def _sqlite_reader(url: URL, shown: str) -> Engine:
    file = Path(url.database or "")
    if not file.is_file():
        raise _not_current(shown, "")

    def connect() -> sqlite3.Connection:
        address = f"{file.as_uri()}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=LOCK_TIMEOUT_S, check_same_thread=False)

    return create_engine(url, hide_parameters=True, creator=connect)


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    limits = {
        "lock_timeout": f"{LOCK_TIMEOUT_S}s",
        "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "synchronous_commit": "on",
        "default_transaction_read_only": "on" if read_only else "off",
    }
    given = url.query.get("options", "")
    options = [given if isinstance(given, str) else " ".join(given)]
    options += [f"-c {name}={value}" for name, value in limits.items()]
    # Parameters stay out of errors and thereby out of logs: they are plans and sealed results.
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=STATEMENT_TIMEOUT_S,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": NETWORK_TIMEOUT_S * 1000,
            "options": " ".join(options).strip(),
        },
    )


def _on_current_schema(engine: Engine, shown: str, *, read_only: bool) -> Engine:
    try:
        with engine.connect() as connection:
            found = _schema_of(connection)
        if read_only and found != HEAD:
            raise _not_current(shown, found)
        if found != HEAD:
            # Alembic loads slowly, and only a new or an older database needs it.
            from parties.node.storage.migration import migrate  # noqa: PLC0415

            migrate(engine, shown)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _schema_of(connection: Connection) -> str:
    """Empty for a database without tables of Triune's."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return ", ".join(connection.scalars(text("SELECT version_num FROM alembic_version")))


def _not_current(shown: str, found: str) -> ConfigError:
    if not found:
        return ConfigError(
            f"The database {shown} holds no jobs yet.", remedy="A compute party makes it when it first runs."
        )
    return ConfigError(
        f"The database {shown} has the schema {found}; this version reads {HEAD}.",
        remedy="Use the version that the node runs, or start the node with this one, which updates it.",
    )


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "Install its driver; for PostgreSQL: pip install 'triune[postgres]'."
    return "Check that it runs, that it can be reached, and the user's rights."
