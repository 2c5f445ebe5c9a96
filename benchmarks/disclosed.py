"""Every statistic beside the rules: what opens of it, and which rules may keep it closed.

`python -m benchmarks.disclosed` writes it between the marks in docs/disclosure.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mpc.privacy import complement, dominance, gate, guard, rounding
from mpc.privacy.minimum_count import MODEL_RULE
from mpc.privacy.minimum_count import RULE as MINIMUM_COUNT
from mpc.statistics import table
from mpc.statistics.rows import ColumnSpec
from mpc.statistics.statistic import Quantity, Statistic

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "disclosure.md"
BEGIN: Final = "<!-- made by `make disclosure`; do not edit -->"
END: Final = "<!-- the end of what is made -->"
#: A party's rule on smallest and largest values, which stands above this house (parties/law/rules.py).
NO_EXTREMES: Final = "no-extremes"
_HEAD: Final = ("statistic", "counts", "sums of values", "computed on shares", "rules beside those of all")
#: Of every statistic, whatever opens.
_ALWAYS: Final = (MINIMUM_COUNT, complement.RULE, guard.RULE, guard.BUDGET, rounding.RULE, gate.CHECKED)
_COLUMNS: Final = tuple(ColumnSpec(name, "number", lo=0, hi=120) for name in ("x", "y"))


def rows() -> list[tuple[str, ...]]:
    """A line for each statistic: its example, what opens of it, and the rules beside `everywhere`."""
    return [_row(kind) for kind in table.STATISTICS]


def everywhere() -> str:
    """The rules that hold for every count."""
    return ", ".join(_ALWAYS)


def matrix() -> str:
    """The lines as Markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD), *rows()]
    made = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"For every count, and so for all that it governs: {everywhere()}.\n\n{made}"


def renewed(page: str) -> str:
    """A page with the matrix between its marks. `ValueError` for one that has none."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError("the page has no place for the matrix")
    return f"{before}{BEGIN}\n\n{matrix()}\n\n{END}{after}"


def _row(kind: type[Statistic]) -> tuple[str, ...]:
    one = _example(kind)
    quantities, targets = one.quantities(), one.targets()
    counts = [item.name for item in quantities if item.is_count]
    beside = [f"{item.name} (with {item.governor})" for item in quantities if _is_beside(item)]
    sums = [item.name for item in quantities if item.is_of_values]
    made = [goal.name for goal in targets]
    return (f"`{kind.example}`", _some([*counts, *beside]), _some(sums), _some(made), _some(_rules(one)))


def _is_beside(item: Quantity) -> bool:
    """Whether it counts records and opens with another count."""
    return not item.is_count and not item.is_of_values


def _rules(one: Statistic) -> list[str]:
    """Those that not all statistics have."""
    quantities, targets = one.quantities(), one.targets()
    found = [MODEL_RULE] if any(item.parameters for item in quantities) else []
    found += [dominance.RULE] if any(item.is_of_values for item in quantities) else []
    found += [NO_EXTREMES if goal.extreme else goal.rule for goal in targets]
    return list(dict.fromkeys(name for name in found if name))


def _example(kind: type[Statistic]) -> Statistic:
    """One over columns with gaps, of the parameters in its example."""
    most = 1 if kind.takes.each else kind.takes.least
    _, _, numbers = kind.example.split(" or ")[0].partition(":")[2].partition(":")
    given = kind.of_numbers([int(item) for item in numbers.split(",")]) if numbers else {}
    return kind(_COLUMNS[: min(most, kind.takes.most)], given)


def _some(names: list[str], most: int = 6) -> str:
    """The first names, and how many there are."""
    shown = ", ".join(f"`{name}`" if name[0] in "[<" else name for name in names[:most])
    return (shown + (f" and {len(names) - most} more" if len(names) > most else "")) or "-"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
