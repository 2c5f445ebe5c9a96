"""Filters: a small tree that prints as text, travels as JSON, and runs on a holder's own rows.

    age >= 50 and tgrade == "III"

Missing values follow SQL: a comparison with a missing value is neither true nor false, `not` leaves it so,
and a row is selected only where the whole filter is true. An operator is one class in `tree`; `parser` reads
text, `proxy` what Python's operators make of a column.
"""

from __future__ import annotations

from parties.query.filters.parser import parse
from parties.query.filters.proxy import ColumnProxy
from parties.query.filters.tree import And, Comparison, Expression, IsMissing, Membership, Node, Not, Or

__all__ = [
    "And", "ColumnProxy", "Comparison", "Expression", "IsMissing", "Membership", "Node", "Not", "Or", "parse",
]  # fmt: skip
