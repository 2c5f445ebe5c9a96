"""The settings that a new party starts from, node.toml or analyst.toml, made of the options in `config`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from parties.identity.settings import ANALYST_FILE, KEYS_FOLDER, NODE_FILE, STATE_FOLDER
from parties.identity.toml import quoted
from parties.node.config import COMPUTE_ONLY, OF_PRESET, NodeConfig

_NODE_ROLES: Final = frozenset({"holder", "compute", "authority", "witness"})
_OF_AN_ANALYST: Final = ("name", "consortium", "keys")
_WIDTH: Final = 110


def write_settings(
    folder: Path, name: str, roles: Iterable[str], *, consortium: str, address: str, sandbox: bool = False
) -> Path:
    """Writes node.toml, or analyst.toml for a party that only asks, into `folder`, and returns its path.

    `consortium` is the path of that file from `folder`; `address` is of compute parties alone. The nodes of a
    sandbox have a lane port that the system chooses.
    """
    given: dict[str, Any] = {"name": name, "consortium": consortium, "keys": KEYS_FOLDER}
    if not _NODE_ROLES & {*roles}:
        return _write(folder / ANALYST_FILE, f"# The analyst {name}.", given, _OF_AN_ANALYST)
    (folder / STATE_FOLDER).mkdir(mode=0o700, exist_ok=True)
    given |= {"state": STATE_FOLDER, "listen": address}
    if sandbox:
        given["compute"] = {"lane_port": 0}
    keys = [key for key in NodeConfig.model_fields if "compute" in roles or key not in COMPUTE_ONLY]
    return _write(folder / NODE_FILE, f"# The party node {name}.", given, keys)


def _write(path: Path, heading: str, given: Mapping[str, Any], keys: Iterable[str]) -> Path:
    lines = [heading, *_options(NodeConfig, given, keys)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _options(model: type[BaseModel], given: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    """Options with their descriptions, single ones before tables, as TOML wants it."""
    tables = []
    for key in keys:
        field = model.model_fields[key]
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables.append((key, field.annotation))
        else:
            lines = textwrap.wrap(field.description or "", _WIDTH - 2)
            yield from (f"# {line}" for line in lines)
            yield _line(key, field, given)
    for key, table in tables:
        yield from ("", f"[{key}]", *_options(table, given.get(key, {}), table.model_fields))


def _line(key: str, field: FieldInfo, given: Mapping[str, Any]) -> str:
    """One that is neither given nor has a default of its own is shown as a comment, by its example."""
    value = given.get(key, field.default)
    if key in OF_PRESET:
        return f"# {key} = {_toml(value)}"
    if value in (None, ""):
        return f"# {key} = {_toml((field.examples or [''])[0])}"
    return f"{key} = {_toml(value)}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
