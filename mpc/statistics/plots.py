"""How results are drawn: plain matplotlib, no state but the axes that are passed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from mpc.statistics.outcome import Shown, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#1f3a5f"
ACCENT: Final = "#2a9d8f"
CLOSED: Final = "#c9c9c9"
_PALETTE: Final = (ACCENT, "#e9a23b", "#7a6ba8", "#d1495b", "#4f86c6", "#7f8c4a")
_TITLE_CHARACTERS: Final = 60
#: Boxes of over so many times the size of the smallest are drawn on a logarithmic scale.
_DECADES: Final = 100.0
#: Which percentiles the parts of a box show: the nearest there are.
_BOX: Final = {"whislo": 0.0, "q1": 25.0, "med": 50.0, "q3": 75.0, "whishi": 100.0}


def axes(ax: Axes | None, title: str) -> Axes:
    """`ax`, or new axes; with the title and without needless lines."""
    if ax is None:
        # Drawing is optional, and this import takes as long as a small query.
        from matplotlib import pyplot as plt

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
    """Boxes from percentiles on one scale, whiskers at the outermost; rows with a closed one are left out."""
    names = sorted((n for n in next(iter(rows.values())) if n.endswith("%")), key=_percent)
    chosen = {part: min(names, key=lambda name: abs(_percent(name) - at)) for part, at in _BOX.items()}
    stats: list[dict[str, Any]] = [
        {
            "label": ", ".join(key) or "all",
            "fliers": [],
            "mean": values["mean"],
            **{part: values[name] for part, name in chosen.items()},
        }
        for key, values in rows.items()
        if all(isinstance(values[name], int | float) for name in ("mean", *names))
    ]
    if stats:
        drawn = ax.bxp(stats, showmeans=True, showfliers=False, patch_artist=True)
        for box in drawn["boxes"]:
            box.set(facecolor=ACCENT, alpha=0.6)
        for line in drawn["medians"]:
            line.set(color=INK)
        lows, highs = [one["whislo"] for one in stats], [one["whishi"] for one in stats]
        if max(highs) > _DECADES * max(1.0, abs(min(lows))):
            ax.set_yscale("symlog", linthresh=10)
    used = sorted(set(chosen.values()), key=_percent)
    ax.set_ylabel(f"{', '.join(name.removesuffix('%') for name in used)} % and mean (triangle)")
    return ax


def _percent(name: str) -> float:
    """The number of a value that is called after its percentile."""
    return float(Fraction(name.removesuffix("%")))


def histogram(edges: Sequence[float], counts: Sequence[Value], ax: Axes, label: str, place: int = 0) -> Axes:
    """Counts over their bins, in the colour of `place`; closed bins are hatched stubs."""
    opened = [count or 0 for count in counts]
    widths = [high - low for low, high in pairwise(edges)]
    colour = _PALETTE[place % len(_PALETTE)]
    ax.bar(edges[:-1], opened, widths, align="edge", edgecolor="white", color=colour, alpha=0.6, label=label)
    stub = 0.04 * max([*opened, 1])
    for low, width, count in zip(edges, widths, counts, strict=False):
        if count is None:
            ax.bar(low, stub, width, align="edge", color="none", edgecolor=CLOSED, hatch="////")
    if None in counts or not ax.get_ylabel():
        ax.set_ylabel("count (hatched: suppressed)" if None in counts else "count")
    return ax


def steps(points: Sequence[tuple[float | date, float]], ax: Axes, label: str, place: int = 0) -> Axes:
    """A line that rises at each point, in the colour of `place`; a word where there is none."""
    if not points:
        ax.text(0.5, 0.5, f"{label}: suppressed", transform=ax.transAxes, ha="center", color=INK, fontsize=8)
    x: Any = [at for at, _ in points]
    y = [height for _, height in points]
    ax.step(x, y, where="post", marker=".", color=_PALETTE[place % len(_PALETTE)], label=label)
    return ax


def matrix(rows: Mapping[str, Mapping[str, Shown]], ax: Axes) -> Axes:
    """A correlation matrix in colours, with its numbers; a dash where there is none."""
    names = list(rows)
    numbers = [[_number(rows[row][column]) for column in names] for row in names]
    ax.imshow(numbers, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=30)
    ax.set_yticks(range(len(names)), names)
    for row, line in enumerate(numbers):
        for column, number in enumerate(line):
            text = "–" if math.isnan(number) else f"{number:.2f}"
            colour = "white" if abs(number) > 0.6 else INK
            ax.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    return ax


def _number(value: Shown) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
