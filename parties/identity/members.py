"""A member of a consortium: its table in the file, its address, its pinned keys."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mpc.errors import ConfigError, IdentityError
from parties.identity.keys import SIGNING_KEY_BYTES, PublicIdentity, check_name, tls_public_key
from parties.identity.toml import array, quoted

ROLES: Final = frozenset({"holder", "compute", "analyst", "authority", "witness"})
_TLS_PREFIX: Final = "p256:"
_SIGNING_PREFIX: Final = "ed25519:"


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `address` is "host:port" for compute members and "" for the others, who only dial out."""

    name: str
    roles: frozenset[str]
    address: str
    tls_key: bytes  # 33 bytes, a compressed P-256 point
    signing_key: bytes  # 32 bytes, raw Ed25519

    @property
    def public(self) -> PublicIdentity:
        """The two pinned keys under the member's name."""
        return PublicIdentity(self.name, self.tls_key, self.signing_key)

    @property
    def host_port(self) -> tuple[str, int]:
        """`address`, split."""
        return split_address(self.address, field=f"The address of {self.name}")

    def content(self) -> dict[str, Any]:
        """The member as the canonical JSON has it."""
        return {
            "name": self.name,
            "roles": sorted(self.roles),
            "address": self.address,
            "tls_key": _TLS_PREFIX + base64.b64encode(self.tls_key).decode(),
            "signing_key": _SIGNING_PREFIX + base64.b64encode(self.signing_key).decode(),
        }


def is_loopback(host: str) -> bool:
    """Whether `host` is "localhost" or a loopback address; nothing is resolved."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_address(address: str, *, field: str = "address") -> tuple[str, int]:
    """("host", port) of "host:port" or "[v6]:port"; ConfigError that names `field`."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", address)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise ConfigError(f"{field} is {address!r}.", remedy='Write "host:port" with a port from 1 to 65535.')
    return match[1].strip("[]"), int(match[2])


def read_roles(value: object, where: str) -> frozenset[str]:
    """A member's roles as a set; ConfigError for none, an unknown or a repeated one."""
    roles = value if isinstance(value, list) else []
    unknown = [role for role in roles if not isinstance(role, str) or role not in ROLES]
    if not roles or unknown or len(set(roles)) != len(roles):
        raise ConfigError(
            f"{where}.roles is {value!r}.", remedy=f"Choose from {', '.join(sorted(ROLES))}, each once."
        )
    return frozenset(roles)


def member_from(table: Mapping[str, Any], where: str) -> Member:
    """A member from its TOML table; ConfigError names `where` and the field."""
    known = {"name", "roles", "address", "tls_key", "signing_key"}
    for key in sorted(known ^ table.keys()):
        if key != "address":
            raise ConfigError(f"{where}.{key} is {'missing' if key in known else 'unknown'}.")
    member = Member(
        name=text_of(table, "name", where),
        roles=read_roles(table["roles"], where),
        address=text_of(table, "address", where) if "address" in table else "",
        tls_key=_encoded(text_of(table, "tls_key", where), _TLS_PREFIX, f"{where}.tls_key"),
        signing_key=_encoded(text_of(table, "signing_key", where), _SIGNING_PREFIX, f"{where}.signing_key"),
    )
    check_member(member, where)
    return member


def member_to_toml(member: Member) -> list[str]:
    """The lines of a member's TOML table."""
    content = member.content()
    lines = [f"name = {quoted(member.name)}", f"roles = {array(content['roles'])}"]
    lines += [f"address = {quoted(member.address)}"] if member.address else []
    return [*lines, *(f"{key} = {quoted(content[key])}" for key in ("tls_key", "signing_key"))]


def check_member(member: Member, where: str) -> None:
    """Raises ConfigError that names `where` and the field unless every field makes sense."""
    check_name(member.name, field=f"{where}.name")
    read_roles(sorted(member.roles), where)
    if "compute" in member.roles:
        split_address(member.address, field=f"{where}.address ({member.name})")
    elif member.address:
        raise ConfigError(
            f"{where}.address is set, but {member.name} has not the role compute.",
            remedy="Only compute members listen; leave the address out.",
        )
    try:
        tls_public_key(member.tls_key)
    except IdentityError as error:
        raise ConfigError(f"{where}.tls_key: {error.message}", remedy=error.remedy) from error
    if len(member.signing_key) != SIGNING_KEY_BYTES:
        raise ConfigError(f"{where}.signing_key is no Ed25519 key of {SIGNING_KEY_BYTES} bytes.")


def decode_base64(value: object, where: str) -> bytes:
    """The bytes of a base64 text in a TOML file; ConfigError names `where`."""
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except ValueError:
        pass  # the same answer as for a value that is no text, below
    raise ConfigError(f"{where} is not base64.", remedy="Copy it again from its source.")


def _encoded(value: str, prefix: str, where: str) -> bytes:
    if not value.startswith(prefix):
        raise ConfigError(f"{where} does not begin with {prefix!r}.")
    return decode_base64(value[len(prefix) :], where)


def text_of(table: Mapping[str, Any], key: str, where: str) -> str:
    """The text at `key`; ConfigError names `where` and the key."""
    value = table.get(key)
    if not isinstance(value, str):
        raise ConfigError(f"{where}{'.' if where else ''}{key} is missing or not a text.")
    return value
