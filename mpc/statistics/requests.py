"""Whether the statistics and groups of a query make sense; one request a statistic object.

Everything is checked here, before a layout is built from it: a query that came from outside may be
refused, but never crash or exhaust a party.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mpc.errors import PlanInvalid, RangeError
from mpc.statistics.base import StatisticRequest
from mpc.statistics.rows import MAX_WORD_BITS, ColumnSpec
from mpc.statistics.table import KINDS

#: Statistics times groups of one query.
MAX_CELLS = 100_000
#: Quantities of all cells of one query: counts, sums and percentiles.
MAX_QUANTITIES = 200_000


def expand_requests(
    requests: Sequence[StatisticRequest], columns: Mapping[str, ColumnSpec]
) -> list[StatisticRequest]:
    """One request a statistic object: kinds that work column by column are split.

    Raises `PlanInvalid` for an unknown kind or column, too few columns, a column named twice or a category
    where a number is needed, and `RangeError` for a column too wide to sum exactly.
    """
    if not requests:
        raise PlanInvalid("The query asks for no statistic.", remedy="Name at least one.")
    expanded: list[StatisticRequest] = []
    for request in requests:
        _check_request(request, columns)
        if KINDS[request.kind].each:
            expanded += [
                StatisticRequest(request.kind, (name,), request.parameters) for name in request.columns
            ]
        else:
            expanded.append(request)
    return expanded


def _check_request(request: StatisticRequest, columns: Mapping[str, ColumnSpec]) -> None:
    kind = KINDS.get(request.kind)
    if kind is None:
        raise PlanInvalid(
            f"There is no statistic {request.kind!r}.", remedy=f"Choose from {', '.join(KINDS)}."
        )
    if len(request.columns) < kind.least_columns:
        raise PlanInvalid(f"{request.kind} needs {kind.least_columns} column(s).", remedy="Name them.")
    _check_names(request.kind, request.columns, columns)
    for name in request.columns:
        if columns[name].kind != "number":
            raise PlanInvalid(
                f"{request.kind} of {name}: {name} is a category, not a number.",
                remedy="Count its levels instead: count by this column.",
            )
        if columns[name].magnitude >> MAX_WORD_BITS:
            raise RangeError(
                f"The range of {name} needs words of over {MAX_WORD_BITS} bits.",
                remedy="Narrow the column's range or use fewer decimals.",
            )


def check_groups(group_by: Sequence[str], columns: Mapping[str, ColumnSpec], statistics: int) -> None:
    """`PlanInvalid` unless the groups are distinct categories that make at most `MAX_CELLS` cells."""
    _check_names("group by", group_by, columns)
    for name in group_by:
        if columns[name].kind != "category":
            raise PlanInvalid(f"{name} has no levels to group by.", remedy="Group by a category.")
    cells = statistics * math.prod(len(columns[name].levels) for name in group_by)
    if not 1 <= cells <= MAX_CELLS:
        raise PlanInvalid(
            f"Statistics times groups must be 1 to {MAX_CELLS}, here {cells}.", remedy="Use fewer groups."
        )


def check_quantities(total: int) -> None:
    """`PlanInvalid` for more quantities than one query may open."""
    if total > MAX_QUANTITIES:
        raise PlanInvalid(
            f"The query would open {total} quantities; at most {MAX_QUANTITIES} are allowed.",
            remedy="Use fewer groups, columns or bins, or ask in parts.",
        )


def _check_names(what: str, names: Sequence[str], columns: Mapping[str, ColumnSpec]) -> None:
    if len(set(names)) != len(names):
        raise PlanInvalid(f"{what} names a column twice.", remedy="Name each column once.")
    for name in names:
        if name not in columns:
            raise PlanInvalid(f"There is no column {name!r}.", remedy="Choose from the schema's columns.")
