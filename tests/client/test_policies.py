"""Parties whose policies differ: all are in sight, each refuses for itself, and the strictest hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc.errors import PolicyRefused
from parties.client import Space, connect
from parties.node.config import PolicyConfig
from tests.helping import ASKED_OFTEN, HOLDERS, running_hospitals

OFF = {"differencing": "off", "records_per_cohort": 0}
POLICIES = {
    "bert": PolicyConfig.model_validate({"preset": "opensafely", **OFF}),
    "dora": PolicyConfig.model_validate({"allow_single_holder": True, "minimum_count": 40, **OFF}),
}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    folder: Path = tmp_path_factory.mktemp("policies") / "box"
    with running_hospitals(folder, policies=POLICIES) as made, connect(made.config) as entered:
        entered.dataset("gbsg2", holders=HOLDERS)
        yield entered


def test_the_strictest_hold_and_it_is_known_whose_they_are(space: Space) -> None:
    data = space.dataset("gbsg2")
    terms = space.terms(data)
    assert (terms.minimum_count, terms.round_to, terms.allow_single_holder) == (40, 5, False)
    assert space.terms(data.at("ada", "cleo")).minimum_count == 8  # dora's does not count; bert computes
    assert space.policies()["ada"] == ASKED_OFTEN.policy().terms
    result = data.count()
    assert result.terms == terms
    demanded = {one.term: one.parties for one in result.disclosure.terms}
    assert (demanded["minimum_count"], demanded["round_to"]) == (("dora",), ("bert",))


@pytest.mark.parametrize("holders", [HOLDERS, ("ada", "cleo")])
def test_who_rounds_refuses_exact_sums_though_it_only_computes(
    space: Space, holders: tuple[str, ...]
) -> None:
    data = space.dataset("gbsg2").at(holders)
    assert "bert will refuse it by rule rounding" in data.explain("mean:age")
    with pytest.raises(PolicyRefused, match="rounding") as refusal:
        data.mean("age")
    assert refusal.value.culprit == "bert"


def test_a_holder_that_may_be_asked_alone_still_needs_the_consent_of_all(space: Space) -> None:
    alone = space.dataset("gbsg2").at("dora")
    assert "refuse" not in alone.explain("count")
    result = alone.count()
    assert result.value is None  # 46 records, none of them beside the largest holder's
    assert {one.rule for one in result.disclosure.closed} == {"minimum-count"}
