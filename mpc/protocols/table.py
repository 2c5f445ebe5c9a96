"""The registry: protocol name -> class. The only module that imports concrete protocols."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mpc.errors import ConfigError
from mpc.protocols.base import Protocol
from mpc.protocols.cleartext import CleartextProtocol
from mpc.protocols.crypten.protocol import CryptenProtocol
from mpc.protocols.replicated.protocol import ReplicatedProtocol

PROTOCOLS: Mapping[str, type[Protocol[Any]]] = MappingProxyType(
    {"replicated": ReplicatedProtocol, "crypten": CryptenProtocol, "cleartext": CleartextProtocol}
)


def protocol_class(name: str) -> type[Protocol[Any]]:
    """The protocol of that name; `ConfigError` lists the known ones."""
    if name not in PROTOCOLS:
        raise ConfigError(f"There is no protocol {name!r}.", remedy=f"Choose one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
