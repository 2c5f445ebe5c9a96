"""What people write of a statistic, as the plan has it: `mean:tsize`, or a call with Python values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any, Final

from pydantic import ValidationError

from mpc.errors import PlanInvalid
from mpc.statistics import table
from mpc.statistics.dates import day_number
from parties.query.plan import StatisticSpec, fault_of

_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_statistic(text: str) -> StatisticSpec:
    """`count`, `mean:tsize`, `quantiles:age:5,50,95`, `histogram:seen:2015-01-01,2020-01-01`.

    `kind:columns:numbers`; what the numbers mean is the statistic's own. Raises `PlanInvalid`.
    """
    kind, _, rest = text.partition(":")
    names, _, numbers = rest.partition(":")
    columns = tuple(name.strip() for name in names.split(",") if name.strip())
    values = tuple(_number(item) for item in numbers.split(",") if item.strip())
    given = table.find(kind).of_numbers(values) if values else {}
    return statistic(kind, columns, given)


def statistic(
    kind: str, columns: Sequence[str], parameters: Mapping[str, Any] | None = None, name: str = ""
) -> StatisticSpec:
    """A statistic with Python values as parameters: numbers stay exact, dates become days."""
    table.find(kind)
    plain = {key: _plain(value) for key, value in (parameters or {}).items()}
    try:
        return StatisticSpec(kind=kind, columns=tuple(columns), parameters=plain, name=name)
    except ValidationError as error:
        where, what = fault_of(error)
        raise PlanInvalid(
            f"The statistic {kind} cannot take what it was given as {where}: {what}.",
            remedy="Give names of columns as texts and plain numbers.",
        ) from None


def _number(text: str) -> int | str:
    text = text.strip()
    if _ISO_DATE.fullmatch(text):
        try:
            return day_number(date.fromisoformat(text))
        except ValueError:
            raise PlanInvalid(
                f"{text} is no day of the calendar.", remedy="Write it as 2026-01-31."
            ) from None
    return int(text) if text.lstrip("+-").isdigit() else text


def _plain(value: Any) -> Any:
    """Integers as they are, dates as days, other numbers as Python prints them: nothing is rounded twice."""
    for kind, plain in _PLAIN:
        if isinstance(value, kind):
            return plain(value)
    return tuple(map(_plain, value)) if isinstance(value, Iterable) else value


_PLAIN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (bool, lambda value: value),
    (str, str),
    (date, day_number),
    (Integral, int),
    (Rational, lambda value: str(Fraction(value))),
    (Decimal, str),
    (Real, lambda value: str(float(value))),
)
