"""`make bench-wan`: what the rows take between hospitals, where rounds and bytes are what counts.

Three processes with mutual TLS through a relay (`relay`) that delays and limits. Beside each time stands how
many times its limit that is: rounds times half a round trip, and the busiest party's bytes at its rate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.links import Parties, linked_parties
from benchmarks.relay import Network
from benchmarks.report import aligned, bytes_as_text, publish, seconds_as_text
from benchmarks.workloads import WORKLOADS, Workload

NETWORKS = (
    Network("1 Gbit/s, 1 ms", 0.001, 1e9),
    Network("100 Mbit/s, 40 ms", 0.040, 1e8),
)
ROWS = (
    "scalar mul", "scalar less", "mul 1M", "matmul 512", "less 100k", "div 100k", "exp 100k", "log 100k",
    "sqrt 100k", "sigmoid 100k", "sort 10k", "logreg 569x30", "mlp b128", "cnn b32",
)  # fmt: skip
REPETITIONS = 2
TARGET = Path(__file__).resolve().parents[1] / "build" / "bench-wan.json"


def measured(parties: Parties, network: Network, workload: Workload) -> dict[str, Any]:
    """The fastest of a few laps: nothing makes a distant network faster than it is."""
    seconds, laps = [], []
    for _ in range(REPETITIONS):
        parties.ready(workload.prepare, workload.work)
        started = time.perf_counter()
        laps = parties.go()
        seconds.append(time.perf_counter() - started)
    rounds, sent = max(lap.rounds for lap in laps), max(lap.bytes_sent for lap in laps)
    return {
        "seconds": seconds, "best_s": min(seconds), "rounds": rounds, "bytes": sent,
        "limit_s": network.seconds(rounds, sent),
    }  # fmt: skip


def table(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """A line a row: rounds, bytes, and for each network the time and how many times the limit it is."""
    names = list(next(iter(rows.values())))
    made: list[Sequence[str]] = [("row", "rounds", "sent, busiest", *names, "")]
    for row, networks in rows.items():
        first = next(iter(networks.values()))
        cells = [
            f"{seconds_as_text(one['best_s'])} ({one['best_s'] / one['limit_s']:.1f} x limit)"
            for one in networks.values()
        ]
        made.append((row, str(first["rounds"]), bytes_as_text(first["bytes"]), *cells, ""))
    return aligned(made)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    parser.add_argument("--json", type=Path, default=TARGET)
    chosen = parser.parse_args(arguments)
    rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in chosen.rows}
    for network in NETWORKS:
        with (
            tempfile.TemporaryDirectory() as folder,
            linked_parties(Path(folder) / "box", network=network) as parties,
        ):
            for name in chosen.rows:
                rows[name][network.name] = measured(parties, network, WORKLOADS[name])
                print(f"measured {name} at {network.name}", file=sys.stderr, flush=True)
    publish(table(rows), rows, chosen.json)


if __name__ == "__main__":
    main()
