"""Filters: a small tree that prints as text, travels as JSON, and runs on a holder's own rows.

    age >= 50 and tgrade == "III"

Missing values follow SQL: a comparison with a missing value is neither true nor false, `not` leaves
it so, and a row is selected only where the whole filter is true.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Real
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.errors import PlanInvalid
from mpc.statistics.dates import day_number
from mpc.statistics.rows import Columns, ColumnSpec, Mask, Rows

MAX_DEPTH = 16
MAX_TEXT_CHARS = 4096
#: Decimal exponents beyond this are no measurement.
MAX_EXPONENT = 40

Op = Literal["<", "<=", ">", ">=", "==", "!="]
Truth = tuple[Mask, Mask]  # where true, where false; neither: unknown


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **fields: Any) -> None:
        """`PlanInvalid` for what is too long or has too many parts; what is parsed does not come here."""
        try:
            super().__init__(**fields)
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            raise PlanInvalid(
                f"A filter cannot hold this: {fault['msg']}.", remedy="Use fewer or shorter parts."
            ) from None

    def __and__(self, other: Expression) -> And:
        return And(terms=(self, other))

    def __or__(self, other: Expression) -> Or:
        return Or(terms=(self, other))

    def __invert__(self) -> Not:
        return Not(term=self)

    def __bool__(self) -> NoReturn:
        raise PlanInvalid("A filter has no truth value before it runs.", remedy="Combine filters with & | ~.")


class Comparison(_Node):
    """`column op literal`. Literals are texts: numbers, ISO dates, or levels."""

    node: Literal["compare"] = "compare"
    column: str = Field(max_length=64)
    op: Op
    literal: str = Field(max_length=256)
    quoted: bool = False

    def __str__(self) -> str:
        return f"{self.column} {self.op} {_literal_text(self.literal, self.quoted)}"


class Membership(_Node):
    """`column in (literal, ...)`."""

    node: Literal["in"] = "in"
    column: str = Field(max_length=64)
    literals: tuple[str, ...] = Field(min_length=1, max_length=1000)
    quoted: bool = False

    def __str__(self) -> str:
        return f"{self.column} in [{', '.join(_literal_text(v, self.quoted) for v in self.literals)}]"


class IsMissing(_Node):
    """True where the column is missing, false elsewhere."""

    node: Literal["missing"] = "missing"
    column: str = Field(max_length=64)

    def __str__(self) -> str:
        return f"missing({self.column})"


class And(_Node):
    node: Literal["and"] = "and"
    terms: tuple[Expression, ...] = Field(min_length=2, max_length=100)

    def __str__(self) -> str:
        return " and ".join(f"({term})" for term in self.terms)


class Or(_Node):
    node: Literal["or"] = "or"
    terms: tuple[Expression, ...] = Field(min_length=2, max_length=100)

    def __str__(self) -> str:
        return " or ".join(f"({term})" for term in self.terms)


class Not(_Node):
    node: Literal["not"] = "not"
    term: Expression

    def __str__(self) -> str:
        return f"not ({self.term})"


Node = Comparison | Membership | IsMissing | And | Or | Not
Expression = Annotated[Node, Field(discriminator="node")]
for _kind in (And, Or, Not):
    _kind.model_rebuild()


def _literal_text(text: str, quoted: bool) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text


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


# --- from text ----------------------------------------------------------------------------------

_OPS: Mapping[type[ast.cmpop], Op] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_BOOLEANS = ("true", "false")
_MIRRORED: Mapping[Op, Op] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def parse(text: str) -> Expression:
    """A filter from its text. `PlanInvalid` names what is not understood and where."""
    if len(text) > MAX_TEXT_CHARS:
        raise PlanInvalid(f"A filter has more than {MAX_TEXT_CHARS} characters.", remedy="Shorten it.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _keep_digits(tree, text.strip().encode())
    except (SyntaxError, ValueError, RecursionError):
        raise PlanInvalid(
            "The filter is not an expression.",
            remedy='Write it like: age >= 50 and tgrade == "III" and seen < "2020-01-31" (dates in quotes).',
        ) from None
    return _from_ast(tree, 0)


def _keep_digits(tree: ast.expr, source: bytes) -> None:
    """Note each number as it was written: Python's parser would round it to a float."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.lineno == 1:
            node.kind = source[node.col_offset : node.end_col_offset].decode()


def _refuse(node: ast.AST, what: str) -> NoReturn:
    place = getattr(node, "col_offset", 0) + 1
    raise PlanInvalid(
        f"The filter has {what} at character {place}, which filters do not know.",
        remedy="Use and, or, not, comparisons, `in [...]` and missing(column).",
    )


