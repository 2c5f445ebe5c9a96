"""node.toml: what is wrong is named by file and key, and nothing is guessed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, create_model

from mpc.errors import ConfigError, RangeError
from mpc.privacy.terms import Differencing, Terms
from parties.law.presets import PRESETS, Preset
from parties.law.rules import DEFAULT_TERMS, Policy
from parties.node import config, template
from parties.node.config import ComputeConfig, NodeConfig, PolicyConfig, load
from parties.node.storage.table import store_of
from parties.node.template import write_settings

NEEDED = {"name": '"ada"', "consortium": '"../consortium.toml"', "keys": '"keys"', "state": '"state"'}


OPERATORS = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


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
        ("[policy]\nallow_single_holder = 1", "policy.allow_single_holder"),
        ("[policy]\ndominance_records = 4", "policy.dominance_records"),
        ("[policy]\nround_to = 0", "policy.round_to"),
        ("[policy]\ndifferencing = 1", "policy.differencing"),
        ('[policy]\ndifferencing = "PAIRS"', "policy.differencing"),
        ('[policy]\npreset = "census"', "policy.preset"),
        ("[policy]\npreset = 1", "policy.preset"),
        ('[policy]\nallow_extremes = "yes"', "policy.allow_extremes"),
        ("[compute]\nthreads = 0", "compute.threads"),
        ("[compute]\nthreads = 1025", "compute.threads"),
        ("[compute]\nthreads = true", "compute.threads"),
        ('[compute]\nkernels = "fastest"', "compute.kernels"),
        ("[compute]\nlane_port = 65536", "compute.lane_port"),
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
    assert settings.policy.minimum_count == DEFAULT_TERMS.minimum_count
    assert not settings.policy.allow_extremes


@pytest.mark.parametrize("roles", [{"compute", "holder"}, {"compute"}, {"holder"}])
def test_the_files_that_triune_writes_are_right(tmp_path: Path, roles: set[str]) -> None:
    file = write_settings(
        tmp_path, "ada", frozenset(roles), consortium="../consortium.toml", address="127.0.0.1:7001"
    )
    settings = load(file)
    assert settings.policy == PolicyConfig()
    assert settings.compute == ComputeConfig()
    assert settings.log_level == NodeConfig.model_fields["log_level"].default
    assert settings.name == "ada"
    assert settings.listen == ("127.0.0.1:7001" if "compute" in roles else "")
    assert settings.policy.minimum_count == DEFAULT_TERMS.minimum_count


def test_jobs_lie_in_the_state_folder_or_where_the_file_says(tmp_path: Path) -> None:
    store_of(load(write(tmp_path))).close()
    assert (tmp_path / "state" / "jobs.sqlite").stat().st_size > 0
    elsewhere = tmp_path / "elsewhere" / "node.sqlite"
    store_of(load(write(tmp_path, f'database = "sqlite:///{elsewhere}"'))).close()
    assert elsewhere.stat().st_size > 0


def test_a_database_password_is_not_printed(tmp_path: Path) -> None:
    settings = load(write(tmp_path, 'database = "postgresql+psycopg://ada:hunter2@db/ada"'))
    assert "hunter2" not in f"{settings!r} {settings}"


def options(model: type[BaseModel], table: str = "") -> Iterator[str]:
    """Every option, as docs/operators.md calls it."""
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from options(field.annotation, f"[{key}] ")
        else:
            assert field.description, key
            yield f"{table}{key}"


def test_every_option_stands_in_the_operators_page() -> None:
    rows = OPERATORS.read_text(encoding="utf-8").partition("| key of `node.toml` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(.*?)` \|", rows, re.MULTILINE) == list(options(NodeConfig))


def test_every_option_stands_in_a_new_file(tmp_path: Path) -> None:
    file = write_settings(tmp_path, "ada", ["compute"], consortium="c.toml", address="127.0.0.1:7001")
    keys = re.findall(r"^(?:# )?([a-z_]+) = ", file.read_text(), re.MULTILINE)
    assert keys == [option.rpartition(" ")[2] for option in options(NodeConfig)]
    assert 'preset = "triune"' in file.read_text()
    assert "# minimum_count = 5" in file.read_text()  # so that another preset takes effect
    # what is shown as a comment is an example that would be taken
    file.write_text(re.sub(r"^# (?=[a-z_]+ = )", "", file.read_text(), flags=re.MULTILINE))
    assert load(file).compute.lane_port == 7101


def test_an_option_of_computing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Field("never", description="When rows are sorted.")
    made = create_model("Made", __base__=ComputeConfig, sorting=(str, new))
    wider = create_model("Wider", __base__=NodeConfig, compute=(made, made()))
    monkeypatch.setattr(template, "NodeConfig", wider)
    monkeypatch.setattr(config, "NodeConfig", wider)
    file = write_settings(tmp_path, "ada", ["compute"], consortium="c.toml", address="127.0.0.1:7001")
    assert '# When rows are sorted.\nsorting = "never"\n' in file.read_text()
    file.write_text(file.read_text().replace('"never"', '"always"'))
    assert load(file).compute.model_dump()["sorting"] == "always"


def test_a_policy_has_all_its_options() -> None:
    assert {"preset", *(field.name for field in dataclasses.fields(Terms))} == set(PolicyConfig.model_fields)
    assert PolicyConfig().policy() == Policy()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_what_is_not_set(tmp_path: Path, preset: Preset) -> None:
    policy = load(write(tmp_path, f'[policy]\npreset = "{preset}"')).policy
    assert policy.policy().terms == PRESETS[preset]
    assert load(
        write(tmp_path, f'[policy]\nminimum_count = 40\npreset = "{preset}"')
    ).policy.policy() == Policy(dataclasses.replace(PRESETS[preset], minimum_count=40))


def test_presets_are_what_their_sources_say() -> None:
    assert PRESETS["triune"] == DEFAULT_TERMS
    datashield, opensafely = PRESETS["datashield"], PRESETS["opensafely"]
    assert (datashield.minimum_count, datashield.records_per_parameter, datashield.p_percent) == (3, 3, 0)
    assert (opensafely.minimum_count, opensafely.round_to) == (8, 5)


@pytest.mark.parametrize("level", Differencing)
def test_differencing_is_a_word(tmp_path: Path, level: Differencing) -> None:
    settings = load(write(tmp_path, f'[policy]\ndifferencing = "{level.name.lower()}"'))
    assert settings.policy.policy().terms.differencing == level


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Terms) if field.type == "int"])
def test_the_limits_of_an_option_are_those_of_its_term(name: str) -> None:
    if name == "differencing":
        return
    limits = PolicyConfig.model_fields[name].metadata
    ge, le = (next(getattr(one, key) for one in limits if hasattr(one, key)) for key in ("ge", "le"))
    for value in (ge, le):
        assert getattr(PolicyConfig.model_validate({name: value}).policy().terms, name) == value
    for value in (ge - 1, le + 1):
        with pytest.raises(RangeError):
            Terms(**{name: value})


@pytest.mark.parametrize("roles", [{"analyst"}, {"holder"}])
def test_who_does_not_compute_sees_no_options_of_computing(tmp_path: Path, roles: set[str]) -> None:
    text = write_settings(tmp_path, "ada", roles, consortium="c.toml", address="").read_text()
    assert not [word for word in ("listen", "database", "[compute]") if word in text]
    assert ("[policy]" in text) == (roles == {"holder"})
