"""How results are drawn: plain matplotlib, no state but the axes that are passed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mpc.statistics.base import Value
from parties.client.dates import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#1f3a5f"
ACCENT: Final = "#2a9d8f"
CLOSED: Final = "#c9c9c9"
_PALETTE: Final = (ACCENT, "#e9a23b", "#7a6ba8", "#d1495b", "#4f86c6", "#7f8c4a")
_TITLE_CHARACTERS: Final = 60
_BOX: Final = {"whislo": "5%", "q1": "25%", "med": "50%", "q3": "75%", "whishi": "95%", "mean": "mean"}


def axes(ax: Axes | None, title: str) -> Axes:
    """`ax`, or new axes; with the title and without needless lines."""
    if ax is None:
        # Drawing is optional, and this import takes as long as a small query.
        from matplotlib import pyplot as plt  # noqa: PLC0415

        ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]
    ax.set_title("\n".join(textwrap.wrap(title, _TITLE_CHARACTERS)), color=INK, fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def bars(rows: Mapping[tuple[str, ...], Mapping[str, Value]], ax: Axes, label: str) -> Axes:
    """One group of bars a row; a bar that stayed closed is a grey word."""
    names = list(next(iter(rows.values())))
    width = 0.8 / len(names)
    for place, values in enumerate(rows.values()):
        for step, name in enumerate(names):
            x, value = place - 0.4 + width * (step + 0.5), values[name]
            label_once = name if place == 0 else "_"  # an underscore keeps it out of the legend
            height, colour = value or 0, _PALETTE[step % len(_PALETTE)]
            ax.bar(x, height, width * 0.92, color=colour, label=label_once)
            text = "suppressed" if value is None else f"{value:.4g}"
            ax.annotate(
                text, (x, height), ha="center", va="bottom", fontsize=8, rotation=90 * (value is None)
            )
    ax.set_xticks(range(len(rows)), [", ".join(key) or "all" for key in rows], rotation=0)
    ax.set_xlim(-0.8, max(len(rows), 2) - 0.2)
    ax.set_xlabel(label)
    if len(names) > 1:
        ax.legend()
    else:
        ax.set_ylabel(names[0])
    return ax


def timeline(rows: Mapping[tuple[str, ...], Mapping[str, Shown]], ax: Axes, label: str) -> Axes:
    """One line a row with its dates as points; numbers beside them are left out, closed rows say so."""
    names = [name for name in next(iter(rows.values())) if any(_is_date(row[name]) for row in rows.values())]
    for step, name in enumerate(names):
        found = [(place, row[name]) for place, row in enumerate(rows.values()) if isinstance(row[name], date)]
        days: Any = [value for _, value in found]
        ax.plot(days, [place for place, _ in found], "o", color=_PALETTE[step % len(_PALETTE)], label=name)
        for place, value in found:
            ax.annotate(f"{value:%Y-%m-%d}", (value, place + 0.08), ha="center", fontsize=8)
    for place, row in enumerate(rows.values()):
        if not any(_is_date(row[name]) for name in names):
            across = ax.get_yaxis_transform()  # x from 0 to 1 over the plot
            ax.text(0.5, place, "suppressed", transform=across, ha="center", color=INK, fontsize=8)
    ax.margins(x=0.15)
    ax.set_yticks(range(len(rows)), [", ".join(key) or "all" for key in rows])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_ylabel(label)
    ax.tick_params(axis="x", rotation=30)
    ax.legend()
    return ax


def _is_date(value: Shown) -> bool:
    return isinstance(value, date)


def boxes(rows: Mapping[tuple[str, ...], Mapping[str, Shown]], ax: Axes) -> Axes:
    """Boxes from percentiles (5 to 95) on one scale; dates and rows with a closed percentile are left out."""
    complete = {
        key: values
        for key, values in rows.items()
        if all(isinstance(values.get(p), int | float) for p in _BOX.values())
    }
    stats: list[dict[str, Any]] = [
        {"label": ", ".join(key) or "all", "fliers": [], **{part: values[p] for part, p in _BOX.items()}}
        for key, values in complete.items()
    ]
    if stats:
        drawn = ax.bxp(stats, showmeans=True, showfliers=False, patch_artist=True)
        for box in drawn["boxes"]:
            box.set(facecolor=ACCENT, alpha=0.6)
        for line in drawn["medians"]:
            line.set(color=INK)
    ax.set_yscale("symlog", linthresh=10)
    ax.set_ylabel("5, 25, 50, 75, 95 % and mean (triangle)")
    return ax


def histogram(edges: Sequence[float], counts: Sequence[Value], ax: Axes, label: str) -> Axes:
    """Counts over their bins; closed bins are hatched to the height of a small stub."""
    opened = [count or 0 for count in counts]
    widths = [high - low for low, high in pairwise(edges)]
    ax.bar(edges[:-1], opened, widths, align="edge", edgecolor="white", color=ACCENT, alpha=0.75, label=label)
    stub = 0.04 * max([*opened, 1])
    for low, width, count in zip(edges, widths, counts, strict=False):
        if count is None:
            ax.bar(low, stub, width, align="edge", color="white", edgecolor=CLOSED, hatch="////")
    ax.set_xlabel(label)
    ax.set_ylabel("count (hatched: suppressed)" if None in counts else "count")
    return ax


def matrix(frame: pd.DataFrame, ax: Axes) -> Axes:
    """A correlation matrix in colours, with its numbers."""
    values = frame.to_numpy(dtype=float)
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    names = list(frame.columns)
    ax.set_xticks(range(len(names)), names, rotation=30)
    ax.set_yticks(range(len(names)), names)
    for row in range(len(names)):
        for column in range(len(names)):
            number = values[row, column]
            text = "–" if number != number else f"{number:.2f}"  # noqa: PLR0124  # NaN
            ax.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=9,
                color="white" if abs(number) > 0.6 else INK,
            )
    return ax
