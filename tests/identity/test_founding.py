"""Founding a consortium: requests of real parties with co-signing, and the sandbox in one folder."""

from __future__ import annotations

import shutil
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mpc.errors import ConfigError, IdentityError
from parties.identity import requests
from parties.identity.consortium import load
from parties.identity.keys import Identity
from parties.node import sandbox

ADDRESSES = {name: f"{name}.example:7001" for name in ("alpha", "beta", "gamma")}


@pytest.fixture
def founded(tmp_path: Path) -> tuple[list[Path], Path]:
    """Four parties' request files and the unsigned consortium file."""
    files = [
        requests.new_party(tmp_path / name, name, {"compute", "holder"}, address)
        for name, address in ADDRESSES.items()
    ]
    files.append(requests.new_party(tmp_path / "ana", "ana", ["analyst"]))
    output = tmp_path / "consortium.toml"
    requests.assemble(files, "heart study", output)
    return files, output


def keys_of(tmp_path: Path, name: str) -> Identity:
    return Identity.load(tmp_path / name / "keys")


def test_all_sign_one_file_in_turn(tmp_path: Path, founded: tuple[list[Path], Path]) -> None:
    _, path = founded
    with pytest.raises(ConfigError, match="not signed by alpha, beta, gamma, ana"):
        load(path)
    for name in ("alpha", "ana", "gamma"):
        requests.sign(path, keys_of(tmp_path, name))
    with pytest.raises(ConfigError, match="not signed by beta"):
        load(path)
    requests.sign(path, keys_of(tmp_path, "beta"))
    consortium = load(path)
    assert not consortium.sandbox
    assert [member.address for member in consortium.compute] == list(ADDRESSES.values())


def test_copies_signed_apart_are_merged(tmp_path: Path, founded: tuple[list[Path], Path]) -> None:
    _, path = founded
    copies = []
    for name in (*ADDRESSES, "ana"):
        copies.append(Path(shutil.copy(path, tmp_path / f"signed-by-{name}.toml")))
        requests.sign(copies[-1], keys_of(tmp_path, name))
    requests.merge(copies, path)
    assert load(path).unsigned == ()


def test_copies_of_two_consortia_do_not_merge(tmp_path: Path, founded: tuple[list[Path], Path]) -> None:
    files, path = founded
    requests.assemble(files, "lung study", tmp_path / "other.toml")
    with pytest.raises(ConfigError, match="two different consortia"):
        requests.merge([path, tmp_path / "other.toml"], tmp_path / "merged.toml")
    with pytest.raises(ConfigError, match="no consortium file"):
        requests.merge([], tmp_path / "merged.toml")


def test_nobody_signs_for_keys_that_are_not_its_own(founded: tuple[list[Path], Path]) -> None:
    _, path = founded
    before = path.read_bytes()
    with pytest.raises(IdentityError, match="other keys for beta"):
        requests.sign(path, Identity.generate("beta"))
    with pytest.raises(IdentityError, match="mallory is no member"):
        requests.sign(path, Identity.generate("mallory"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [('"alpha.example:7001"', '"evil.example:7001"'), ('["compute", "holder"]', '["compute"]')],
)
def test_an_altered_request_is_refused(
    tmp_path: Path, founded: tuple[list[Path], Path], old: str, new: str
) -> None:
    request = founded[0][0]
    assert old in request.read_text()
    request.write_text(request.read_text().replace(old, new))
    with pytest.raises(IdentityError, match=r"alpha\.request\.toml"):
        requests.read_request(request)


@pytest.mark.parametrize("key", ["tls_key", "signing_key"])
def test_both_keys_are_proved(founded: tuple[list[Path], Path], key: str) -> None:
    mine, others = (tomllib.loads(path.read_text()) for path in founded[0][:2])
    text = founded[0][0].read_text()
    founded[0][0].write_text(text.replace(mine["proofs"][key], others["proofs"][key]))
    with pytest.raises(IdentityError, match="alpha"):
        requests.read_request(founded[0][0])


def test_requests_hold_nothing_secret(tmp_path: Path, founded: tuple[list[Path], Path]) -> None:
    text = founded[0][0].read_text() + founded[1].read_text()
    for file in (tmp_path / "alpha" / "keys").iterdir():
        body = "".join(line for line in file.read_text().splitlines()[2:-1])
        assert body not in text
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in text


def test_a_new_party_is_checked_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for name, roles, address, field in (
        ("New", ["holder"], "", "name"),
        ("new", ["boss"], "", r"new\.roles"),
        ("new", ["compute"], "", r"new\.address"),
        ("new", ["holder"], "new.example:1", r"new\.address"),
    ):
        with pytest.raises(ConfigError, match=field):
            requests.new_party(folder, name, roles, address)
    assert not folder.exists()
    requests.new_party(folder, "new", ["holder"])
    with pytest.raises(ConfigError, match="key already"):
        requests.new_party(folder, "new", ["holder"])


def test_an_assembled_file_is_not_overwritten(founded: tuple[list[Path], Path]) -> None:
    with pytest.raises(ConfigError, match="file already"):
        requests.assemble(founded[0], "heart study", founded[1])


LOOPBACK = {name: f"127.0.0.1:{7001 + index}" for index, name in enumerate(ADDRESSES)}


def test_a_sandbox_has_everything(tmp_path: Path) -> None:
    made = sandbox.init(
        tmp_path / "box", "demo", compute=LOOPBACK, holders=["alpha", "delta"], analysts=["ana"]
    )
    consortium = load(tmp_path / "box" / "consortium.toml")
    assert consortium == made
    assert consortium.sandbox
    assert consortium.member("alpha").roles == {"compute", "holder"}
    for name in (*LOOPBACK, "delta", "ana"):
        folder = tmp_path / "box" / name
        consortium.check_own(Identity.load(folder / "keys"))
        settings = tomllib.loads((folder / ("analyst.toml" if name == "ana" else "node.toml")).read_text())
        assert settings["name"] == name
        assert load(folder / settings["consortium"]).id == made.id
        assert (folder / settings["keys"]).is_dir()
        assert settings.get("listen", "") == LOOPBACK.get(name, "")
        assert ("policy" in settings) == (name != "ana")
        assert ("compute" in settings) == (name in LOOPBACK)
        assert (folder / "state").is_dir() == (name != "ana")


def test_a_sandbox_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    with pytest.raises(ConfigError, match="already; nothing was changed"):
        sandbox.init(tmp_path / "box", "demo", compute=LOOPBACK)
    assert list((tmp_path / "box").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"compute": {"alpha": "127.0.0.1:7001"}}, "members: 1 have the role compute"),
        ({"compute": {**LOOPBACK, "alpha": "10.0.0.1:7001"}}, "not on loopback"),
        ({"compute": {**LOOPBACK, "alpha": "127.0.0.1"}}, r"members\[0\]\.address"),
        ({"holders": ["Delta"]}, "role holder"),
        ({"holders": ["delta", "delta"]}, "twice with the role holder"),
        ({"analysts": ["alpha"]}, "alpha is an analyst and a node"),
    ],
)
def test_a_sandbox_that_cannot_be_leaves_nothing(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        sandbox.init(tmp_path / "box", "demo", **{"compute": LOOPBACK, **changes})
    assert not (tmp_path / "box").exists()
