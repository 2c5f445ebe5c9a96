"""What the parties demand of a release; where several do, the strictest demand holds."""

from __future__ import annotations

from dataclasses import dataclass

from mpc.errors import RangeError


@dataclass(frozen=True)
class Terms:
    """`minimum_count`: k, records. `allow_extremes`: whether a minimum or a maximum may open."""

    minimum_count: int = 1
    allow_extremes: bool = False

    def __post_init__(self) -> None:
        if self.minimum_count < 1:  # an empty cell would pass
            raise RangeError("The minimum count is below 1.", remedy="Use at least 1.")

    def __and__(self, other: Terms) -> Terms:
        """Both parties' terms at once."""
        return Terms(
            max(self.minimum_count, other.minimum_count), self.allow_extremes and other.allow_extremes
        )
