"""Whether a plan fits consortium, catalogue and time. Pure: everything comes in as an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from mpc.errors import CatalogueError, PlanExpired, PlanInvalid
from mpc.statistics.table import KINDS
from parties.identity.consortium import Consortium
from parties.management.catalogue import Column, Kind, Registration, Schema, agree
from parties.query.compile import Question, compile_plan, date_columns
from parties.query.expressions import (
    MAX_DEPTH,
    And,
    Expression,
    IsMissing,
    Membership,
    Not,
    Or,
    depth_of,
    word_of,
)
from parties.query.plan import Plan, StatisticSpec

MAX_VALIDITY_S = 30 * 86_400
CLOCK_SKEW_S = 300
MAX_CELLS = 10_000


def validate(plan: Plan, consortium: Consortium, registrations: Sequence[Registration], now: int) -> Question:
    """What a plan asks, if it may run; `PlanInvalid`, `PlanExpired` or `CatalogueError` if not."""
    _check_frame(plan, consortium, now)
    schema = dataset_schema(plan.dataset, registrations)
    _check_holders(plan, [item for item in registrations if item.dataset == plan.dataset])
    if schema.hash != plan.schema_hash:
        raise PlanInvalid(
            f"The plan was made for another schema of {plan.dataset}.",
            remedy="Fetch the catalogue again and retry.",
        )
    _check_content(plan, schema)
    return compile_plan(plan, schema)


def dataset_schema(name: str, registrations: Sequence[Registration]) -> Schema:
    """The schema all holders agree on. `CatalogueError` for an unknown data set, with the nearest name."""
    found = [item for item in registrations if item.dataset == name]
    if not found:
        known = sorted({item.dataset for item in registrations})
        raise CatalogueError(f"There is no data set {name!r}.{_near(name, known)}", remedy=_choose(known))
    return agree(found)


def _check_frame(plan: Plan, consortium: Consortium, now: int) -> None:
    if plan.consortium != consortium.id:
        raise PlanInvalid(
            "The plan is for another consortium, or an older consortium file.",
            remedy="Use the consortium.toml that the parties use now.",
        )
    if now > plan.expires:
        raise PlanExpired("The plan has expired.", remedy="Submit the query again.")
    if plan.created > now + CLOCK_SKEW_S or plan.expires - plan.created > MAX_VALIDITY_S:
        raise PlanInvalid("The plan's times make no sense here.", remedy="Check this machine's clock.")


def _check_holders(plan: Plan, registrations: Sequence[Registration]) -> None:
    planned = {part.name: part.rows_at_most for part in plan.holders}
    if len(planned) != len(plan.holders):
        raise PlanInvalid("A holder stands twice in the plan.", remedy="Fetch the catalogue again and retry.")
    here = {item.holder: item.rows_at_most for item in registrations}
    for name, rows in planned.items():
        if here.get(name) != rows:
            raise PlanInvalid(
                f"{name} does not hold {plan.dataset} as the plan says.",
                remedy="Check that its node runs, fetch the catalogue again and retry.",
                culprit=name,
            )


def _check_content(plan: Plan, schema: Schema) -> None:
    specs = schema.specs()
    cells = 1
    for name in plan.group_by:
        _known(name, schema)
        if specs[name].kind != "category":
            raise PlanInvalid(
                f"{name} has no levels to group by.", remedy="Group by a category or a boolean."
            )
        cells *= len(specs[name].levels)
    if cells > MAX_CELLS or len(set(plan.group_by)) != len(plan.group_by):
        raise PlanInvalid(
            f"The groups repeat a column or make over {MAX_CELLS} cells.", remedy="Use fewer columns."
        )
    for spec in plan.statistics:
        _check_statistic(spec, schema)
    if plan.where is not None:
        if depth_of(plan.where) > MAX_DEPTH:
            raise PlanInvalid(f"The filter is nested over {MAX_DEPTH} levels.", remedy="Simplify it.")
        _check_filter(plan.where, schema)


def _check_statistic(spec: StatisticSpec, schema: Schema) -> None:
    if spec.kind not in KINDS:
        raise PlanInvalid(
            f"There is no statistic {spec.kind!r}.{_near(spec.kind, list(KINDS))}", remedy=_choose(KINDS)
        )
    if len(set(spec.columns)) != len(spec.columns):
        raise PlanInvalid(f"{spec.kind} names a column twice.", remedy="Name each column once.")
    for name in spec.columns:
        column = _known(name, schema)
        if spec.kind == "sum" and column.kind is Kind.DATE:
            raise PlanInvalid(f"{name} is a date: a sum of dates says nothing.", remedy="Ask for the mean.")
        if column.is_category:
            raise PlanInvalid(
                f"{spec.kind} of {name}: {name} is a category, not a number.",
                remedy=f"Count its levels instead: --stat count --by {name}",
            )


def _check_filter(expression: Expression, schema: Schema) -> None:
    if isinstance(expression, And | Or):
        for term in expression.terms:
            _check_filter(term, schema)
        return
    if isinstance(expression, Not):
        _check_filter(expression.term, schema)
        return
    spec = _known(expression.column, schema).spec()
    if isinstance(expression, IsMissing):
        return
    literals = expression.literals if isinstance(expression, Membership) else (expression.literal,)
    for literal in literals:
        word_of(spec, literal, date_columns(schema))
    if (
        spec.kind == "category"
        and not isinstance(expression, Membership)
        and expression.op not in ("==", "!=")
    ):
        raise PlanInvalid(f"The levels of {spec.name} have no order.", remedy="Use ==, != or in.")


def _known(name: str, schema: Schema) -> Column:
    names = [column.name for column in schema.columns]
    if name not in names:
        raise PlanInvalid(f"{schema.name} has no column {name!r}.{_near(name, names)}", remedy=_choose(names))
    return schema.column(name)


def _near(name: str, known: Sequence[str]) -> str:
    begun = [item for item in known if name and item.startswith(name)]
    match = begun or get_close_matches(name, known, 1)
    return f" Did you mean {match[0]}?" if match else ""


def _choose(known: Sequence[str] | Mapping[str, object]) -> str:
    return f"There are {', '.join(known)}." if known else "Nothing is registered yet: run `triune data add`."
