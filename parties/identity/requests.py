"""How real parties found a consortium: keys made at home, request files, one file that all sign.

    new_party   each party, on its own machine: keys, NAME.request.toml
    assemble    anybody: all the request files into one unsigned consortium file
    sign        each party: reads the file, compares fingerprints by telephone, adds its signature
    merge       anybody: copies that were signed apart become one file

Only public things travel, and it does not matter by which way: a changed file voids every signature.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import rfc8785

from mpc.errors import ConfigError, IdentityError
from parties.identity.consortium import Consortium, Member, load_draft
from parties.identity.keys import Identity, check_name
from parties.identity.members import check_member, decode_base64, member_from, member_to_toml, read_roles
from parties.identity.settings import KEYS_FOLDER
from parties.identity.toml import quoted, read_toml

FORMAT: Final = "triune/request/v1"  # also the context of both proofs


def new_party(folder: Path, name: str, roles: Iterable[str], address: str = "") -> Path:
    """Makes a party's keys in `folder` and returns its request file, which holds nothing secret.

    `address` ("host:port", as peers dial it) is for the role compute alone. Raises ConfigError for a name,
    role or address that cannot be, and for a folder that has keys already; then nothing is written.
    """
    check_name(name)
    identity = Identity.generate(name)
    public = identity.public()
    chosen = read_roles(sorted(roles), name)
    member = Member(name, chosen, address, public.tls_key, public.signing_key)
    check_member(member, name)
    identity.save(folder / KEYS_FOLDER)
    path = folder / f"{name}.request.toml"
    path.write_text(_request(member, identity), encoding="utf-8")
    return path


def read_request(path: Path) -> Member:
    """The future member in a request file, once it has proved that it holds both of its private keys.

    Raises ConfigError for a field at fault and IdentityError for a proof that does not fit.
    """
    document = read_toml(path, what="request file")
    try:
        return _checked_request(document)
    except (ConfigError, IdentityError) as error:
        raise type(error)(
            f"In the request file {path}: {error.message}", remedy=error.remedy, culprit=error.culprit
        ) from error


def assemble(requests: Sequence[Path], name: str, output: Path) -> Consortium:
    """Writes the consortium `name` of all these requests, signed by nobody yet, to `output`.

    The order of the compute members' requests becomes their party index. Refuses to overwrite a file.
    """
    if output.exists():
        raise ConfigError(
            f"There is a file already: {output}.", remedy="Choose another path; signatures might be lost."
        )
    consortium = Consortium(name, sandbox=False, members=tuple(read_request(path) for path in requests))
    consortium.save(output)
    return consortium


def sign(path: Path, identity: Identity) -> Consortium:
    """Adds the signature of `identity` to the consortium file at `path`.

    Raises IdentityError if the file does not list this party, or lists it with keys that are not its own.
    """
    signed = load_draft(path).signed_by(identity)
    signed.save(path)
    return signed


def merge(copies: Sequence[Path], output: Path) -> Consortium:
    """Writes one file with the signatures of all `copies` (which may include `output`), each verified.

    Raises ConfigError if the copies do not say the same.
    """
    if not copies:
        raise ConfigError("There is no consortium file to merge.", remedy="Name at least one signed copy.")
    merged, *others = (load_draft(path) for path in copies)
    for path, other in zip(copies[1:], others, strict=True):
        if other.id != merged.id:
            raise ConfigError(
                f"{path} and {copies[0]} are two different consortia.",
                remedy="Compare the `# id:` lines; all parties sign copies of one file.",
            )
        merged = merged.with_signatures(other.signatures)
    merged.save(output)
    return merged


def _canonical(member: Member) -> bytes:
    return rfc8785.dumps({"format": FORMAT, **member.content()})


def _request(member: Member, identity: Identity) -> str:
    proofs = {
        "tls_key": identity.prove_possession(FORMAT, _canonical(member)),
        "signing_key": identity.sign(FORMAT, _canonical(member)),
    }
    lines = [
        f"# {member.name} asks to join a consortium. Nothing in this file is secret.",
        f"# fingerprint: {member.public.fingerprint}",
        f"format = {quoted(FORMAT)}",
        "",
        "[member]",
        *member_to_toml(member),
        "",
        "# Signatures by both keys over all of the above: the sender holds the private halves.",
        "[proofs]",
        *(f"{key} = {quoted(base64.b64encode(proof).decode())}" for key, proof in proofs.items()),
    ]
    return "\n".join(lines) + "\n"


def _checked_request(document: dict[str, Any]) -> Member:
    if document.get("format") != FORMAT:
        raise ConfigError(f"format is {document.get('format')!r}, not {FORMAT!r}.")
    table, proofs = document.get("member"), document.get("proofs")
    if not isinstance(table, dict) or not isinstance(proofs, dict):
        raise ConfigError("The tables [member] and [proofs] are not both there.")
    member = member_from(table, "member")
    canonical = _canonical(member)
    signature = decode_base64(proofs.get("signing_key"), "proofs.signing_key")
    member.public.verify(FORMAT, canonical, signature)
    proof = decode_base64(proofs.get("tls_key"), "proofs.tls_key")
    member.public.verify_possession(FORMAT, canonical, proof)
    return member
