"""Whether a plan fits consortium, catalogue and time. Pure: everything comes in as an argument."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import CatalogueError, PlanExpired, PlanInvalid
from mpc.statistics.statistic import choose, nearest
from parties.identity.consortium import Consortium
from parties.management.catalogue import Registration, Schema, agree
from parties.query.compile import Question, compile_plan
from parties.query.filters.tree import MAX_DEPTH
from parties.query.plan import Plan

MAX_VALIDITY_S = 30 * 86_400
CLOCK_SKEW_S = 300


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
    return make_question(plan, schema)


def make_question(plan: Plan, schema: Schema) -> Question:
    """What a plan asks of data with this schema; `PlanInvalid` or `RangeError` if that makes no sense."""
    if plan.where is not None:
        if plan.where.depth > MAX_DEPTH:
            raise PlanInvalid(f"The filter is nested over {MAX_DEPTH} levels.", remedy="Simplify it.")
        plan.where.check(schema.specs())
    return compile_plan(plan, schema)


def dataset_schema(name: str, registrations: Sequence[Registration]) -> Schema:
    """The schema all holders agree on. `CatalogueError` for an unknown data set, with the nearest name."""
    found = [item for item in registrations if item.dataset == name]
    if not found:
        names = sorted({item.dataset for item in registrations})
        remedy = choose(names) if names else "Nothing is registered yet: run `triune data add`."
        raise CatalogueError(f"There is no data set {name!r}.{nearest(name, names)}", remedy=remedy)
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
    planned = {part.name: (part.rows_at_most, part.version) for part in plan.holders}
    if len(planned) != len(plan.holders):
        raise PlanInvalid("A holder stands twice in the plan.", remedy="Fetch the catalogue again and retry.")
    if len(set(plan.at)) != len(plan.at) or not planned.keys() >= set(plan.at):
        raise PlanInvalid(
            "The plan asks of a holder that takes no part in it, or twice of one.",
            remedy="Fetch the catalogue again and retry.",
        )
    here = {item.holder: (item.rows_at_most, item.version) for item in registrations}
    for name, told in planned.items():
        if here.get(name) != told:
            raise PlanInvalid(
                f"{name} does not hold {plan.dataset} as the plan says.",
                remedy="Check that its node runs, fetch the catalogue again and retry.",
                culprit=name,
            )
