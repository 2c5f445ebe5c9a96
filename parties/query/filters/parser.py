"""Filters from text, through Python's own grammar of expressions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final, NoReturn

from mpc.errors import PlanInvalid
from parties.query.filters.tree import MAX_DEPTH, And, Comparison, Expression, IsMissing, Membership, Not, Or
from parties.query.filters.words import Op

MAX_TEXT_CHARS: Final = 4096
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
