"""`triune demo`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer


def demo(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the comparison as JSON.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report.html.")] = Path("triune-demo"),
) -> None:
    """Five hospitals on this machine answer joint queries on 686 real patients.

    Starts six processes on loopback, compares each joint answer with the pooled one, and writes a report.
    Exits with 1 if any answer is off.

    \b
    Examples:
      triune demo
      triune demo --json demo.json --out /tmp/triune-demo
    """
    from rich.console import Console

    from parties.demo.run import run_demo

    # A plain `kill` should end the hospitals too, and not only this process.
    signal.signal(signal.SIGTERM, _interrupt)
    if not run_demo(out, json_file, Console()):
        raise typer.Exit(1)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
