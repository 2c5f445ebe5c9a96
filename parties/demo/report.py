"""What the demo shows: a table on the terminal, a JSON file, and one self-contained HTML page."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from parties.demo.cohort import COMPUTE, DATA_FOLDER
from parties.demo.oracle import Expected
from parties.demo.verdict import Comparison, Number

TEMPLATE: Final = DATA_FOLDER / "report.html"
REPORT_FILE: Final = "report.html"
#: Rows of one query on the terminal; the rest is in the page.
_SHOWN: Final = 8


def print_table(comparisons: Sequence[Comparison], console: Console) -> None:
    """Joint beside pooled, a line a cell, with the cost of each query."""
    for comparison in comparisons:
        mark = "[green]exact or within its bound[/]" if not comparison.wrong else "[bold red]WRONG[/]"
        table = Table(
            title=f"{comparison.answer['title']}: {mark}", title_justify="left", caption=_cost(comparison)
        )
        table.add_column("cell")
        for heading in ("joint", "pooled", "difference"):
            table.add_column(heading, justify="right")
        cells = list(comparison.pooled.items())
        for label, cell in cells[:_SHOWN]:
            joint = comparison.joint.get(label)
            table.add_row(label, number(joint), number(cell.value), difference(joint, cell.error(joint)))
        if len(cells) > _SHOWN:
            table.add_row(f"... {len(cells) - _SHOWN} more", "", "", f"max {comparison.max_abs_error:.1e}")
        console.print(table)
        for label in comparison.wrong:
            console.print(f"[bold red]wrong:[/] {label}")


def write_json(comparisons: Sequence[Comparison], path: Path) -> None:
    """An array, one object a query."""
    records = [comparison.record() for comparison in comparisons]
    path.write_text(json.dumps(records, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_html(
    comparisons: Sequence[Comparison], sizes: Mapping[str, int], seconds: float, folder: Path
) -> Path:
    """One page without outside references, in `folder`; returns its path. `sizes`: hospital -> patients."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_FILE
    wrong = sum(bool(comparison.wrong) for comparison in comparisons)
    verdict = "every joint answer is right" if not wrong else f"{wrong} answers are off"
    filled = {
        "VERDICT": html.escape(verdict),
        "TONE": "bad" if wrong else "good",
        "SECONDS": f"{seconds:.0f}",
        "PATIENTS": str(sum(sizes.values())),
        "QUERIES": str(len(comparisons)),
        "HOSPITALS": "\n".join(_hospital(name, size, sum(sizes.values())) for name, size in sizes.items()),
        "SUMMARY": "\n".join(_summary_row(comparison) for comparison in comparisons),
        "SECTIONS": "\n".join(_section(comparison) for comparison in comparisons),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for key, text in filled.items():
        page = page.replace(f"<!--{key}-->", text)
    path.write_text(page, encoding="utf-8")
    return path


def number(value: Number) -> str:
    """A cell as people read it."""
    if value is None:
        return "suppressed"
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def difference(joint: Number, error: float) -> str:
    """How far a cell is off; a word where there is no number."""
    if joint is None and error == 0:
        return "as it must be"
    return "0" if error == 0 else f"{error:.1e}"


def _cost(comparison: Comparison) -> str:
    answer = comparison.answer
    sent = ", ".join(f"{name} {size / 1000:,.1f} kB" for name, size in answer["bytes_sent_per_party"].items())
    return f"{answer['seconds']:.2f} s, {answer['rounds']} rounds; sent: {sent}"


def _hospital(name: str, size: int, total: int) -> str:
    computes = name in COMPUTE
    role = "holds data and computes" if computes else "holds data, only dials out"
    seen = (
        "its own rows in clear; of the others two of three random-looking shares, which say nothing alone"
        if computes
        else "its own rows in clear, and nothing of the others"
    )
    width = 100 * size / total
    return (
        f"<tr><th>{html.escape(name)}</th><td>{role}</td><td class=n>{size}</td>"
        f'<td><span class=bar style="width:{width:.1f}%"></span></td><td>{seen}</td></tr>'
    )


def _summary_row(comparison: Comparison) -> str:
    answer = comparison.answer
    most = max(answer["bytes_sent_per_party"].values(), default=0)
    tone, word = ("bad", "off") if comparison.wrong else ("good", "right")
    return (
        f"<tr><th>{html.escape(answer['title'])}</th><td class=n>{len(comparison.pooled)}</td>"
        f"<td class=n>{comparison.suppressed}</td><td class=n>{comparison.max_abs_error:.1e}</td>"
        f"<td class=n>{answer['seconds']:.2f}</td><td class=n>{answer['rounds']}</td>"
        f"<td class=n>{most / 1000:,.1f}</td><td class={tone}>{word}</td></tr>"
    )


def _cell_row(label: str, joint: Number, cell: Expected) -> str:
    off = difference(joint, cell.error(joint))
    return (
        f"<tr><th>{html.escape(label)}</th><td class=n>{number(joint)}</td>"
        f"<td class=n>{number(cell.value)}</td><td class=n>{off}</td></tr>"
    )


def _section(comparison: Comparison) -> str:
    rows = "\n".join(
        _cell_row(label, comparison.joint.get(label), cell) for label, cell in comparison.pooled.items()
    )
    return (
        f"<section><h2>{html.escape(comparison.answer['title'])}</h2><div class=pair>"
        f"<figure>{comparison.answer['svg']}</figure>"
        f"<table><thead><tr><th>cell</th><th>joint</th><th>pooled</th><th>difference</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div><p class=cost>{html.escape(_cost(comparison))}</p></section>"
    )