def _from_ast(node: ast.expr, depth: int) -> Expression:
    if depth > MAX_DEPTH:
        _refuse(node, f"more than {MAX_DEPTH} levels")
    if isinstance(node, ast.BoolOp):
        terms = tuple(_from_ast(value, depth + 1) for value in node.values)
        return And(terms=terms) if isinstance(node.op, ast.And) else Or(terms=terms)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Not(term=_from_ast(node.operand, depth + 1))
    if isinstance(node, ast.Compare):
        return _from_compare(node)
    match node:
        case ast.Call(func=ast.Name(id="missing"), args=[ast.Name(id=column)], keywords=[]):
            return IsMissing(column=column)
        case ast.Name(id=column):
            raise PlanInvalid(
                f"In the filter {column} stands alone.", remedy=f"Compare it, for instance: {column} == true"
            )
    _refuse(node, f"a {type(node).__name__}")


def _from_compare(node: ast.Compare) -> Expression:
    sides = [node.left, *node.comparators]
    parts = [_one(node, left, op, right) for left, op, right in zip(sides, node.ops, sides[1:], strict=False)]
    return parts[0] if len(parts) == 1 else And(terms=tuple(parts))


def _one(node: ast.AST, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Expression:
    if (
        isinstance(op, ast.In | ast.NotIn)
        and isinstance(left, ast.Name)
        and isinstance(right, ast.List | ast.Tuple)
    ):
        made = [_constant(item) for item in right.elts]
        if not made:
            _refuse(right, "an empty list")
        members = Membership(
            column=left.id, literals=tuple(text for text, _ in made), quoted=any(quoted for _, quoted in made)
        )
        return members if isinstance(op, ast.In) else Not(term=members)
    symbol = _OPS.get(type(op))
    if symbol is None:
        _refuse(node, f"a {type(op).__name__}")
    if isinstance(left, ast.Name):
        text, quoted = _constant(right)
        return Comparison(column=left.id, op=symbol, literal=text, quoted=quoted)
    if isinstance(right, ast.Name):
        text, quoted = _constant(left)
        return Comparison(column=right.id, op=_MIRRORED[symbol], literal=text, quoted=quoted)
    _refuse(left, "a comparison without a column")


def _constant(node: ast.expr) -> tuple[str, bool]:
    sign = ""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = "-", node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, bool) and not sign:
        return str(node.value).lower(), True
    if isinstance(node, ast.Name) and node.id in _BOOLEANS and not sign:
        return node.id, True
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return sign + (node.kind or str(node.value)), False
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and not sign:
        return node.value, True
    if isinstance(node, ast.Name):
        raise PlanInvalid(
            f"The filter compares with {node.id}, which is no number.",
            remedy=f'Put levels in quotes: "{node.id}"',
        )
    _refuse(node, "something other than a number or text")


# --- against a schema ---------------------------------------------------------------------------


def columns_in(expression: Expression) -> frozenset[str]:
    """The columns that a filter looks at."""
    if isinstance(expression, And | Or):
        return frozenset().union(*(columns_in(term) for term in expression.terms))
    if isinstance(expression, Not):
        return columns_in(expression.term)
    return frozenset({expression.column})


def depth_of(expression: Expression) -> int:
    """How deep its terms are nested."""
    if isinstance(expression, And | Or):
        return 1 + max(depth_of(term) for term in expression.terms)
    return 1 + depth_of(expression.term) if isinstance(expression, Not) else 1


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


def evaluate(expression: Expression, rows: Rows, specs: Columns) -> Mask:
    """Which rows the filter selects. Runs at the holder, on its own rows."""
    return _truth(expression, rows, specs)[0]


def _truth(expression: Expression, rows: Rows, specs: Columns) -> Truth:
    if isinstance(expression, Not):
        true, false = _truth(expression.term, rows, specs)
        return false, true
    if isinstance(expression, And | Or):
        parts = [_truth(term, rows, specs) for term in expression.terms]
        trues, falses = [part[0] for part in parts], [part[1] for part in parts]
        if isinstance(expression, And):
            return np.logical_and.reduce(trues), np.logical_or.reduce(falses)
        return np.logical_or.reduce(trues), np.logical_and.reduce(falses)
    present = rows.present[expression.column]
    if isinstance(expression, IsMissing):
        return ~present, present
    spec, words = specs[expression.column], rows.words[expression.column]
    if isinstance(expression, Membership):
        wanted = [word_of(spec, literal) for literal in expression.literals]
        hit = np.isin(words, [int(word) for word in wanted if word.denominator == 1])
    else:
        hit = _compared(words, expression.op, word_of(spec, expression.literal))
    return present & hit, present & ~hit


def _compared(words: np.ndarray, op: Op, word: Fraction) -> Mask:
    """Compare integers with an exact fraction: between two words, < and >= look at the word above."""
    limit = max(-(2**62), min(2**62, word.__floor__() if op in (">", "<=") else word.__ceil__()))
    if op in ("==", "!=") and word.denominator != 1:
        return np.full(words.shape, op == "!=")
    return _COMPARE[op](words, limit)
