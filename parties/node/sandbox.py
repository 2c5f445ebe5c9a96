"""A consortium in one folder, to try things out on one machine; all keys lie together, it protects nothing.

DIR/consortium.toml                      signed by all, sandbox = true: nodes refuse it off loopback
DIR/NODE/node.toml, keys/, state/        one folder a node
DIR/ANALYST/analyst.toml, keys/          one folder an analyst
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mpc.errors import ConfigError
from parties.identity.consortium import Consortium, Member, require_loopback_if_sandbox
from parties.identity.keys import Identity, check_name
from parties.identity.settings import KEYS_FOLDER
from parties.node.template import write_settings

CONSORTIUM_FILE: Final = "consortium.toml"


def init(
    directory: Path,
    name: str,
    *,
    compute: Mapping[str, str],
    holders: Sequence[str] = (),
    analysts: Sequence[str] = (),
) -> Consortium:
    """Makes all keys, the signed consortium file and every party's settings in the new folder `directory`.

    `compute` maps three names to "host:port" on loopback; a name in `holders` too is a node with both roles.
    Raises ConfigError, before anything is written, for a folder that exists or members that do not fit.
    """
    roles = _roles(compute, holders, analysts)
    identities = [Identity.generate(party) for party in roles]
    members = tuple(_member(identity, roles, compute) for identity in identities)
    consortium = Consortium(name, sandbox=True, members=members)
    require_loopback_if_sandbox(consortium)
    for identity in identities:
        consortium = consortium.signed_by(identity)
    _make_folder(directory)
    consortium.save(directory / CONSORTIUM_FILE)
    for identity in identities:
        _write_party(directory / identity.name, identity, consortium)
    return consortium


def _roles(
    compute: Mapping[str, str], holders: Sequence[str], analysts: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Each party's roles, compute members first, in the order given."""
    both = sorted(set(analysts) & {*compute, *holders})
    if both:
        raise ConfigError(
            f"{both[0]} is an analyst and a node too.",
            remedy="Give the analyst its own name: a sandbox has one folder a party.",
        )
    named = {"compute": list(compute), "holder": holders, "analyst": analysts}
    for role, parties in named.items():
        for party in parties:
            check_name(party, field=f"A name with the role {role}")
        if len(set(parties)) != len(parties):
            raise ConfigError(f"A name occurs twice with the role {role}.", remedy="Name each party once.")
    order = dict.fromkeys([*compute, *holders, *analysts])
    return {party: frozenset(role for role, ours in named.items() if party in ours) for party in order}


def _member(identity: Identity, roles: Mapping[str, frozenset[str]], compute: Mapping[str, str]) -> Member:
    public = identity.public()
    address = compute.get(identity.name, "")
    return Member(identity.name, roles[identity.name], address, public.tls_key, public.signing_key)


def _make_folder(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise ConfigError(
            f"There is something at {directory} already; nothing was changed.",
            remedy="Choose a new folder, or remove that one if its keys and data may be lost.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The folder {directory} cannot be made ({error.strerror}).", remedy="Choose another place."
        ) from error


def _write_party(folder: Path, identity: Identity, consortium: Consortium) -> None:
    folder.mkdir(mode=0o700)
    identity.save(folder / KEYS_FOLDER)
    member = consortium.member(identity.name)
    write_settings(
        folder,
        member.name,
        member.roles,
        consortium=f"../{CONSORTIUM_FILE}",
        address=member.address,
        sandbox=True,
    )
