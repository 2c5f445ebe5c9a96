"""A column of a data set as Python's operators see it: what they make of it is a filter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import NoReturn

import numpy as np

from mpc.errors import PlanInvalid
from parties.query.filters.tree import Comparison, IsMissing, Membership
from parties.query.filters.words import Op


class ColumnProxy:
    """`dataset.age >= 50` builds a filter."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name

    def _compare(self, op: Op, value: object) -> Comparison:
        text, quoted = _as_literal(value)
        return Comparison(column=self.name, op=op, literal=text, quoted=quoted)

    def __lt__(self, value: object) -> Comparison:
        return self._compare("<", value)

    def __le__(self, value: object) -> Comparison:
        return self._compare("<=", value)

    def __gt__(self, value: object) -> Comparison:
        return self._compare(">", value)

    def __ge__(self, value: object) -> Comparison:
        return self._compare(">=", value)

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]
        return self._compare("==", value)

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]
        return self._compare("!=", value)

    def __and__(self, other: object) -> NoReturn:
        raise PlanInvalid(
            f"In the filter {self.name} stands alone.",
            remedy="Put each comparison in parentheses: (a > 1) & (b > 2)",
        )

    __rand__ = __or__ = __ror__ = __and__

    def __bool__(self) -> NoReturn:
        raise PlanInvalid(f"The column {self.name} has no truth value.", remedy="Compare it with something.")

    def isin(self, values: Iterable[object]) -> Membership:
        """True where the column is one of the values."""
        if isinstance(values, str) or not isinstance(values, Iterable) or not (values := list(values)):
            raise PlanInvalid("isin takes some values.", remedy='Give them as a list: isin(["II", "III"]).')
        made = [_as_literal(value) for value in values]
        return Membership(
            column=self.name, literals=tuple(text for text, _ in made), quoted=any(q for _, q in made)
        )

    def is_missing(self) -> IsMissing:
        """True where the column has no value."""
        return IsMissing(column=self.name)


def _as_literal(value: object) -> tuple[str, bool]:
    if isinstance(value, bool):
        return str(value).lower(), True
    if isinstance(value, Real | Decimal):
        return str(value.item() if isinstance(value, np.generic) else value), False
    if isinstance(value, str | date):
        return str(value), True
    raise PlanInvalid(
        f"A {type(value).__name__} is no literal.", remedy="Compare with a number, text or date."
    )
