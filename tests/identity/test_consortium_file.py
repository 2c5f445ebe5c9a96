"""The consortium file: all of it signed by all, each wrong field named."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpc.errors import ConfigError, IdentityError
from parties.identity.consortium import Consortium, load, load_draft, require_loopback_if_sandbox
from parties.identity.keys import Identity


def changed(consortium: Consortium, name: str, **fields: Any) -> Consortium:
    members = tuple(
        dataclasses.replace(member, **fields) if member.name == name else member
        for member in consortium.members
    )
    return Consortium(consortium.name, consortium.sandbox, members)


def test_a_saved_consortium_comes_back(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    world.consortium.save(path)
    loaded = load(path)
    assert loaded == world.consortium
    assert loaded.id == world.consortium.id == hashlib.sha256(loaded.canonical).hexdigest()
    assert [member.name for member in loaded.compute] == ["alpha", "beta", "gamma"]
    assert [member.name for member in loaded.holders] == ["delta"]
    assert [member.name for member in loaded.analysts] == ["ana"]
    assert f"# id: {loaded.id}" in path.read_text()


def test_the_id_hashes_canonical_json(world: Any) -> None:
    content = json.loads(world.consortium.canonical)
    assert list(content) == sorted(content)
    assert content["members"][3]["roles"] == ["holder"]
    assert content["sandbox"] is True
    assert world.consortium.id != changed(world.consortium, "alpha", address="127.0.0.1:1").id


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sandbox = true", "sandbox = false"),
        ('name = "heart study"', 'name = "heart studY"'),
        ('roles = ["holder"]', 'roles = ["holder", "analyst"]'),
        ('"127.0.0.1:', '"127.0.0.2:'),
    ],
)
def test_an_altered_file_is_refused(world: Any, tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "consortium.toml"
    world.consortium.save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(IdentityError, match="does not fit"):
        load(path)


def test_a_swapped_key_is_refused(world: Any, tmp_path: Path) -> None:
    stranger = Identity.generate("delta").public()
    forged = changed(world.consortium, "delta", tls_key=stranger.tls_key, signing_key=stranger.signing_key)
    forged = dataclasses.replace(forged, signatures=world.consortium.signatures)
    forged.save(tmp_path / "forged.toml")
    with pytest.raises(IdentityError, match="does not fit"):
        load(tmp_path / "forged.toml")


def test_missing_signatures_are_named(world: Any, tmp_path: Path) -> None:
    some = {name: world.consortium.signatures[name] for name in ("alpha", "gamma", "ana")}
    path = tmp_path / "consortium.toml"
    dataclasses.replace(world.consortium, signatures=some).save(path)
    with pytest.raises(ConfigError, match="not signed by beta, delta"):
        load(path)
    assert load_draft(path).unsigned == ("beta", "delta")


Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (swap('name = "delta"', 'name = "Delta"'), r"members\[3\]\.name"),
        (swap('name = "delta"', 'name = "alpha"'), r"members\[3\]\.name of alpha is also"),
        (swap('name = "delta"\n', ""), r"members\[3\]\.name is missing"),
        (swap('["holder"]', '["boss"]'), r"members\[3\]\.roles"),
        (swap('["holder"]', "[]"), r"members\[3\]\.roles"),
        (swap('["holder"]', '["holder", "holder"]'), r"members\[3\]\.roles"),
        (swap('["holder"]', '[["holder"]]'), r"members\[3\]\.roles"),
        (swap('["holder"]', '"holder"'), r"members\[3\]\.roles"),
        (swap('["holder"]', '["holder"]\naddress = "127.0.0.1:9"'), r"members\[3\]\.address"),
        (swap('["holder"]', '["holder"]\ncolour = "red"'), r"members\[3\]\.colour is unknown"),
        (swap('["compute"]', '["holder"]'), r"members\[0\]\.address"),
        (swap('["holder"]', '["compute"]\naddress = "127.0.0.1:9"'), "members: 4 have the role compute"),
        (swap('"127.0.0.1:', '"127.0.0.1:0", #'), r"members\[0\]\.address"),
        (swap('"127.0.0.1:', '"127.0.0.1:65536", #'), r"members\[0\]\.address"),
        (swap("p256:A", "p256:_"), r"members\[0\]\.tls_key is not base64"),
        (swap("p256:A", "rsa:A"), r"members\[0\]\.tls_key does not begin"),
        (swap("ed25519:", "ed25519:AAAA"), r"members\[0\]\.signing_key"),
        (swap("sandbox = true", "sandbox = 1"), "sandbox is neither"),
        (swap('format = "triune/consortium/v1"', 'format = "v9"'), "format is 'v9'"),
        (swap('name = "heart study"', 'name = ""'), "name of the consortium"),
        (swap("[signatures]", "[sigs]"), "sigs is unknown"),
        (swap('"alpha" = "', '"alpha" = "*'), r"signatures\.alpha is not base64"),
        (
            lambda text: 'format = "triune/consortium/v1"\nname = "x"\nsandbox = true\n',
            "members is not a list",
        ),
        (lambda text: "format = ", "is not TOML"),
    ],
)
def test_each_wrong_field_is_named(world: Any, tmp_path: Path, edit: Edit, field: str) -> None:
    path = tmp_path / "consortium.toml"
    world.consortium.save(path)
    text = edit(path.read_text())
    path.write_text(text.replace('", #', '" #'))
    with pytest.raises(ConfigError, match=field) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("field", ["tls_key", "signing_key", "address"])
def test_keys_and_addresses_are_unique(world: Any, field: str) -> None:
    value = getattr(world.consortium.member("alpha"), field)
    with pytest.raises(ConfigError, match=rf"members\[1\]\.{field} of beta is also that of alpha"):
        changed(world.consortium, "beta", **{field: value})


def test_a_signature_is_checked_under_the_members_key(world: Any) -> None:
    signature = world.identities["beta"].sign("triune/offer/v1", b"offer")
    world.consortium.verify("beta", "triune/offer/v1", b"offer", signature)
    with pytest.raises(IdentityError) as caught:
        world.consortium.verify("gamma", "triune/offer/v1", b"offer", signature)
    assert caught.value.culprit == "gamma"
    with pytest.raises(IdentityError, match="mallory is no member"):
        world.consortium.verify("mallory", "triune/offer/v1", b"offer", signature)


def test_a_sandbox_stays_on_loopback(world: Any) -> None:
    require_loopback_if_sandbox(world.consortium, "localhost:7001", "[::1]:7001", "")
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0:7001 is not on loopback"):
        require_loopback_if_sandbox(world.consortium, "0.0.0.0:7001")
    away = changed(world.consortium, "beta", address="10.0.0.2:7001")
    with pytest.raises(ConfigError, match="is a sandbox, and 10"):
        require_loopback_if_sandbox(away)
    require_loopback_if_sandbox(Consortium("real", False, away.members), "0.0.0.0:7001")
