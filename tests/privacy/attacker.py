"""An attacker who sees all that opens, knows who asked what, and reasons by integer programming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp

Vector = npt.NDArray[np.float64]


@dataclass
class Attacker:
    """Knows sums of the unknown sizes of `atoms` cells: whole numbers, none below 0, at most `most`."""

    atoms: int
    most: int
    told: list[Vector] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)

    def learns(self, cohort: Sequence[bool] | npt.NDArray[np.bool_], size: int) -> None:
        """A count that opened."""
        self.told.append(np.asarray(cohort, dtype=float))
        self.totals.append(size)

    def range_of(self, cohort: Sequence[bool] | npt.NDArray[np.bool_]) -> tuple[int, int]:
        """The least and the greatest size of a cohort that all that is known allows."""
        target = np.asarray(cohort, dtype=float)
        known = LinearConstraint(np.array(self.told), self.totals, self.totals) if self.told else ()
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * target, constraints=known, integrality=np.ones(self.atoms), bounds=Bounds(0, self.most)
            )
            assert found.status == 0, found.message
            ends.append(round(sign * found.fun))
        return ends[0], ends[1]

    def determines(self, cohort: Sequence[bool] | npt.NDArray[np.bool_]) -> bool:
        """Whether only one size is possible."""
        low, high = self.range_of(cohort)
        return low == high
