"""Tables of measured rows, as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Row, median, rounds, bytes at the busiest party and on average, and the limit with what binds it."""
    made = [("row", "median", "rounds", "sent, busiest", "sent, mean", "limit", "times", "of the limit")]
    made += [_line(row) for row in rows]
    return aligned(made)


def publish(lines: Iterable[str], rows: Any, file: Path) -> None:
    """Prints the lines, and writes the rows as JSON."""
    for line in lines:
        print(line)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"Written to {file}")


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    sent, needs = row["bytes_sent_per_party"], row["limit_of"]
    total = sum(needs.values()) or 1.0
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in needs.items())
    times = row["times_the_limit"]
    return (
        str(row["row"]), seconds_as_text(row["median_s"]), str(row["rounds"]), bytes_as_text(max(sent)),
        bytes_as_text(sum(sent) / len(sent)), seconds_as_text(row["limit_s"]),
        "-" if times is None else f"{times:.1f}", shares,
    )  # fmt: skip


def seconds_as_text(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def bytes_as_text(count: float) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e5 else f"{count:.0f} B"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns side by side, the first to the left, the others to the right but for the last."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        first, *middle, last = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *middle, last.strip() if len(row) > 2 else last])
