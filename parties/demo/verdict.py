"""Joint answers beside pooled ones: how far off, and whether that is right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parties.demo.oracle import Cells, Oracle

Number = float | int | None


@dataclass(frozen=True)
class Comparison:
    """One query: the analyst's answer, the oracle's cells, and which of them disagree."""

    answer: Mapping[str, Any]
    pooled: Cells
    wrong: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the report calls it."""
        return str(self.answer["name"])

    @property
    def joint(self) -> Mapping[str, Number]:
        """Every cell of the analyst's answer."""
        joint: Mapping[str, Number] = self.answer["joint"]
        return joint

    @property
    def max_abs_error(self) -> float:
        """The largest difference of an open cell; infinite if one is missing or open that should not be."""
        if self.joint.keys() != self.pooled.keys():
            return math.inf
        return max((cell.error(self.joint[label]) for label, cell in self.pooled.items()), default=0.0)

    @property
    def suppressed(self) -> int:
        """How many cells stayed closed."""
        return sum(value is None for value in self.joint.values())

    def record(self) -> dict[str, Any]:
        """The object of this query in the JSON file; a query of one cell gives plain numbers."""
        pooled = {label: cell.value for label, cell in self.pooled.items()}
        return {
            "name": self.name,
            "joint": _plain(self.joint),
            "pooled": _plain(pooled),
            "max_abs_error": self.max_abs_error if math.isfinite(self.max_abs_error) else None,
            "seconds": self.answer["seconds"],
            "rounds": self.answer["rounds"],
            "bytes_sent_per_party": self.answer["bytes_sent_per_party"],
        }


def compare(answers: Sequence[Mapping[str, Any]], oracle: Oracle) -> list[Comparison]:
    """Every answer beside what the oracle expects."""
    return [_compared(answer, oracle.expected(answer["name"])) for answer in answers]


def _compared(answer: Mapping[str, Any], pooled: Cells) -> Comparison:
    joint = answer["joint"]
    strange = sorted(joint.keys() ^ pooled.keys())
    off = [label for label, cell in pooled.items() if label in joint and not cell.accepts(joint[label])]
    return Comparison(answer, pooled, (*strange, *off))


def _plain(cells: Mapping[str, Number]) -> Number | dict[str, Number]:
    return next(iter(cells.values())) if len(cells) == 1 else dict(cells)
