"""Schemas: typed columns with public ranges, agreed by all holders of a data set.

A schema is public; it decides encoding and bounds, so nothing has to look at data for them. Its hash
is over canonical JSON (RFC 8785), not over the file's text.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

import rfc8785
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from mpc.encoding import Scale
from mpc.errors import CatalogueError
from mpc.statistics.dates import day_number
from mpc.statistics.rows import MAX_WORD_BITS, ColumnSpec

MAX_DIGITS = 9
MAX_LEVELS = 1000
MAX_COLUMNS = 10_000
MAX_SCHEMA_BYTES = 4 << 20
#: Of a holder's data.
MAX_VERSION = 2**31 - 1
BOOLEAN_LEVELS = ("false", "true")
_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"


def _bound(value: object) -> Decimal | date:
    """A bound as it was meant: a date, an ISO date's text, or a number taken from its text."""
    if isinstance(value, date):
        return value
    text = str(value)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return date.fromisoformat(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a bound is a number or an ISO date") from None
    if not number.is_finite():
        raise ValueError("a bound is finite")
    return number


def _bound_text(value: Decimal | date) -> str:
    return value.isoformat() if isinstance(value, date) else f"{value.normalize():f}"


Bound = Annotated[Decimal | date, BeforeValidator(_bound), PlainSerializer(_bound_text)]


class Kind(StrEnum):
    """How a column's cells are read."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    REAL = "real"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text holds signs that cannot be printed")
    return text


#: Other parties' screens show these: a control sequence could make them show anything.
Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
LongText = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]


class Column(_Model):
    """One column. `min` and `max` are public bounds, inclusive, in the column's unit; dates are ISO.

    `out_of_range`: values beyond them are refused, count as missing, or are taken for the nearer bound (top-
    and bottom-coding). `complete`, `missing_protected`: as `ColumnSpec` has them.
    """

    name: str = Field(pattern=_NAME)
    kind: Kind
    min: Bound | None = None
    max: Bound | None = None
    digits: int = Field(default=0, ge=0, le=MAX_DIGITS)
    levels: tuple[Text, ...] = Field(default=(), max_length=MAX_LEVELS)
    unit: Text = ""
    na: tuple[Text, ...] = Field(default=(), max_length=100)
    out_of_range: Literal["refuse", "missing", "clip"] = "refuse"
    structural_zero: bool = False
    complete: bool = False
    missing_protected: bool = False
    description: LongText = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Column:
        if self.is_category:
            self._check_levels()
        else:
            self._check_range()
        if self.complete and (self.missing_protected or self.out_of_range == "missing"):
            raise ValueError("a complete column has no missing values to protect, nor any made of others")
        if self.digits and self.kind is not Kind.DECIMAL:
            raise ValueError("digits belong to decimal columns only")
        return self

    def _check_levels(self) -> None:
        if self.min is not None or self.max is not None:
            raise ValueError("a category has levels, no range")
        if self.kind is Kind.BOOLEAN and self.levels:
            raise ValueError("a boolean needs no levels")
        if self.kind is Kind.CATEGORY and not self.levels:
            raise ValueError("a category needs levels")
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("a level appears twice")

    def _check_range(self) -> None:
        if self.levels or self.structural_zero:
            raise ValueError("levels and structural_zero belong to categories and booleans")
        if self.min is None or self.max is None:
            raise ValueError("a public range is needed: give min and max")
        if isinstance(self.min, date) != (self.kind is Kind.DATE) or type(self.min) is not type(self.max):
            raise ValueError("min and max must be dates for a date column and numbers otherwise")
        if self.min >= self.max:  # type: ignore[operator]
            raise ValueError("min must be below max")
        if (
            self.kind is not Kind.REAL
            and max(abs(self._word(v)) for v in (self.min, self.max)) >> MAX_WORD_BITS
        ):
            raise ValueError("the range is too wide: narrow it or use fewer digits")

    def _word(self, value: Decimal | date) -> int:
        """The encoded word of a bound."""
        if isinstance(value, date):
            return day_number(value)
        return round(value * self.scale.factor)

    @property
    def is_category(self) -> bool:
        """Whether words are indices of levels."""
        return self.kind in (Kind.CATEGORY, Kind.BOOLEAN)

    @property
    def scale(self) -> Scale:
        """Decimals exact; reals with as many fraction bits as leave words below 2^52."""
        if self.kind is Kind.DECIMAL:
            return Scale(digits=self.digits)
        if self.kind is Kind.REAL and isinstance(self.min, Decimal) and isinstance(self.max, Decimal):
            reach = max(abs(float(self.min)), abs(float(self.max)))
            return Scale(bits=max(0, MAX_WORD_BITS - 1 - math.frexp(reach)[1]))
        return Scale()

    @property
    def all_levels(self) -> tuple[str, ...]:
        """The levels in the order of their words; a boolean's too."""
        return BOOLEAN_LEVELS if self.kind is Kind.BOOLEAN else self.levels

    def spec(self) -> ColumnSpec:
        """What the engine needs to know."""
        if self.is_category:
            top = len(self.all_levels) - 1
            return ColumnSpec(
                self.name, "category", hi=top, levels=self.all_levels, structural_zero=self.structural_zero,
                complete=self.complete, missing_protected=self.missing_protected,
            )  # fmt: skip
        low, high = (self._word(bound) for bound in (self.min, self.max) if bound is not None)
        return ColumnSpec(
            self.name, "date" if self.kind is Kind.DATE else "number", self.scale, low, high,
            complete=self.complete, missing_protected=self.missing_protected,
        )  # fmt: skip


class Schema(_Model):
    """A data set's columns, agreed by all its holders."""

    name: str = Field(pattern=_NAME)
    title: Text = ""
    version: int = Field(default=1, ge=1)
    columns: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)

    @model_validator(mode="after")
    def _names_differ(self) -> Schema:
        names = [column.name for column in self.columns]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"column {min(twice)} appears twice")
        return self

    def to_json(self) -> bytes:
        """Canonical JSON, the bytes that are hashed."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, data: bytes) -> Schema:
        """Parse what another party sent; `CatalogueError` if it is no schema."""
        if len(data) > MAX_SCHEMA_BYTES:
            raise CatalogueError("A schema is larger than allowed.", remedy="Split the data set.")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise explain_invalid("A schema", error) from None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, hex."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def column(self, name: str) -> Column:
        """A column by name. Raises `CatalogueError` that lists those that there are."""
        for column in self.columns:
            if column.name == name:
                return column
        raise CatalogueError(
            f"{self.name} has no column {name!r}.",
            remedy=f"It has {', '.join(c.name for c in self.columns)}.",
        )

    def specs(self) -> Mapping[str, ColumnSpec]:
        """What the engine needs to know, by column."""
        return self.made_specs

    @cached_property
    def made_specs(self) -> Mapping[str, ColumnSpec]:
        """`specs`, made once."""
        return {column.name: column.spec() for column in self.columns}


class Registration(_Model):
    """A holder's public announcement of its part: the schema, an upper bound on its rows, their version.

    The version counts the times that other data were registered under this name.
    """

    dataset: str = Field(pattern=_NAME)
    holder: str = Field(min_length=1, max_length=32)
    rows_at_most: int = Field(ge=1, le=10**9)
    version: int = Field(default=1, ge=1, le=MAX_VERSION)
    catalogue: Schema

    def to_json(self) -> bytes:
        """Canonical JSON, as it crosses the wire."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, data: bytes) -> Registration:
        """Parse what a holder sent; `CatalogueError` if it is no registration."""
        try:
            made = cls.model_validate_json(data)
        except ValidationError as error:
            raise explain_invalid("A registration", error) from None
        if made.catalogue.name != made.dataset:
            raise CatalogueError(
                f"A registration of {made.dataset} carries the schema of {made.catalogue.name}."
            )
        return made


def agree(registrations: Sequence[Registration]) -> Schema:
    """The one schema of a data set; `CatalogueError` names the holders whose schema differs."""
    if not registrations:
        raise CatalogueError("Nobody holds this data set.", remedy="Ask a holder to run `triune data add`.")
    first = registrations[0]
    differing = [item.holder for item in registrations if item.catalogue.hash != first.catalogue.hash]
    if differing:
        raise CatalogueError(
            f"The holders of {first.dataset} do not agree on its schema: {', '.join(differing)} differ from "
            f"{first.holder}.",
            remedy="Register the same schema file at every holder.",
        )
    return first.catalogue


def explain_invalid(
    what: str, error: ValidationError, names: Mapping[int, str] | None = None
) -> CatalogueError:
    """The first fault of a model in one sentence that names column and field, never a value."""
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(
        names.get(part, str(part)) if names and isinstance(part, int) else str(part) for part in fault["loc"]
    )
    return CatalogueError(
        f"{what} is not valid at {where or 'its top'}: {fault['msg'].removeprefix('Value error, ')}.",
        remedy="Correct that field in the schema file.",
    )
