"""Nodes under their own policy: real parties and holders compare every question with those before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc.errors import PolicyRefused, TooClose
from parties.client import connect
from parties.client.space import Space
from parties.management.catalogue import Column, Kind, Schema
from parties.management.datasets import DataSets
from parties.node.config import PolicyConfig
from parties.node.history import EntryState
from parties.query.plan import sign_plan
from parties.query.text import parse_statistic
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2
from tests.helping import CUTS, HOLDERS, Hospitals, running_hospitals, until

STRICT = MappingProxyType(dict.fromkeys(HOLDERS, PolicyConfig()))
GAPS = Schema(
    name="gaps",
    columns=(
        Column(name="x", kind=Kind.INTEGER, min=0, max=100),
        Column(name="y", kind=Kind.INTEGER, min=0, max=100),
        Column(name="side", kind=Kind.CATEGORY, levels=("left", "right")),
    ),
)


def rows(seed: int) -> pd.DataFrame:
    """60 rows, of which every tenth lacks x, and one side, of which three lack y."""
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(rng.integers(0, 101, (60, 2)), columns=["x", "y"]).astype("Int64")
    made["side"] = np.where(rng.random(60) < 0.5, "left", "right")
    made.loc[::10, "x"] = pd.NA
    made.loc[1:3, "y"] = pd.NA
    return made


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    with running_hospitals(tmp_path_factory.mktemp("guarded") / "box", policies=STRICT) as made:
        for place, (name, node) in enumerate(made.nodes.items()):
            file = made.folder / name / "gaps.csv"
            rows(place).to_csv(file, index=False)
            DataSets(node.settings.state, name).add(GAPS, file)
        yield made


@pytest.fixture
def space(box: Hospitals) -> Iterator[Space]:
    with connect(box.config) as made:
        yield made


def refused(box: Hospitals) -> int:
    storage: Any = box.nodes["ada"].storage
    return sum(one.state is EntryState.REFUSED for one in storage.ledger.earlier("gbsg2", "", "eve"))


def test_a_difference_of_a_few_is_refused_and_the_table_beside_a_total_is_not(
    box: Hospitals, space: Space
) -> None:
    gbsg = space.dataset("gbsg2", holders=HOLDERS)
    assert gbsg.count().value == len(box.pooled)
    few = int((box.pooled.age >= 78).sum())
    assert 0 < few < 5
    with pytest.raises(TooClose, match="differencing"):
        gbsg.where("age < 78").count()
    until(lambda: refused(box) == 1)
    by_grade = gbsg.group_by("tgrade").count().value
    assert by_grade == box.pooled.groupby("tgrade").size().to_dict()
    again = gbsg.count()
    assert again.value == len(box.pooled)
    assert "earlier questions: compared with 2" in str(again.disclosure)  # what was refused opened nothing


def test_some_of_the_hospitals_after_all_of_them(box: Hospitals, space: Space) -> None:
    gbsg = space.dataset("gbsg2", holders=HOLDERS)
    assert gbsg.count().value == len(box.pooled)
    two = gbsg.at("ada", "bert")
    assert "cleo, dora only count records to compare" in two.explain("mean:age")
    answer = two.mean("age")
    assert answer.value == pytest.approx(box.pooled.age[: CUTS[2]].mean(), rel=1e-12)
    assert answer.holders == ("ada", "bert")
    with pytest.raises(TooClose):
        gbsg.at("ada", "bert", "cleo").count()


def test_columns_of_earlier_questions_are_read_where_gaps_decide(space: Space) -> None:
    gaps = space.dataset("gaps", holders=HOLDERS)
    both = gaps.correlation("x", "y").value
    assert both[("x", "y")] == pytest.approx(pooled()[["x", "y"]].astype(float).corr().iloc[0, 1])
    # the sum of x is told over those with y already, and reading x alone would not tell which those are
    mean = gaps.mean("x")
    assert mean.value == pytest.approx(pooled().x.mean())
    assert mean.missing == pooled().x.isna().sum()


def test_who_computes_demands_all_its_terms_though_its_records_are_not_asked_of(tmp_path: Path) -> None:
    """Bert, who rounds, computes and holds some of the data: of what it demands nothing is left out."""
    policies = {**STRICT, "bert": PolicyConfig(round_to=5)}
    with running_hospitals(tmp_path / "box", policies=policies) as box, connect(box.config) as space:
        asked = space.dataset("gbsg2", holders=HOLDERS).at("cleo", "dora")
        assert "ada, bert only count records to compare" in asked.explain("count")
        result = asked.count()
        assert (result.terms.round_to, space.terms(asked).round_to) == (5, 5)
        assert result.value == 185  # of 186


def pooled() -> pd.DataFrame:
    return pd.concat([rows(place) for place in range(len(HOLDERS))])


def test_rows_that_come_and_go_are_compared_too(box: Hospitals, space: Space) -> None:
    """Two questions, and one patient more in between: their difference would be that patient."""
    name = "moving"
    schema = Schema(name=name, columns=GAPS.columns)
    for place, (holder, node) in enumerate(box.nodes.items()):
        file = box.folder / holder / "moving.csv"
        rows(place).to_csv(file, index=False)
        DataSets(node.settings.state, holder).add(schema, file)
    until(lambda: set(space.datasets().get(name, ())) == set(HOLDERS))
    assert space.dataset(name, holders=HOLDERS).count().value == 240
    file = box.folder / "dora" / "moving.csv"
    more = pd.concat([rows(3), rows(9).head(1)])
    more.to_csv(file, index=False)
    DataSets(box.nodes["dora"].settings.state, "dora").add(schema, file)
    until(lambda: any(item.dataset == name and item.version == 2 for item in space.registrations()))
    with pytest.raises(TooClose):
        space.dataset(name, holders=HOLDERS).count()


def test_a_plan_that_asks_for_less_comparison_is_refused(space: Space) -> None:
    asked = space.dataset("gbsg2", holders=HOLDERS)
    plan = space.question(asked, [parse_statistic("count")]).plan.model_copy(update={"differencing": 0})
    signed = sign_plan(plan, space.identity)
    request = pb.SubmitRequest(plan=common_pb2.SignedPlan(plan=signed.plan, signature=signed.signature))
    replies = space.connection.attempt("Submit", request)
    assert all(isinstance(reply, PolicyRefused) for reply in replies.values())
    assert all("rule differencing" in str(reply) for reply in replies.values())
