"""Literals of a filter as exact words, and how a column's words compare with them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from mpc.errors import PlanInvalid
from mpc.statistics.dates import day_number
from mpc.statistics.rows import ColumnSpec, Mask

#: Decimal exponents beyond this are no measurement.
MAX_EXPONENT: Final = 40
Op = Literal["<", "<=", ">", ">=", "==", "!="]


@lru_cache(maxsize=1 << 12)  # the filters of all earlier questions are looked at for each new one
def word_of(spec: ColumnSpec, literal: str) -> Fraction:
    """The exact word of a literal (a fraction where it falls between words). `PlanInvalid` if it has none."""
    if spec.kind == "category":
        if literal not in spec.levels:
            raise PlanInvalid(
                f"{spec.name} has no level {literal!r}.", remedy=f"Its levels are {', '.join(spec.levels)}."
            )
        return Fraction(spec.levels.index(literal))
    try:
        if spec.kind == "date":
            return Fraction(day_number(date.fromisoformat(literal)))
        return _exact(Decimal(literal)) * spec.scale.factor
    except (InvalidOperation, ValueError, OverflowError):
        raise PlanInvalid(
            f"{spec.name} is compared with a text that is no {spec.kind}.",
            remedy='Write a number such as 50, or a date such as "2026-01-31".',
        ) from None


def _exact(value: Decimal) -> Fraction:
    """As a fraction; a number such as 1e999999999 would fill the memory."""
    if not value.is_finite() or not -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT:
        raise ValueError("out of range")
    return Fraction(value)


_COMPARE: Mapping[Op, Callable[[np.ndarray, int], Mask]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def compared(words: np.ndarray, op: Op, word: Fraction) -> Mask:
    """Compare integers with an exact fraction: between two words, < and >= look at the word above."""
    limit = max(-(2**62), min(2**62, word.__floor__() if op in (">", "<=") else word.__ceil__()))
    if op in ("==", "!=") and word.denominator != 1:
        return np.full(words.shape, op == "!=")
    return _COMPARE[op](words, limit)
