"""node.toml: its options, read, checked, and refused with the key that is wrong.

An option is one line here: name, default, limits, and the description that `template` writes into new files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.channel import ROUND_TIMEOUT_S
from mpc.errors import ConfigError
from mpc.privacy.terms import Terms
from parties.identity.toml import read_toml
from parties.law.rules import DEFAULT_TERMS, Policy

_DATABASE: Final = "postgresql+psycopg://triune@db/triune?sslmode=verify-full"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Strict(_Model):
    # A policy is what its file says: `minimum_count = true` is not taken for 1, nor "yes" for true.
    model_config = ConfigDict(strict=True)


class PolicyConfig(_Strict):
    """What this party demands of a plan: one option for each of its terms."""

    minimum_count: int = Field(
        DEFAULT_TERMS.minimum_count, ge=1, le=10**6,
        description="Groups of fewer records stay closed. The strictest party of a query wins.",
    )  # fmt: skip
    allow_extremes: bool = Field(
        default=False,
        description="Whether minimum and maximum, which are single records, may open. All holders must "
        "agree.",
    )

    def policy(self) -> Policy:
        """The same for a decider."""
        return Policy(Terms(**dict(self)))


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
