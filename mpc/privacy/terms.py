"""What the parties demand of a release; where several do, the strictest demand holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from mpc.errors import RangeError

#: The most contributors that a dominance rule may name: holders share so many of their largest values.
MAX_DOMINANT: Final = 3


class Differencing(IntEnum):
    """With what a new question is compared before it is answered; the larger is the stricter."""

    OFF = 0
    #: each earlier cohort
    PAIRS = 1
    #: and combinations of several; refused where there are too many ways to cut the data
    COMBINATIONS = 2


@dataclass(frozen=True)
class Terms:
    """All off by default: a party's own are in its policy.

    `minimum_count`: k, records beside the largest holder's. `allow_extremes`: a minimum or maximum may open.
    `allow_single_holder`: k records of one holder suffice. `dominance_records`, `dominance_percent`: a sum
    stays closed if so many of its largest contributions make up more than so many percent of it (0: off).
    `p_percent`: or if the second largest contributor, or a holder, could estimate the largest to within p %
    (0: off). `round_to`: counts open as the nearest multiple, and no sum does. `residual_records`,
    `records_per_parameter`: records that a model needs beside and for each of its parameters.
    `differencing`: see there. `records_per_cohort`: a study may ask of one cohort for so many of the
    registered records (0: of any number).
    """

    minimum_count: int = 1
    allow_extremes: bool = False
    allow_single_holder: bool = False
    dominance_records: int = 0
    dominance_percent: int = 100
    p_percent: int = 0
    round_to: int = 1
    residual_records: int = 0
    records_per_parameter: int = 0
    differencing: int = Differencing.OFF
    records_per_cohort: int = 0

    def __post_init__(self) -> None:
        if self.minimum_count < 1:  # an empty cell would pass
            raise RangeError("The minimum count is below 1.", remedy="Use at least 1.")
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise RangeError(f"The term {name} is not between {least} and {most}.", remedy="Correct it.")

    @property
    def beside(self) -> Terms:
        """What a party demands of a release of others' records, which may be compared with one of its own."""
        return replace(
            NONE,
            minimum_count=self.minimum_count,
            differencing=self.differencing,
            records_per_cohort=self.records_per_cohort,
        )

    def __and__(self, other: Terms) -> Terms:
        """Both parties' terms at once."""
        return Terms(
            max(self.minimum_count, other.minimum_count),
            self.allow_extremes and other.allow_extremes,
            self.allow_single_holder and other.allow_single_holder,
            max(self.dominance_records, other.dominance_records),
            min(self.dominance_percent, other.dominance_percent),
            max(self.p_percent, other.p_percent),
            max(self.round_to, other.round_to),
            max(self.residual_records, other.residual_records),
            max(self.records_per_parameter, other.records_per_parameter),
            max(self.differencing, other.differencing),
            max(self.records_per_cohort, other.records_per_cohort),
        )


_RANGES: Final = (
    ("minimum_count", 1, 10**6),
    ("dominance_records", 0, MAX_DOMINANT),
    ("dominance_percent", 1, 100),
    ("p_percent", 0, 100),
    ("round_to", 1, 1000),
    ("residual_records", 0, 10**6),
    ("records_per_parameter", 0, 10**6),
    ("differencing", 0, len(Differencing) - 1),
    ("records_per_cohort", 0, 10**9),
)

#: The term that changes nothing when it is joined with another.
NONE: Final = Terms(allow_extremes=True, allow_single_holder=True)
