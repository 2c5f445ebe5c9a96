"""node.toml: its options, read, checked, and refused with the key that is wrong.

An option is one line here: name, default, limits, and the description that `template` writes into new files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mpc.channel import ROUND_TIMEOUT_S
from mpc.errors import ConfigError
from mpc.privacy.terms import MAX_DOMINANT, Differencing, Terms
from parties.identity.toml import read_toml
from parties.law.presets import PRESETS, Preset
from parties.law.rules import DEFAULT_TERMS, Policy

_DATABASE: Final = "postgresql+psycopg://triune@db/triune?sslmode=verify-full"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Strict(_Model):
    # A policy is what its file says: `minimum_count = true` is not taken for 1, nor "yes" for true.
    model_config = ConfigDict(strict=True)


class PolicyConfig(_Strict):
    """What this party demands of a plan: one option for each of its terms; left out, it is the preset's."""

    preset: Preset = Field(
        "triune",
        description="Starting values of the keys below, each of which may be set by itself: triune, "
        "datashield (its defaults: counts of 3) or opensafely (counts of 8, rounded to 5).",
    )
    minimum_count: int = Field(
        DEFAULT_TERMS.minimum_count, ge=1, le=10**6,
        description="Groups of fewer records stay closed; the records of the largest holder do not count. "
        "The strictest party of a query wins, here and below.",
    )  # fmt: skip
    allow_extremes: bool = Field(
        default=DEFAULT_TERMS.allow_extremes,
        description="Whether minimum and maximum, which are single records, may open. All parties must "
        "agree.",
    )
    allow_single_holder: bool = Field(
        default=DEFAULT_TERMS.allow_single_holder,
        description="Whether this holder may be asked alone, and whether minimum_count records of one holder "
        "are enough. All parties must agree.",
    )
    dominance_records: int = Field(
        DEFAULT_TERMS.dominance_records, ge=0, le=MAX_DOMINANT,
        description="A sum stays closed if this many of its largest contributions make up more than "
        "dominance_percent of it. 0: no such rule.",
    )  # fmt: skip
    dominance_percent: int = Field(
        DEFAULT_TERMS.dominance_percent, ge=1, le=100,
        description="The percentage that belongs to dominance_records; the smaller is the stricter.",
    )  # fmt: skip
    p_percent: int = Field(
        DEFAULT_TERMS.p_percent, ge=0, le=100,
        description="A sum stays closed if the second largest contributor, or a holder, could estimate the "
        "largest contribution to within this many percent of it. 0: no such rule.",
    )  # fmt: skip
    round_to: int = Field(
        DEFAULT_TERMS.round_to, ge=1, le=1000,
        description="Counts open as the nearest multiple of this. Above 1 no sum opens, so plans that need "
        "exact sums are refused. 1: counts are exact.",
    )  # fmt: skip
    residual_records: int = Field(
        DEFAULT_TERMS.residual_records, ge=0, le=10**6,
        description="A model opens only over at least this many records more than it has parameters.",
    )  # fmt: skip
    records_per_parameter: int = Field(
        DEFAULT_TERMS.records_per_parameter, ge=0, le=10**6,
        description="A model opens only over at least this many records for each of its parameters.",
    )  # fmt: skip
    differencing: Literal["off", "pairs", "combinations"] = Field(
        "combinations",
        description="With what a new question is compared before it is answered: off, pairs (each earlier "
        "group of records) or combinations (several of them together).",
    )  # fmt: skip
    records_per_cohort: int = Field(
        DEFAULT_TERMS.records_per_cohort, ge=0, le=10**9,
        description="A study may ask about one group of records for each so many of the registered records. "
        "0: about any number.",
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, given: Any) -> Any:
        """What is not set has the preset's value."""
        if not isinstance(given, Mapping):
            return given
        chosen = given.get("preset", "triune")
        start = PRESETS.get(chosen) if isinstance(chosen, str) else None  # type: ignore[call-overload]
        return dict(given) if start is None else {**_as_options(start), **given}

    def policy(self) -> Policy:
        """The same for a decider."""
        level = Differencing[self.differencing.upper()]
        return Policy(Terms(**{**self.model_dump(exclude={"preset"}), "differencing": level}))


def _as_options(terms: Terms) -> dict[str, Any]:
    return {**asdict(terms), "differencing": Differencing(terms.differencing).name.lower()}


class ComputeConfig(_Strict):
    """How a compute party computes."""

    threads: int = Field(1, ge=1, le=1024, description="Threads that one computation may use.")
    kernels: Literal["auto", "reference", "native", "cuda"] = Field(
        "auto",
        description="What computes: auto, native (C, where it was built), reference (torch) or cuda (a GPU). "
        "`triune doctor` tries them.",
    )
    lane_port: int | None = Field(
        None, ge=0, le=65535, examples=[7101],
        description="A second port, for lanes: TLS sockets that carry the data of computations faster than "
        "gRPC does. 0 lets the system choose. Without the key data goes over the links; a peer that cannot "
        "reach the port does the same.",
    )  # fmt: skip
    round_timeout_s: float = Field(
        ROUND_TIMEOUT_S, gt=0, le=3600, description="Seconds after which a silent peer ends the computation."
    )


class NodeConfig(_Model):
    """A node's settings; those in `COMPUTE_ONLY` are for compute parties alone."""

    name: str = Field(description="This party's name, as in the consortium file.")
    consortium: Path = Field(
        description="The file that every member signed; it pins everybody's keys. Paths are relative to "
        "this file."
    )
    keys: Path = Field(
        description="This party's two private keys. Nobody else ever gets them; keep a backup."
    )
    state: Path = Field(description="Data sets, jobs and logs of this node.")
    listen: str = Field(
        "", examples=["0.0.0.0:7001"],
        description="The one port that this node opens, for mutual TLS. Peers dial the address in the "
        'consortium file; behind a port forwarding this may differ from it, as in "0.0.0.0:7001".',
    )  # fmt: skip
    database: str = Field(
        "", repr=False, examples=[_DATABASE],  # may hold a password
        description="Where jobs and sealed results lie. Without the key: a SQLite file in `state`.",
    )  # fmt: skip
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error. No level ever logs data or keys."
    )
    policy: PolicyConfig = PolicyConfig()
    compute: ComputeConfig = ComputeConfig()


COMPUTE_ONLY: Final = frozenset({"listen", "database", "compute"})
#: Options whose value is the preset's where they are left out: a new file shows them as comments.
OF_PRESET: Final = frozenset(field.name for field in fields(Terms))


def load(path: Path) -> NodeConfig:
    """Read a node's settings; paths are relative to the file. `ConfigError` names file and key."""
    content = read_toml(path, what="settings file")
    try:
        made = NodeConfig.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ConfigError(
            f"{path}: the key {where!r} is not right: {fault['msg'].lower()}.",
            remedy="Compare with a file that `triune init` writes.",
        ) from None
    folder = path.resolve().parent
    paths = {key: folder / value for key, value in made.model_dump().items() if isinstance(value, Path)}
    return made.model_copy(update=paths)
