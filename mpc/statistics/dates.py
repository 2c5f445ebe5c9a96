"""Dates in results. They are computed as days since 1970-01-01 and shown as what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

#: Dates are computed as days since then.
EPOCH: Final = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def moment(value: float) -> date | float:
    """A number of days as a date, with a part of a day as a datetime (to the second); NaN as it is."""
    if math.isnan(value):
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
