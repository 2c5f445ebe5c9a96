"""The consortium file: who takes part, in which role, under which two keys; signed by every member.

The RFC 8785 canonical JSON of everything but the signatures is what members sign and what the id hashes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import rfc8785

from mpc.errors import ConfigError, IdentityError
from parties.identity.keys import Identity
from parties.identity.members import (
    ROLES,
    Member,
    check_member,
    decode_base64,
    is_loopback,
    member_from,
    member_to_toml,
    split_address,
    text_of,
)
from parties.identity.toml import quoted, read_toml

__all__ = ["ROLES", "Consortium", "Member", "load", "load_draft", "require_loopback_if_sandbox"]


COMPUTE_MEMBERS: Final = 3
FORMAT: Final = "triune/consortium/v1"  # also the context in which members sign
_TITLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@dataclass(frozen=True)
class Consortium:
    """A consortium, valid once made; `signatures` (member name -> 64 bytes) may still be incomplete.

    Only `load` answers whether everybody signed. Raises ConfigError that names the field at fault.
    """

    name: str
    sandbox: bool
    members: tuple[Member, ...]
    signatures: Mapping[str, bytes] = field(
        default_factory=lambda: MappingProxyType({}), repr=False, hash=False
    )

    def __post_init__(self) -> None:
        if not _TITLE.fullmatch(self.name):
            raise ConfigError(
                f"name of the consortium is {self.name!r}.",
                remedy="Use up to 64 letters, digits, spaces, dots, hyphens and underscores.",
            )
        for index, member in enumerate(self.members):
            check_member(member, f"members[{index}]")
        _check_unique(self.members)
        if len(self.compute) != COMPUTE_MEMBERS:
            raise ConfigError(
                f"members: {len(self.compute)} have the role compute, not exactly {COMPUTE_MEMBERS}.",
                remedy="Agree on the three organisations that run the protocol.",
            )

    @cached_property
    def canonical(self) -> bytes:
        """RFC 8785 JSON of everything that is agreed; what members sign."""
        members = [member.content() for member in self.members]
        return rfc8785.dumps(
            {"format": FORMAT, "name": self.name, "sandbox": self.sandbox, "members": members}
        )

    @cached_property
    def id(self) -> str:
        """Hex SHA-256 of the canonical content."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def compute(self) -> tuple[Member, ...]:
        """The three compute members; their order in the file is their party index 0, 1, 2."""
        return self.with_role("compute")

    @property
    def holders(self) -> tuple[Member, ...]:
        """The members who have data sets, in the order of the file."""
        return self.with_role("holder")

    @property
    def analysts(self) -> tuple[Member, ...]:
        """The members who may ask, in the order of the file."""
        return self.with_role("analyst")

    def with_role(self, role: str) -> tuple[Member, ...]:
        """The members with `role`, in the order of the file."""
        return tuple(member for member in self.members if role in member.roles)

    def member(self, name: str) -> Member:
        """The member called `name`; IdentityError if there is none."""
        for member in self.members:
            if member.name == name:
                return member
        raise IdentityError(
            f"{name} is no member of the consortium {self.name}.",
            remedy=f"Members are {', '.join(member.name for member in self.members)}.",
            culprit=name,
        )

    def member_by_tls_key(self, tls_key: bytes) -> Member:
        """The member that pinned this TLS key; IdentityError if none did."""
        for member in self.members:
            if member.tls_key == tls_key:
                return member
        raise IdentityError(
            f"A peer's TLS key is not one of the consortium {self.name}.",
            remedy="Only members get in; check that both sides use the same consortium file.",
        )

    def verify(self, name: str, context: str, data: bytes, signature: bytes) -> None:
        """Raises IdentityError unless the member `name` signed `data` in `context`."""
        self.member(name).public.verify(context, data, signature)

    def check_own(self, identity: Identity) -> Member:
        """The member whose private keys `identity` holds; IdentityError if the file pins others."""
        member = self.member(identity.name)
        if member.public != identity.public():
            raise IdentityError(
                f"The consortium file pins other keys for {identity.name} than the ones in its key folder.",
                remedy="Check `keys` in the configuration file, or have the file made again.",
                culprit=identity.name,
            )
        return member

    def signed_by(self, identity: Identity) -> Consortium:
        """A copy with the signature of `identity` added; refuses keys that are not its own."""
        self.check_own(identity)
        return self.with_signatures({identity.name: identity.sign(FORMAT, self.canonical)})

    def with_signatures(self, signatures: Mapping[str, bytes]) -> Consortium:
        """A copy with these signatures added; each is verified."""
        for name, signature in signatures.items():
            self.verify(name, FORMAT, self.canonical, signature)
        return replace(self, signatures=MappingProxyType({**self.signatures, **signatures}))

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The names of those whose signature is missing."""
        return tuple(member.name for member in self.members if member.name not in self.signatures)

    def save(self, path: Path) -> None:
        """Writes the file that `load` reads."""
        path.write_text(_to_toml(self), encoding="utf-8")


def load(path: Path) -> Consortium:
    """The consortium in `path`, signed by all of its members.

    Raises ConfigError for a file that is unreadable, wrong in a field or not signed by all, IdentityError for
    a signature that does not fit, as after any alteration.
    """
    consortium = load_draft(path)
    if consortium.unsigned:
        raise ConfigError(
            f"The consortium file {path} is not signed by {', '.join(consortium.unsigned)}.",
            remedy="Each of them signs it with `triune party sign`; put the signed file here.",
        )
    return consortium


def load_draft(path: Path) -> Consortium:
    """As `load`, but signatures may be missing; the ones that are there must fit."""
    document = read_toml(path, what="consortium file")
    try:
        return _from_document(document)
    except ConfigError as error:
        raise ConfigError(f"In the consortium file {path}: {error.message}", remedy=error.remedy) from error


def require_loopback_if_sandbox(consortium: Consortium, *listen: str) -> None:
    """Raises ConfigError if a sandbox consortium (all keys were once in one place) leaves this machine.

    Checks the addresses of all compute members and those given in `listen` ("host:port").
    """
    if not consortium.sandbox:
        return
    for address in (*(member.address for member in consortium.compute), *filter(None, listen)):
        if not is_loopback(split_address(address)[0]):
            raise ConfigError(
                f"The consortium {consortium.name} is a sandbox, and {address} is not on loopback.",
                remedy="A sandbox protects nothing: use 127.0.0.1, or make keys with `triune party new`.",
            )


def _check_unique(members: Sequence[Member]) -> None:
    for attribute in ("name", "address", "tls_key", "signing_key"):
        seen: dict[object, str] = {}
        for index, member in enumerate(members):
            value = getattr(member, attribute)
            if value and value in seen:
                raise ConfigError(
                    f"members[{index}].{attribute} of {member.name} is also that of {seen[value]}.",
                    remedy="Each member has its own.",
                )
            seen[value] = member.name


def _from_document(document: Mapping[str, Any]) -> Consortium:
    for key in document.keys() - {"format", "name", "sandbox", "members", "signatures"}:
        raise ConfigError(f"{key} is unknown.")
    if document.get("format") != FORMAT:
        raise ConfigError(f"format is {document.get('format')!r}, not {FORMAT!r}.")
    sandbox, tables = document.get("sandbox"), document.get("members")
    if not isinstance(sandbox, bool):
        raise ConfigError("sandbox is neither true nor false.")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError("members is not a list of [[members]] tables.")
    members = tuple(member_from(table, f"members[{index}]") for index, table in enumerate(tables))
    signatures = document.get("signatures", {})
    if not isinstance(signatures, dict):
        raise ConfigError("signatures is not a table of member = signature.")
    decoded = {name: decode_base64(value, f"signatures.{name}") for name, value in signatures.items()}
    return Consortium(text_of(document, "name", ""), sandbox, members).with_signatures(decoded)


def _to_toml(consortium: Consortium) -> str:
    lines = [
        "# A Triune consortium. Every member signs all of it but the signatures; any change voids them.",
        f"# id: {consortium.id}",
        f"format = {quoted(FORMAT)}",
        f"name = {quoted(consortium.name)}",
        f"sandbox = {str(consortium.sandbox).lower()}",
    ]
    for member in consortium.members:
        lines += ["", f"# fingerprint: {member.public.fingerprint}", "[[members]]", *member_to_toml(member)]
    lines += ["", "[signatures]"]
    for name, signature in sorted(consortium.signatures.items()):
        lines.append(f"{quoted(name)} = {quoted(base64.b64encode(signature).decode())}")
    return "\n".join(lines) + "\n"
