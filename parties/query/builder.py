"""From what people type to plans: `--stat mean:tsize`, `--where 'age >= 50'`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

from mpc.errors import PlanInvalid
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.management.catalogue import EPOCH, Registration
from parties.query.expressions import Expression
from parties.query.plan import HolderPart, Plan, StatisticSpec, fresh_nonce
from parties.query.validation import dataset_schema

DEFAULT_VALIDITY_S = 86_400
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_statistic(text: str) -> StatisticSpec:
    """`count`, `mean:tsize`, `quantiles:age:5,50,95`, `histogram:age:10` or `histogram:age:0,50,100`.

    Edges of a histogram of dates are ISO dates: `histogram:seen:2015-01-01,2020-01-01`.
    """
    kind, _, rest = text.partition(":")
    names, _, numbers = rest.partition(":")
    columns = tuple(name.strip() for name in names.split(",") if name.strip())
    values = tuple(_number(item) for item in numbers.split(",") if item.strip())
    if kind == "quantiles" and not values:
        raise PlanInvalid("quantiles needs percents.", remedy="Write quantiles:age:5,50,95")
    if values and kind not in ("quantiles", "describe", "histogram"):
        raise PlanInvalid(f"{kind} takes no numbers.", remedy=f"Write {kind}:{names}")
    given: dict[str, Any] = {"probabilities": values}
    if kind == "histogram":
        given = {"bins": values[0]} if len(values) == 1 else {"edges": values}
    try:
        return StatisticSpec(kind=kind, columns=columns, **given)
    except ValidationError:
        raise PlanInvalid(
            f"The statistic {kind} has a name or a number that it cannot take.",
            remedy="Write plain numbers, such as quantiles:age:5,50,95 or histogram:age:10",
        ) from None


def _number(text: str) -> int | str:
    text = text.strip()
    if _ISO_DATE.fullmatch(text):
        return _day(text)
    return int(text) if text.lstrip("+-").isdigit() else text


def _day(text: str) -> int:
    try:
        return day_number(date.fromisoformat(text))
    except ValueError:
        raise PlanInvalid(f"{text} is no day of the calendar.", remedy="Write it as 2026-01-31.") from None


def day_number(day: date) -> int:
    """Days since 1970-01-01, as dates are computed."""
    return (day - EPOCH).days


def make_plan(
    identity: Identity,
    consortium: Consortium,
    registrations: Sequence[Registration],
    dataset: str,
    statistics: Sequence[StatisticSpec],
    *,
    now: int,
    where: Expression | None = None,
    group_by: Sequence[str] = (),
    validity_s: int = DEFAULT_VALIDITY_S,
) -> Plan:
    """A fresh plan over all holders of a data set, with a fresh nonce and its own recipient key."""
    schema = dataset_schema(dataset, registrations)
    nonce = fresh_nonce()
    holders = sorted(
        (item for item in registrations if item.dataset == dataset), key=lambda item: item.holder
    )
    return Plan(
        consortium=consortium.id,
        nonce=nonce,
        created=now,
        expires=now + validity_s,
        analyst=identity.name,
        recipient_key=identity.recipient_key(bytes.fromhex(nonce)).public_key().public_bytes_raw().hex(),
        dataset=dataset,
        schema_hash=schema.hash,
        holders=tuple(HolderPart(name=item.holder, rows_at_most=item.rows_at_most) for item in holders),
        where=where,
        group_by=tuple(group_by),
        statistics=tuple(statistics),
    )
