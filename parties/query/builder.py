"""A fresh plan: what is asked of whom, with a nonce and a key of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mpc.errors import PlanInvalid
from mpc.privacy.terms import Differencing
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.management.catalogue import Registration, Schema
from parties.query.filters import Expression
from parties.query.plan import STUDY, HolderPart, Plan, StatisticSpec, fresh_nonce

VALIDITY_S: Final = 86_400


def make_plan(
    identity: Identity,
    consortium: Consortium,
    registrations: Sequence[Registration],
    schema: Schema,
    statistics: Sequence[StatisticSpec],
    *,
    now: int,
    at: Sequence[str] = (),
    where: Expression | None = None,
    group_by: Sequence[str] = (),
    study: str = "",
    differencing: int = Differencing.COMBINATIONS,
) -> Plan:
    """A plan over all holders of a data set that these registrations name, for the schema that was seen.

    `at`: those whose records it is about, if not all.
    Raises `PlanInvalid` for a study that is not called as data sets are.
    """
    if not re.fullmatch(STUDY, study):
        raise PlanInvalid(
            f"{study!r} cannot name a study.",
            remedy="Use 1 to 64 letters, digits and underscores, the first no digit.",
        )
    nonce = fresh_nonce()
    holders = sorted(
        (item for item in registrations if item.dataset == schema.name), key=lambda item: item.holder
    )
    return Plan(
        consortium=consortium.id,
        nonce=nonce,
        created=now,
        expires=now + VALIDITY_S,
        analyst=identity.name,
        recipient_key=identity.recipient_key(bytes.fromhex(nonce)).public_key().public_bytes_raw().hex(),
        dataset=schema.name,
        schema_hash=schema.hash,
        study=study,
        holders=tuple(
            HolderPart(name=item.holder, rows_at_most=item.rows_at_most, version=item.version)
            for item in holders
        ),
        at=tuple(sorted(at)),
        where=where,
        group_by=tuple(group_by),
        statistics=tuple(statistics),
        differencing=differencing,
    )
