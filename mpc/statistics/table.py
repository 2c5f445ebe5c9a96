"""The registry: kind of statistic -> class, and how many columns it takes at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mpc.statistics.correlation import Correlation
from mpc.statistics.describe import Describe
from mpc.statistics.moments import Count, Moments
from mpc.statistics.quantiles import Quantiles
from mpc.statistics.tables import Histogram


@dataclass(frozen=True)
class Kind:
    """`each`: one statistic for each column of the request; else one for all of them."""

    build: Any
    least_columns: int
    each: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "count": Kind(Count, 0, each=False),
        "sum": Kind(Moments, 1),
        "mean": Kind(Moments, 1),
        "variance": Kind(Moments, 1),
        "std": Kind(Moments, 1),
        "describe": Kind(Describe, 1),
        "quantiles": Kind(Quantiles, 1),
        "median": Kind(Quantiles, 1),
        "minimum": Kind(Quantiles, 1),
        "maximum": Kind(Quantiles, 1),
        "histogram": Kind(Histogram, 1),
        "correlation": Kind(Correlation, 2, each=False),
    }
)
