from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mpc.statistics.table import STATISTICS
from parties.cli import app
from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE

COMMANDS = [
    [],
    ["demo"],
    ["init"],
    ["party"],
    ["party", "new"],
    ["party", "assemble"],
    ["party", "sign"],
    ["party", "merge"],
    ["node"],
    ["node", "run"],
    ["data"],
    ["data", "draft"],
    ["data", "add"],
    ["data", "list"],
    ["data", "remove"],
    ["query"],
    ["datasets"],
    ["statistics"],
    ["doctor"],
    ["jobs"],
    ["node", "jobs"],
    ["status"],
    ["result"],
    ["cancel"],
]
COMPUTE = list(
    itertools.chain(
        *(("--compute", f"{name}=127.0.0.1:{port}") for name, port in zip("abc", (1, 2, 3), strict=True))
    )
)


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(app, [str(item) for item in arguments], **more)


@pytest.fixture
def sandbox(run, tmp_path):
    made = run("init", tmp_path / "box", *COMPUTE, "--holder", "a", "--holder", "d", "--analyst", "alice")
    assert made.exit_code == 0, made.output
    return tmp_path / "box"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(run, command):
    shown = run(*command, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.stdout
    assert " ".join(["triune", *command]).strip() in shown.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("parties.cli", ("torch", "pandas", "grpc", "pydantic")),
        ("mpc", ("torch", "numpy")),
        ("parties.client", ("torch", "pandas", "matplotlib", "sqlalchemy", "pyarrow")),
    ],
)
def test_what_is_not_needed_yet_is_not_loaded(module, heavy):
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_statistics_are_listed_with_an_example(run):
    shown = run("statistics").stdout
    for one in STATISTICS:
        assert f"\n{one.kind} " in f"\n{shown}"
        assert one.example in shown


def test_errors_are_one_sentence_and_what_to_do(tmp_path):
    command = [sys.executable, "-m", "parties.cli", "jobs", "--config", str(tmp_path / "nothing.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    first, second = ended.stderr.splitlines()
    assert first.startswith("error: ")
    assert "nothing.toml" in first
    assert second.startswith("what to do: ")


def test_debug_shows_the_traceback(tmp_path):
    command = [sys.executable, "-m", "parties.cli", "--debug", "jobs", "--config", str(tmp_path / "no.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "Traceback" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["query"], ["init", "x"], ["data", "add", "only-one"], ["jobs", "--no-such-option"]],
    ids=" ".join,
)
def test_usage_errors_exit_with_two(run, arguments):
    assert run(*arguments).exit_code == 2


def test_init_makes_a_sandbox_once(run, sandbox):
    assert (sandbox / "alice" / "analyst.toml").is_file()
    assert (sandbox / "d" / "node.toml").is_file()
    again = run("init", sandbox, *COMPUTE)
    assert again.exit_code == 1
    assert "nothing was changed" in again.stderr


@pytest.mark.parametrize("value", ["a", "a=", "=127.0.0.1:1"])
def test_a_wrong_compute_option_is_explained(run, tmp_path, value):
    ended = run("init", tmp_path / "box", "--compute", value)
    assert ended.exit_code == 1
    assert "NAME=HOST:PORT" in ended.stderr


def test_a_consortium_is_founded_by_commands(run, tmp_path):
    requests = []
    for place, name in enumerate("abc"):
        made = run(
            "party", "new", tmp_path / name, "--name", name, "--role", "compute",
            "--address", f"127.0.0.1:{7001 + place}",
        )  # fmt: skip
        assert made.exit_code == 0, made.stderr
        assert f'listen = "127.0.0.1:{7001 + place}"' in (tmp_path / name / "node.toml").read_text()
        requests.append(tmp_path / name / f"{name}.request.toml")
    output = tmp_path / "consortium.toml"
    assert run("party", "assemble", *requests, "--name", "registry", "--output", output).exit_code == 0
    for name in "ab":
        signed = run("party", "sign", output, "--keys", tmp_path / name / "keys")
        assert "Still missing" in signed.stdout
    copy = tmp_path / "copy.toml"
    copy.write_bytes(output.read_bytes())
    assert "Everybody has signed" in run("party", "sign", copy, "--keys", tmp_path / "c" / "keys").stdout
    merged = run("party", "merge", output, copy, "--output", output)
    assert "everybody has signed" in merged.stdout


def test_data_is_drafted_added_listed_and_removed(run, sandbox, tmp_path):
    config = sandbox / "d" / "node.toml"
    drafted = run("data", "draft", COHORT_FILE, "--output", tmp_path / "draft.toml")
    assert drafted.exit_code == 0
    unconfirmed = run("data", "add", tmp_path / "draft.toml", COHORT_FILE, "--config", config, "--yes")
    assert unconfirmed.exit_code == 1
    assert "confirmed" in unconfirmed.stderr
    assert "Nothing is registered" in run("data", "list", "--config", config).stdout
    declined = run("data", "add", SCHEMA_FILE, COHORT_FILE, "--config", config, input="n\n")
    assert declined.exit_code == 1
    assert "Nothing is registered" in run("data", "list", "--config", config).stdout
    assert run("data", "add", SCHEMA_FILE, COHORT_FILE, "--config", config, input="y\n").exit_code == 0
    assert "gbsg2: at most 1000 rows" in run("data", "list", "--config", config).stdout
    assert run("data", "remove", "gbsg2", "--config", config).exit_code == 0
    assert run("data", "remove", "gbsg2", "--config", config).exit_code == 1


def test_a_draft_never_overwrites(run, tmp_path):
    (tmp_path / "mine.toml").write_text("mine")
    assert run("data", "draft", COHORT_FILE, "--output", tmp_path / "mine.toml").exit_code == 1
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_a_violation_names_the_place_and_not_the_value(run, sandbox, tmp_path):
    lines = COHORT_FILE.read_text().splitlines()
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([lines[0], lines[1].replace(",70,", ",7777,", 1), *lines[2:]]))
    ended = run("data", "add", SCHEMA_FILE, bad, "--config", sandbox / "d" / "node.toml", "--yes")
    assert ended.exit_code == 1
    assert "age" in ended.stderr
    assert "7777" not in ended.output


def test_a_missing_config_key_is_named(run, sandbox):
    config = sandbox / "d" / "node.toml"
    config.write_text("\n".join(line for line in config.read_text().splitlines() if "state =" not in line))
    ended = run("data", "list", "--config", config)
    assert ended.exit_code == 1
    assert "state" in ended.stderr


def test_an_unreachable_compute_party_is_named(run, sandbox):
    ended = run("query", "gbsg2", "--stat", "count", "--config", sandbox / "alice" / "analyst.toml")
    assert ended.exit_code == 1
    assert "The compute party a does not answer at 127.0.0.1:1." in ended.stderr
    assert "what to do:" in ended.stderr


def test_an_analysts_settings_are_checked(run, sandbox):
    settings = sandbox / "alice" / "analyst.toml"
    text = settings.read_text()
    settings.write_text(text.replace("keys =", "kees ="))
    assert "keys is missing" in run("jobs", "--config", settings).stderr
    settings.write_text(text.replace('name = "alice"', 'name = "bob"'))
    assert "its keys are of alice" in run("jobs", "--config", settings).stderr
    wrong = run("jobs", "--config", sandbox / "a" / "node.toml")
    assert "no analyst" in wrong.stderr
