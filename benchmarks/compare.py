"""`make bench-peers`: other systems beside Triune on the same inputs, row by row in one run.

CrypTen runs in this environment. SPU and MPyC get environments of their own under `build/peers/`, made on the
first run where their packages install; a system that does not is left out with the reason. Prints a table and
writes JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.links import Parties, linked_parties
from benchmarks.report import aligned, bytes_as_text, publish, seconds_as_text
from benchmarks.workloads import SMALL_TABLE, WORKLOADS, Workload

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
REPETITIONS, SCALAR_REPETITIONS = 3, 31
PINS = {"spu": ["spu==0.9.5"], "mpyc": ["mpyc==0.11", "gmpy2", "numpy"]}
Row = dict[str, Any]


def environment(system: str) -> Path:
    """The Python of a peer's own environment. OSError or CalledProcessError where it cannot be made."""
    folder = BUILD / "peers" / system
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--quiet", *PINS[system]], check=True)
        done.touch()
    return python


@contextmanager
def peer(system: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running script of `peers`."""
    python = Path(sys.executable) if system == "crypten" else environment(system)
    script = HERE / "peers" / f"{system}_peer.py"
    process = subprocess.Popen(
        [str(python), str(script), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def ask(process: subprocess.Popen[str], workload: Workload) -> Row:
    """One row of a peer."""
    if process.stdin is None or process.stdout is None or process.poll() is not None:
        return {"lacks": "it has ended"}
    process.stdin.write(f"{workload.id} {_repetitions(workload)}\n")
    process.stdin.flush()
    answers = (line for line in process.stdout if line.startswith("{"))  # systems print things of their own
    row: Row = json.loads(next(answers, '{"lacks": "it has ended"}'))
    if "seconds" in row:
        row["median_s"] = statistics.median(row["seconds"])
    return row


def ours(parties: Parties, workload: Workload) -> Row:
    """One row of Triune, after a warm-up as the peers have."""
    seconds, laps = [], []
    for _ in range(_repetitions(workload) + 1):
        parties.ready(workload.prepare, workload.work)
        started = time.perf_counter()
        laps = parties.go()
        seconds.append(time.perf_counter() - started)
    return {
        "seconds": seconds[1:], "median_s": statistics.median(seconds[1:]),
        "bytes": max(lap.bytes_sent for lap in laps), "rounds": max(lap.rounds for lap in laps),
    }  # fmt: skip


def _repetitions(workload: Workload) -> int:
    return SCALAR_REPETITIONS if workload.repeat > 1 else REPETITIONS


def _write(folder: Path, workload: Workload) -> None:
    inputs = workload.inputs()
    np.savez(folder / f"{workload.id}.npz", **{f"a{place:02}": x for place, x in enumerate(inputs)})
    np.save(folder / f"{workload.id}.answer.npy", np.asarray(workload.numpy(*inputs), float))


def table(rows: dict[str, dict[str, Row]], systems: Sequence[str]) -> Iterator[str]:
    """A line a row: ours, then each peer's time and bytes, and how many times as long it takes."""
    made: list[Sequence[str]] = [["row", "triune", *(f"{name} (times ours)" for name in systems), ""]]
    for name, row in rows.items():
        own = row["triune"]["median_s"]
        cells = [_cell(row["triune"])]
        for system in systems:
            other = row.get(system, {"lacks": ""})
            cells.append(f"{_cell(other)} ({other['median_s'] / own:.1f})" if "median_s" in other else "-")
        made.append([name, *cells, ""])
    return aligned(made)


def _cell(row: Row) -> str:
    return f"{seconds_as_text(row['median_s'])}, {bytes_as_text(row['bytes'])}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", nargs="*", default=["crypten", "spu", "mpyc"])
    parser.add_argument("--rows", nargs="*", default=[], help="parts of names; default: all")
    parser.add_argument("--json", type=Path, default=BUILD / "bench-peers.json")
    chosen = parser.parse_args(arguments)
    workloads = [
        w
        for w in (*WORKLOADS.values(), *SMALL_TABLE)
        if not chosen.rows or any(r in w.name for r in chosen.rows)
    ]
    rows: dict[str, dict[str, Row]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = {}
        for system in chosen.systems:
            try:
                running[system] = stack.enter_context(peer(system, folder))
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"{system} is left out: it does not install here ({type(error).__name__}).")
        parties = stack.enter_context(linked_parties(folder / "box"))
        for workload in workloads:
            _write(folder, workload)
            rows[workload.name] = {"triune": ours(parties, workload)}
            for system, process in running.items():
                rows[workload.name][system] = ask(process, workload)
            print(f"measured {workload.name}", file=sys.stderr, flush=True)
    publish(table(rows, list(running)), rows, chosen.json)


if __name__ == "__main__":
    main()
