"""The demo from beginning to end: found, register, start, ask, stop; then, and only then, compare."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from parties.demo.oracle import Oracle
from parties.demo.processes import House
from parties.demo.report import print_table, write_html, write_json
from parties.demo.verdict import Comparison, compare

#: The minimum count that a sandbox's nodes are set up with.
MINIMUM_COUNT: Final = 5
Change = Callable[[Mapping[str, Path]], None]


def joint_and_pooled(
    change: Change | None = None, console: Console | None = None
) -> tuple[list[Comparison], dict[str, int]]:
    """The comparisons, and each hospital's number of patients. All processes have ended when it returns."""
    say = (console or Console(quiet=True)).print
    say("Making keys, splitting the cohort, registering each part at its hospital, starting five nodes ...")
    with House(change) as house:
        say("The analyst asks. No hospital opens a file but its own.")
        answers_file = house.folder / "answers.json"
        house.ask(answers_file)
        answers: list[dict[str, Any]] = json.loads(answers_file.read_text(encoding="utf-8"))
        # Only now, with all answers written, does anything read the five files together.
        oracle = Oracle.of_files(house.parts.values(), MINIMUM_COUNT)
        sizes = {
            name: len(path.read_text(encoding="utf-8").splitlines()) - 1 for name, path in house.parts.items()
        }
    return compare(answers, oracle), sizes


def _try_folder(folder: Path) -> None:
    """`OSError` now, and not after all the work, for a folder that cannot be made; leaves nothing behind."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        path.rmdir()


def run_demo(output: Path, json_file: Path | None, console: Console) -> bool:
    """Runs it, prints and writes everything; whether every joint answer is right."""
    _try_folder(output)
    started = time.monotonic()
    comparisons, sizes = joint_and_pooled(console=console)
    seconds = time.monotonic() - started
    print_table(comparisons, console)
    page = write_html(comparisons, sizes, seconds, output)
    if json_file is not None:
        write_json(comparisons, json_file)
    right = not any(comparison.wrong for comparison in comparisons)
    verdict = "[green]Every joint answer is right.[/]" if right else "[bold red]Some answers are off.[/]"
    console.print(f"{verdict} {seconds:.0f} s in all. The report: {page}")
    return right
