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

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mpc.errors import CatalogueError
from parties.identity.toml import array, quoted, read_toml
from parties.management.catalogue import Column, Kind, Schema, explain_invalid


def load_schema(path: Path) -> Schema:
    """Read and check a schema file; `ConfigError` or `CatalogueError` name file, column and field."""
    content = read_toml(path, what="schema file")
    columns = content.pop("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(fields, dict) for fields in columns.values()):
        raise CatalogueError(
            f"{path.name} is no schema: each column needs a table, as in [columns.age].",
            remedy="Compare it with a drafted one.",
        )
    unconfirmed = [name for name, fields in columns.items() if fields.pop("confirmed", True) is not True]
    if unconfirmed:
        raise CatalogueError(
            f"{path.name} has drafted ranges that nobody confirmed: {', '.join(unconfirmed)}.",
            remedy="Set each min and max from the data dictionary, then confirmed = true.",
        )
    made = [_column(path, name, fields) for name, fields in columns.items()]
    try:
        return Schema(columns=tuple(made), **content)
    except ValidationError as error:
        raise explain_invalid(path.name, error) from None


def _column(path: Path, name: str, fields: dict[str, Any]) -> Column:
    given = {**fields, "name": name, "kind": fields.get("type")}
    given.pop("type", None)
    if isinstance(given.get("na"), list):  # numbers are meant as they are written
        given["na"] = tuple(str(code) for code in given["na"])
    try:
        return Column.model_validate(given)
    except ValidationError as error:
        raise explain_invalid(f"Column {name} of {path.name}", error) from None


def dump_schema(schema: Schema, unconfirmed: frozenset[str] = frozenset()) -> str:
    """A file's text, which `load_schema` reads; columns in `unconfirmed` are marked for the operator."""
    lines = [
        f"name = {quoted(schema.name)}",
        f"title = {quoted(schema.title)}",
        f"version = {schema.version}",
    ]
    for column in schema.columns:
        lines += ["", f"[columns.{column.name}]", f"type = {quoted(column.kind.value)}", *_fields(column)]
        if column.name in unconfirmed:
            lines.append("confirmed = false  # a proposal: set the range of the data dictionary, then true")
    return "\n".join(lines) + "\n"


def _fields(column: Column) -> list[str]:
    """What is not as a column has it anyway."""
    lines = [f"digits = {column.digits}"] if column.kind is Kind.DECIMAL else []
    if column.min is not None and column.max is not None:
        lines += [f"min = {_number(column.min)}", f"max = {_number(column.max)}"]
    for key in ("levels", "na"):
        texts = getattr(column, key)
        lines += [f"{key} = {array(texts)}"] if texts else []
    for key in ("unit", "out_of_range", "description"):
        text = getattr(column, key)
        lines += [f"{key} = {quoted(text)}"] if text != Column.model_fields[key].default else []
    marks = ("structural_zero", "complete", "missing_protected")
    return lines + [f"{mark} = true" for mark in marks if getattr(column, mark)]


def _number(bound: Decimal | date) -> str:
    return bound.isoformat() if isinstance(bound, date) else f"{bound:f}"
