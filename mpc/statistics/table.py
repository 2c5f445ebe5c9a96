"""The statistics there are. To add one: write its class in a file of its own, and list it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mpc.errors import PlanInvalid
from mpc.statistics.correlation import Correlation
from mpc.statistics.describe import Describe
from mpc.statistics.distribution import Distribution
from mpc.statistics.histogram import Histogram
from mpc.statistics.moments import Count, Mean, Std, Sum, Variance
from mpc.statistics.quantiles import Maximum, Median, Minimum, Quantiles
from mpc.statistics.statistic import Statistic, choose, nearest

STATISTICS: Final[tuple[type[Statistic], ...]] = (
    Count, Sum, Mean, Variance, Std, Median, Minimum, Maximum, Describe, Quantiles, Histogram,
    Distribution, Correlation,
)  # fmt: skip

KINDS: Mapping[str, type[Statistic]] = MappingProxyType({one.kind: one for one in STATISTICS})


def find(kind: str) -> type[Statistic]:
    """The statistic of that name; `PlanInvalid` with the nearest if there is none."""
    if kind not in KINDS:
        raise PlanInvalid(f"There is no statistic {kind!r}.{nearest(kind, KINDS)}", remedy=choose(KINDS))
    return KINDS[kind]
