"""node.toml: read, checked, and refused with the key that is wrong. Paths are relative to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.channel import ROUND_TIMEOUT_S
from mpc.errors import ConfigError
from mpc.privacy.terms import Terms
from parties.identity.toml import read_toml
from parties.law.rules import DEFAULT_TERMS, Policy


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Strict(_Model):
    # A policy is what its file says: `minimum_count = true` is not taken for 1, nor "yes" for true.
    model_config = ConfigDict(strict=True)


class PolicyConfig(_Strict):
    minimum_count: int = Field(default=DEFAULT_TERMS.minimum_count, ge=1, le=10**6)
    allow_extremes: bool = False

    def policy(self) -> Policy:
        return Policy(Terms(self.minimum_count, self.allow_extremes))


class ComputeConfig(_Strict):
    threads: int = Field(default=1, ge=1, le=1024)
    kernels: Literal["auto", "reference", "native", "cuda"] = "auto"
    lane_port: int | None = Field(default=None, ge=0, le=65535)
    round_timeout_s: float = Field(default=ROUND_TIMEOUT_S, gt=0, le=3600)


class NodeConfig(_Model):
    """A node's settings. `listen` is for compute parties alone; an empty `database` is SQLite in `state`."""

    name: str
    consortium: Path
    keys: Path
    state: Path
    listen: str = ""
    database: str = Field(default="", repr=False)  # may hold a password
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    policy: PolicyConfig = PolicyConfig()
    compute: ComputeConfig = ComputeConfig()


def load(path: Path) -> NodeConfig:
    """Read a node's settings. `ConfigError` names file and key."""
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
