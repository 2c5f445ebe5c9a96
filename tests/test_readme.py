"""What README and docs tell people to type exists: make targets, commands, options, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from parties.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
MAX_EXAMPLE_LINES = 20


def typed_lines(page: str, program: str) -> list[str]:
    """Indented lines of a page that start with `program`, continuation lines joined."""
    joined = re.sub(r"\\\n\s*", "", page)
    return re.findall(rf"^    ({program}(?: .*)?)$", joined, re.MULTILINE)


def missing_from_cli(line: str) -> str | None:
    """The first word of a `triune ...` line that the command line does not know."""
    command: Any = typer.main.get_command(app)
    _, *words = shlex.split(line)
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return next((word for word in words if word.startswith("--") and word not in known), None)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {line.split()[1] for line in typed_lines(page.read_text(encoding="utf-8"), "make")}
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_exist(page: Path) -> None:
    lines = typed_lines(page.read_text(encoding="utf-8"), "triune")
    assert {line: word for line in lines if (word := missing_from_cli(line))} == {}


def test_readme_names_the_two_commands_first() -> None:
    assert typed_lines(README, "make")[:2] == ["make demo", "make test"]


def test_a_wrong_command_would_be_found() -> None:
    assert missing_from_cli("triune party nwe") == "nwe"
    assert missing_from_cli("triune party new --nmae x") == "--nmae"


def test_the_sdk_example_is_short_and_is_python() -> None:
    sdk = blocks()[0]
    assert len(sdk.splitlines()) <= MAX_EXAMPLE_LINES
    for block in blocks():
        compile(block, "README.md", "exec")


def test_the_sdk_example_runs(
    hospitals: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scope: dict[str, Any] = {}
    monkeypatch.chdir(hospitals.config.parent)
    exec(blocks()[0], scope)  # noqa: S102 - the README's own text
    scope["space"].close()
    printed = capsys.readouterr().out
    older = hospitals.pooled.query('age >= 50 and tgrade == "III"')
    assert printed.splitlines()[0] == str(len(older))
    assert scope["result"].cost.rounds > 0
    assert scope["result"].value[("age", "tsize")] == pytest.approx(
        hospitals.pooled.age.corr(hospitals.pooled.tsize), abs=1e-9
    )


def test_the_engine_example_gives_what_it_says() -> None:
    scope: dict[str, Any] = {}
    example = blocks()[1]
    exec(example, scope)  # noqa: S102 - the README's own text
    claimed = re.findall(r"^(\S.*\S)  # (\S+)$", example, flags=re.MULTILINE)
    assert len(claimed) == 2
    for expression, value in claimed:
        assert eval(expression, scope) == float(value)  # noqa: S307 - the README's own text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def places_in(page: str) -> list[tuple[str, str]]:
    """What a page names as `file.py: Class.function`."""
    return re.findall(r"`([\w/]+\.py): ([\w.]+)`", page)


def missing_place(file: str, name: str) -> str | None:
    """The part of such a name that is not there."""
    rooms = [ROOT / room / file for room in ("parties", "mpc", "mpc/protocols", "mpc/protocols/replicated")]
    found = next((path for path in rooms if path.is_file()), None)
    if found is None:
        return file
    source = found.read_text(encoding="utf-8")
    return next((part for part in name.split(".") if not re.search(rf"(def|class) {part}\b", source)), None)


def test_the_walks_lead_past_what_is_there() -> None:
    places = places_in((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert len(places) > 30
    assert {place: part for place in places if (part := missing_place(*place))} == {}


def test_a_walk_past_nothing_would_be_found() -> None:
    (place,) = places_in("see `node/gates.py: AnalystGate.Submitted`")
    assert missing_place(*place) == "Submitted"
    assert missing_place("node/gate.py", "AnalystGate") == "node/gate.py"
