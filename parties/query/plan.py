"""The plan: what an analyst asks, signed once and sent alike to every party.

A plan travels as canonical JSON (RFC 8785). Its hash and signature are over those bytes; a party
accepts only bytes that re-encode to themselves, so that one plan has one hash.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.errors import IdentityError, PlanInvalid
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.management.catalogue import MAX_VERSION
from parties.query.filters import Expression

SIGNING_CONTEXT = "triune/plan/v1"
MAX_PLAN_BYTES = 256 << 10
MAX_STATISTICS = 100
MAX_HOLDERS = 1000
NONCE_BYTES = 16
#: A study has a name as data sets have, or none.
STUDY = r"^([A-Za-z_][A-Za-z0-9_]{0,63})?$"
_HEX16, _HEX32 = r"^[0-9a-f]{32}$", r"^[0-9a-f]{64}$"
#: A parameter: a whole number, or a text (a decimal, a name, a formula) that the statistic itself reads.
Parameter = Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)] | Annotated[str, Field(max_length=1000)]
Parameters = Annotated[tuple[Parameter, ...], Field(max_length=1001)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StatisticSpec(_Model):
    """One statistic: its kind, its columns, the parameters that the kind knows, and a name for the result."""

    kind: str = Field(max_length=32)
    columns: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=100)
    parameters: dict[Annotated[str, Field(max_length=32)], Parameter | Parameters] = Field(
        default_factory=dict, max_length=20
    )
    name: str = Field(default="", max_length=64)

    def __str__(self) -> str:
        """In words."""
        return f"{self.kind} of {', '.join(self.columns)}" if self.columns else self.kind


class HolderPart(_Model):
    """A holder, the public upper bound on its rows, and the version of its data."""

    name: str = Field(max_length=32)
    rows_at_most: int = Field(ge=1, le=10**9)
    version: int = Field(default=1, ge=1, le=MAX_VERSION)


class Plan(_Model):
    """Everything about a query that is public. Times are Unix seconds.

    `holders`: all that take part. `at`: of these, whose records are asked of, all where it is empty; the
    others take part because differences with earlier questions may be of their records.
    """

    version: Literal[4] = 4
    consortium: str = Field(pattern=_HEX32)
    nonce: str = Field(pattern=_HEX16)
    created: int = Field(ge=0, lt=2**53)
    expires: int = Field(ge=0, lt=2**53)
    analyst: str = Field(max_length=32)
    recipient_key: str = Field(pattern=_HEX32)
    dataset: str = Field(max_length=64)
    study: str = Field(default="", pattern=STUDY)
    schema_hash: str = Field(pattern=_HEX32)
    holders: tuple[HolderPart, ...] = Field(min_length=1, max_length=MAX_HOLDERS)
    at: tuple[Annotated[str, Field(max_length=32)], ...] = Field(default=(), max_length=MAX_HOLDERS)
    where: Expression | None = None
    group_by: tuple[str, ...] = Field(default=(), max_length=8)
    statistics: tuple[StatisticSpec, ...] = Field(min_length=1, max_length=MAX_STATISTICS)
    minimum_count: int = Field(default=1, ge=1, le=10**6)
    differencing: Literal[0, 1, 2] = 2

    @property
    def asked(self) -> tuple[str, ...]:
        """The holders whose records it is about, in the order of `holders`."""
        names = tuple(part.name for part in self.holders)
        return tuple(name for name in names if name in self.at) if self.at else names

    @property
    def beside(self) -> tuple[str, ...]:
        """The others that take part."""
        asked = self.asked
        return tuple(part.name for part in self.holders if part.name not in asked)

    @property
    def title(self) -> str:
        """What is asked, in words."""
        return self.title_of(*self.statistics)

    def title_of(self, *specs: StatisticSpec) -> str:
        """Some of its statistics in words."""
        groups = f" by {', '.join(self.group_by)}" if self.group_by else ""
        where = f" where {self.where}" if self.where is not None else ""
        at = f" at {', '.join(self.asked)}" if self.at else ""
        return f"{', '.join(map(str, specs))}{groups}{where}{at} ({self.dataset})"

    def canonical(self) -> bytes:
        """The bytes that are hashed and signed."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def hash(self) -> bytes:
        """SHA-256 of those bytes."""
        return hashlib.sha256(self.canonical()).digest()


@dataclass(frozen=True)
class SignedPlan:
    """A plan's bytes and its analyst's Ed25519 signature over them."""

    plan: bytes
    signature: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of those bytes."""
        return hashlib.sha256(self.plan).digest()


def result_context(plan_hash: bytes, session: bytes) -> bytes:
    """What a sealed result share is bound to: it opens for this session of this plan alone."""
    return b"triune/result/v1" + plan_hash + session


def fresh_nonce() -> str:
    """16 random bytes, hex."""
    return os.urandom(NONCE_BYTES).hex()


def sign_plan(plan: Plan, identity: Identity) -> SignedPlan:
    """The plan's bytes with their analyst's signature."""
    data = plan.canonical()
    return SignedPlan(data, identity.sign(SIGNING_CONTEXT, data))


def parse_plan(data: bytes) -> Plan:
    """Parse untrusted bytes. `PlanInvalid` unless they are the canonical form of a plan."""
    if len(data) > MAX_PLAN_BYTES:
        raise PlanInvalid(
            f"A plan has more than {MAX_PLAN_BYTES} bytes.", remedy="Ask for fewer statistics at once."
        )
    try:
        plan = Plan.model_validate_json(data)
        canonical = plan.canonical()
    except (ValidationError, ValueError, RecursionError) as error:
        raise PlanInvalid(
            f"A plan is not valid{_where(error)}.", remedy="Use the SDK or `triune query`."
        ) from None
    if canonical != data:
        raise PlanInvalid("A plan is not in canonical form.", remedy="Encode it with RFC 8785.")
    return plan


def _where(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return ""
    where, what = fault_of(error)
    return f" at {where or 'its top'}: {what}"


def fault_of(error: ValidationError) -> tuple[str, str]:
    """Where the first fault of a model is, and what it is; never the value."""
    fault = error.errors(include_input=False, include_url=False)[0]
    return ".".join(map(str, fault["loc"])), fault["msg"]


def open_plan(signed: SignedPlan, consortium: Consortium) -> Plan:
    """Parse a plan and check its analyst and signature. `PlanInvalid` or `IdentityError`."""
    plan = parse_plan(signed.plan)
    member = next((m for m in consortium.members if m.name == plan.analyst), None)
    if member is None or "analyst" not in member.roles:
        raise IdentityError(
            f"{plan.analyst!r} is no analyst of this consortium.",
            remedy="Ask the consortium to admit the analyst, or use the right analyst.toml.",
            culprit=plan.analyst,
        )
    consortium.verify(plan.analyst, SIGNING_CONTEXT, signed.plan, signed.signature)
    return plan
