"""Dates in results. They are computed as days since 1970-01-01 and shown as what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from mpc.statistics.base import Value
from parties.management.catalogue import EPOCH

#: Values that are a point in time; spreads stay a number of days.
_POINTS: Final = frozenset({"mean", "median", "minimum", "maximum"})

Shown = Value | date


def shown(name: str, value: Value) -> Shown:
    """A value of a date column: a date, or with a part of a day a datetime (to the second)."""
    if value is None or not (name in _POINTS or name.endswith("%")) or math.isnan(value):
        return value
    days = math.floor(value)
    day, seconds = EPOCH + timedelta(days=days), round((value - days) * 86_400)
    return datetime.combine(day, time()) + timedelta(seconds=seconds) if seconds else day


def bin_names(edges: Sequence[float]) -> list[str]:
    """The bins of a histogram of dates: from the first day inside to the first day of the next bin."""
    days = [EPOCH + timedelta(days=math.ceil(edge)) for edge in edges[:-1]]
    days.append(EPOCH + timedelta(days=math.floor(edges[-1])))
    closing = [")"] * (len(days) - 2) + ["]"]
    return [f"[{low}, {high}{end}" for (low, high), end in zip(pairwise(days), closing, strict=True)]
