"""Schema files: TOML that an operator reads and confirms.

    name = "gbsg2"
    title = "German Breast Cancer Study Group 2"
    version = 1

    [columns.age]
    type = "integer"
    min = 20
    max = 100
    unit = "a"

A drafted range carries `confirmed = false`; a file with one is refused until the operator has set it to
true or deleted the line.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mpc.errors import CatalogueError, ConfigError
from parties.management.catalogue import Column, Kind, Schema, explain_invalid


def load_schema(path: Path) -> Schema:
    """Read and check a schema file; `ConfigError` or `CatalogueError` name file, column and field."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The schema file {path} cannot be read.", remedy="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The schema file {path} is not TOML: {error}.", remedy="Correct that line."
        ) from None
    columns = content.pop("columns", {})
    unconfirmed = [name for name, fields in columns.items() if fields.pop("confirmed", True) is not True]
    if unconfirmed:
        raise CatalogueError(
            f"{path.name} has drafted ranges that nobody confirmed: {', '.join(unconfirmed)}.",
            remedy="Set each min and max from the data dictionary, then confirmed = true.",
        )
    made = [_column(path, name, fields) for name, fields in columns.items()]
    try:
        return Schema(columns=tuple(made), **content)
    except (ValidationError, TypeError) as error:
        if isinstance(error, ValidationError):
            raise explain_invalid(path.name, error) from None
        raise CatalogueError(f"{path.name} is no schema.", remedy="Compare it with a drafted one.") from None


def _column(path: Path, name: str, fields: dict[str, Any]) -> Column:
    given = dict(fields)
    given["kind"] = given.pop("type", None)
    given["na"] = tuple(str(code) for code in given.get("na", ()))
    try:
        return Column(name=name, **given)
    except ValidationError as error:
        raise explain_invalid(f"Column {name} of {path.name}", error) from None


def dump_schema(schema: Schema, unconfirmed: frozenset[str] = frozenset()) -> str:
    """A schema file's text; columns in `unconfirmed` are marked for the operator."""
    lines = [f'name = "{schema.name}"', f'title = "{_quoted(schema.title)}"', f"version = {schema.version}"]
    for column in schema.columns:
        lines += ["", f"[columns.{column.name}]", f'type = "{column.kind.value}"']
        lines += _fields(column)
        if column.name in unconfirmed:
            lines.append("confirmed = false  # a proposal: set the range of the data dictionary, then true")
    return "\n".join(lines) + "\n"


def _fields(column: Column) -> list[str]:
    lines = [f"digits = {column.digits}"] if column.kind is Kind.DECIMAL else []
    if column.min is not None and column.max is not None:
        lines += [f"min = {_number(column.min)}", f"max = {_number(column.max)}"]
    if column.kind is Kind.CATEGORY:
        lines.append("levels = [" + ", ".join(f'"{_quoted(level)}"' for level in column.levels) + "]")
    if column.unit:
        lines.append(f'unit = "{_quoted(column.unit)}"')
    if column.na:
        lines.append("na = [" + ", ".join(f'"{_quoted(code)}"' for code in column.na) + "]")
    return lines


def _number(value: object) -> str:
    text = str(value)
    return f"{value:f}" if "E" in text and hasattr(value, "normalize") else text


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
