"""The kinds of stores that a node can use. A new one is a class beside `sql` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mpc.errors import ConfigError
from parties.node.config import NodeConfig
from parties.node.storage.base import JobStore
from parties.node.storage.database import sqlite_url
from parties.node.storage.sql import SqlStore

DATABASE_FILE: Final = "jobs.sqlite"
#: Scheme of the URL, without a driver -> class.
STORES: Mapping[str, type[JobStore]] = MappingProxyType({"sqlite": SqlStore, "postgresql": SqlStore})


def open_store(url: str, owner: str, *, read_only: bool = False) -> JobStore:
    """The store at a URL. Raises `ConfigError`, without the URL, if no kind has its scheme."""
    kind = STORES.get(url.partition(":")[0].partition("+")[0])
    if kind is None:
        raise ConfigError(
            "The key 'database' is no database URL that Triune can use.",
            remedy=f"Its scheme is one of {', '.join(STORES)}; left out, it is a SQLite file in `state`.",
        )
    return kind.open(url, owner, read_only=read_only)


def store_of(settings: NodeConfig, *, read_only: bool = False) -> JobStore:
    """The store that a node's settings name: `database`, or a SQLite file in `state`."""
    url = settings.database or sqlite_url(settings.state / DATABASE_FILE)
    return open_store(url, settings.name, read_only=read_only)
