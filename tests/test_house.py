"""The house stands as it was drawn: its rooms, their sizes, and the direction of imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sizes import undocumented
from parties.wire.generate import stale

ROOT = Path(__file__).resolve().parents[1]

TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "deploy",
    "docs",
    "mpc",
    "parties",
    "protos",
    "pyproject.toml",
    "tests",
}
#: Lines; docs/style says 100 to 300, and this is where the tests stop it.
MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60
#: Alembic loads these scripts by path, so their folder is no package.
SCRIPT_FOLDER = "migrations"


def modules(*folders: str) -> list[Path]:
    """Our own modules in these folders; the code that protoc writes is not ours."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if "_pb2" not in path.name]


def long_functions(source: str) -> Iterator[str]:
    """Functions of over `MAX_FUNCTION_LINES` lines, as "name (lines)"."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.name} ({lines})"


def test_top_level_is_the_design_s() -> None:
    command = ["git", "-C", str(ROOT), "ls-files"]
    kept = subprocess.run(command, capture_output=True, text=True, check=False)
    if kept.returncode:
        pytest.skip("this is no checkout of git's")
    present = {line.split("/")[0] for line in kept.stdout.splitlines() if not line.startswith(".")}
    assert present == TOP_LEVEL


def test_no_module_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules("mpc", "parties", "benchmarks", "tests")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_function_is_long() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in modules("mpc", "parties", "benchmarks", "tests")
        if (names := list(long_functions(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_a_long_function_would_be_found() -> None:
    body = "    pass\n" * MAX_FUNCTION_LINES
    assert list(long_functions(f"def wordy():\n{body}")) == [f"wordy ({MAX_FUNCTION_LINES + 1})"]


@pytest.mark.parametrize("room", ["mpc", "parties"])
def test_every_room_says_what_lives_there(room: str) -> None:
    folders = {path.parent for path in modules(room) if SCRIPT_FOLDER not in path.parts}
    silent = [
        str(folder.relative_to(ROOT))
        for folder in sorted(folders)
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        name
        for name in undocumented([ROOT / "mpc", ROOT / "parties"])
        if "kernels/fused.py"
        not in name  # compiled from their source; each is that of its name in `reference`
    ]
    assert silent == []


def test_a_silent_name_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text("class Some:\n    def one(self): ...\n\n\ndef two(): ...\n")
    found = [name.removeprefix(f"{tmp_path}/") for name in undocumented([tmp_path])]
    assert found == ["some.py: Some", "some.py: Some.one", "some.py: two"]


def test_tests_are_no_package() -> None:
    assert sorted((ROOT / "tests").rglob("__init__.py")) == []


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in modules("tests") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_imports_point_down() -> None:
    # In a process of its own: import-linter configures logging anew and mutes what later tests listen to.
    program = "import sys; from importlinter.cli import lint_imports; "
    program += "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True, no_logo=True))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_code_is_current() -> None:
    assert stale() == [], "run `make protos`"


def _pins(text: str) -> dict[str, str]:
    return dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))


def test_every_dependency_is_pinned_exactly() -> None:
    pins = {
        re.sub(r"[-_.]+", "-", name).lower() for name in _pins((ROOT / "deploy/constraints.txt").read_text())
    }
    wanted = re.findall(r'^\s+"([A-Za-z0-9_.-]+)[><=]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert wanted
    assert {name.lower() for name in wanted} - pins == set()
