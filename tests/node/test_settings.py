"""node.toml: what is wrong is named by file and key, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpc.errors import ConfigError
from parties.identity.settings import write_settings
from parties.law.policy import DEFAULT_MINIMUM_COUNT
from parties.node.config import load
from parties.node.storage.table import store_of

NEEDED = {"name": '"ada"', "consortium": '"../consortium.toml"', "keys": '"keys"', "state": '"state"'}


def write(folder: Path, *more: str, without: str = "") -> Path:
    lines = [f"{key} = {value}" for key, value in NEEDED.items() if key != without]
    file = folder / "node.toml"
    file.write_text("\n".join([*lines, *more]), encoding="utf-8")
    return file


def refusal_of(file: Path) -> str:
    """What the operator reads; it names the file and says what to do."""
    with pytest.raises(ConfigError) as refusal:
        load(file)
    assert str(file) in refusal.value.message
    assert refusal.value.remedy
    return refusal.value.message


@pytest.mark.parametrize("key", NEEDED)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    assert repr(key) in refusal_of(write(tmp_path, without=key))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("minimumcount = 5", "minimumcount"),
        ("minimum_count = 5", "minimum_count"),  # of [policy], not of the file
        ("[polciy]", "polciy"),
        ("[policy]\nminimum_cuont = 5", "policy.minimum_cuont"),
        ("[compute]\nthread = 5", "compute.thread"),
    ],
)
def test_an_unknown_key_is_named(tmp_path: Path, line: str, key: str) -> None:
    assert repr(key) in refusal_of(write(tmp_path, line))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("listen = 7001", "listen"),
        ("database = 5", "database"),
        ('log_level = "loud"', "log_level"),
        ("policy = 5", "policy"),
        ("[policy]\nminimum_count = 0", "policy.minimum_count"),
        ("[policy]\nminimum_count = -5", "policy.minimum_count"),
        ("[policy]\nminimum_count = 1000001", "policy.minimum_count"),
        ("[policy]\nminimum_count = true", "policy.minimum_count"),
        ('[policy]\nminimum_count = "5"', "policy.minimum_count"),
        ("[policy]\nminimum_count = 5.0", "policy.minimum_count"),
        ("[policy]\nallow_extremes = 1", "policy.allow_extremes"),
        ('[policy]\nallow_extremes = "yes"', "policy.allow_extremes"),
        ("[compute]\nthreads = 0", "compute.threads"),
        ("[compute]\nthreads = 1025", "compute.threads"),
        ("[compute]\nround_timeout_s = 0", "compute.round_timeout_s"),
        ("[compute]\nround_timeout_s = 3601", "compute.round_timeout_s"),
        ("[compute]\nround_timeout_s = nan", "compute.round_timeout_s"),
        ("[compute]\nround_timeout_s = inf", "compute.round_timeout_s"),
        ("[compute]\nround_timeout_s = true", "compute.round_timeout_s"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, line: str, key: str) -> None:
    assert repr(key) in refusal_of(write(tmp_path, line))


@pytest.mark.parametrize(
    "content", [b"name = ", b"name = ada", b"name\n", b"name = 'a'\nname = 'b'", b"\xff\xfe"]
)
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "node.toml"
    file.write_bytes(content)
    assert "is not TOML" in refusal_of(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal_of(tmp_path / "node.toml")
    assert "Is a directory" in refusal_of(tmp_path)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ada"
    folder.mkdir()
    write(folder, 'listen = "127.0.0.1:7001"', "[compute]\nround_timeout_s = 5")
    monkeypatch.chdir(tmp_path)
    settings = load(Path("ada/node.toml"))
    assert settings.keys == folder / "keys"
    assert settings.state == folder / "state"
    assert settings.consortium.resolve() == tmp_path / "consortium.toml"
    assert settings.compute.round_timeout_s == 5
    assert settings.policy.minimum_count == DEFAULT_MINIMUM_COUNT
    assert not settings.policy.allow_extremes


@pytest.mark.parametrize("roles", [{"compute", "holder"}, {"compute"}, {"holder"}])
def test_the_files_that_triune_writes_are_right(tmp_path: Path, roles: set[str]) -> None:
    file = write_settings(
        tmp_path, "ada", frozenset(roles), consortium="../consortium.toml", address="127.0.0.1:7001"
    )
    settings = load(file)
    assert settings.name == "ada"
    assert settings.listen == ("127.0.0.1:7001" if "compute" in roles else "")
    assert settings.policy.minimum_count == DEFAULT_MINIMUM_COUNT


def test_jobs_lie_in_the_state_folder_or_where_the_file_says(tmp_path: Path) -> None:
    store_of(load(write(tmp_path))).close()
    assert (tmp_path / "state" / "jobs.sqlite").stat().st_size > 0
    elsewhere = tmp_path / "elsewhere" / "node.sqlite"
    store_of(load(write(tmp_path, f'database = "sqlite:///{elsewhere}"'))).close()
    assert elsewhere.stat().st_size > 0


def test_a_database_password_is_not_printed(tmp_path: Path) -> None:
    settings = load(write(tmp_path, 'database = "postgresql+psycopg://ada:hunter2@db/ada"'))
    assert "hunter2" not in f"{settings!r} {settings}"
