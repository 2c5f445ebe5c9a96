from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from typer.testing import CliRunner

from mpc.errors import (
    CatalogueError,
    CopyMismatch,
    IdentityError,
    JobError,
    PeerVanished,
    PlanInvalid,
    PolicyRefused,
    RangeError,
)
from mpc.statistics.joint import JointQuery
from parties.cli import app
from parties.client import connect
from parties.client.connection import Analyst
from parties.client.described import check_same
from parties.client.job import combine
from parties.identity.seal import seal, unseal
from parties.management.catalogue import Schema
from parties.query.plan import result_context
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2
from tests.helping import HOLDERS, until


def test_a_data_set_shows_its_columns(space, gbsg):
    assert space.datasets() == {"gbsg2": ("ada", "bert", "cleo", "dora")}
    assert "age" in dir(gbsg)
    assert "horTh" in gbsg.columns
    assert "menostat" in repr(gbsg)
    assert str(gbsg.age >= 50) == "age >= 50"
    assert str(gbsg["time"] < 9) == "time < 9"
    with pytest.raises(AttributeError, match="no column 'aeg'"):
        _ = gbsg.aeg


def test_counts_and_means(gbsg, hospitals):
    assert gbsg.count().value == 686
    older = gbsg.where(gbsg.age >= 50).where('tgrade == "III"')
    expected = hospitals.pooled.query('age >= 50 and tgrade == "III"')
    assert older.count().value == len(expected)
    mean = older.mean("tsize")
    assert mean.value == pytest.approx(expected.tsize.mean(), rel=1e-12)
    assert mean.missing == 0
    assert set(mean.holders) == {"ada", "bert", "cleo", "dora"}
    assert mean.cost.rounds > 0
    assert set(mean.cost.bytes_sent_per_party) == {"ada", "bert", "cleo"}
    assert min(mean.cost.bytes_sent_per_party.values()) > 0


def test_every_moment(gbsg, hospitals):
    pooled = hospitals.pooled
    assert gbsg.sum("age").value == pooled.age.sum()
    assert gbsg.variance("age").value == pytest.approx(pooled.age.var(), rel=1e-12)
    assert gbsg.std("age", "tsize").value["tsize"] == pytest.approx(pooled.tsize.std(), rel=1e-12)
    assert gbsg.median("age").value == pooled.age.median()


def test_groups_and_agg(gbsg, hospitals):
    result = gbsg.group_by("horTh", "menostat").agg(n="count", size=("tsize", "mean"), mid="median:age")
    by = hospitals.pooled.groupby(["horTh", "menostat"])
    frame = result.to_pandas()
    assert list(frame.columns) == ["n", "size", "mid"]
    for group, rows in by:
        assert frame.loc[group, "n"] == len(rows)
        assert frame.loc[group, "size"] == pytest.approx(rows.tsize.mean(), rel=1e-12)
        assert frame.loc[group, "mid"] == rows.age.median()


def test_percentiles_and_histograms(gbsg, hospitals):
    shown = gbsg.quantiles("age", [10, 50, 90]).value
    for percent in (10, 50, 90):
        assert shown[f"{percent}%"] == pytest.approx(hospitals.pooled.age.quantile(percent / 100), rel=1e-15)
    counts = gbsg.histogram("age", edges=[30, 45, 60, 75]).to_pandas()["count"].tolist()
    assert counts == np.histogram(hospitals.pooled.age, [30, 45, 60, 75])[0].tolist()
    assert len(gbsg.histogram("age").edges["age"]) == 11
    assert len(gbsg.histogram("age", bins=4).value) == 4


def test_correlations(gbsg, hospitals):
    names = ["age", "tsize", "pnodes"]
    frame = gbsg.correlation(*names).to_pandas()
    assert np.allclose(frame.to_numpy(), hospitals.pooled[names].corr().to_numpy(), atol=1e-12)


def test_small_cells_stay_closed(gbsg):
    result = gbsg.where("age < 25").count()
    assert result.value is None
    assert result.suppressed
    assert "suppressed" in repr(result)
    assert gbsg.where("age < 19").count().value is None


def test_unsuitable_questions_are_refused_before_anything_is_sent(space, gbsg):
    before = len(space.jobs())
    with pytest.raises(PlanInvalid, match="category"):
        gbsg.mean("horTh")
    with pytest.raises(PlanInvalid, match="no column"):
        gbsg.mean("tsiez")
    with pytest.raises(PlanInvalid):
        gbsg.where("age >=")
    with pytest.raises(PlanInvalid, match="bins or edges"):
        gbsg.histogram("age", bins=3, edges=[1, 2])
    with pytest.raises(PlanInvalid):
        gbsg.histogram("age", bins=-3)
    with pytest.raises(PlanInvalid):
        gbsg.agg(h="histogram:age")
    with pytest.raises(PlanInvalid):
        gbsg.agg()
    with pytest.raises(PlanInvalid, match="Did you mean horTh"):
        gbsg.group_by("hroTh")
    for strange in (lambda: gbsg.submit(), lambda: gbsg.explain(), lambda: gbsg.mean(lambda: 3)):
        with pytest.raises(PlanInvalid):
            strange()
    with pytest.raises(CatalogueError, match="Did you mean gbsg2"):
        space.dataset("gbsg")
    assert len(space.jobs()) == before


def test_a_closed_space_says_so(hospitals):
    space = connect(hospitals.config)
    space.close()
    with pytest.raises(JobError, match="closed"):
        space.datasets()


def test_columns_are_given_as_they_come(gbsg):
    wanted = gbsg.mean("age", "tsize").value
    assert gbsg.mean(["age", "tsize"]).value == gbsg.mean(gbsg.age, gbsg.tsize).value == wanted
    assert gbsg.group_by(gbsg.horTh).groups == gbsg.group_by(["horTh"]).groups == ("horTh",)
    assert gbsg.quantiles("age", 50).value == gbsg.quantiles("age", probabilities=[50]).value
    assert len(gbsg.histogram("age", 4).value) == 4


def test_what_is_no_statistic_and_no_column_says_so(gbsg):
    with pytest.raises(AttributeError, match="no column 'modus'"):
        _ = gbsg.modus
    assert "mean" in dir(gbsg)
    assert "tsize" in dir(gbsg)
    assert "arithmetic mean" in repr(gbsg.mean)


def test_a_schema_that_changed_since_is_not_read_by_the_old_one(gbsg):
    column = gbsg.schema.column("tsize").model_copy(update={"max": Decimal(999)})
    columns = tuple(column if one.name == "tsize" else one for one in gbsg.schema.columns)
    stale = replace(gbsg, schema=Schema(name="gbsg2", title=gbsg.schema.title, columns=columns))
    with pytest.raises(PlanInvalid, match="another schema"):
        stale.mean("tsize")


@pytest.mark.parametrize("asked", ["count", "mean:tsize", "describe:age,tsize", "correlation:age,tsize"])
def test_what_explain_predicts_is_what_it_takes(space, gbsg, asked):
    job = gbsg.submit(asked)
    spent = job.result().cost
    predicted = job.question.query.cost(space.terms(gbsg))
    assert list(spent.bytes_sent_per_party.values()) == list(predicted.sent)
    assert spent.rounds <= predicted.rounds <= 1.4 * spent.rounds + 2


def test_the_terms_of_all_parties_are_in_sight(space, gbsg, hospitals):
    demanded = {name: node.settings.policy.policy().terms for name, node in hospitals.nodes.items()}
    assert space.policies() == demanded
    assert space.terms(gbsg) == demanded["ada"]
    result = gbsg.count()
    assert result.terms == demanded["ada"]
    assert result.to_json()["terms"]["minimum_count"] == 5


def test_the_prediction_stands_beside_the_fact(space, gbsg):
    until(lambda: len(space.connection.describe().links) == 6)
    result = gbsg.median("age")
    predicted, cost = result.predicted, result.cost
    assert cost.rounds <= predicted.rounds <= 1.4 * cost.rounds + 2
    assert predicted.bytes_sent == max(cost.bytes_sent_per_party.values())
    assert 0 < predicted.seconds < 100
    assert f"(predicted {predicted.seconds:.2f})" in repr(result)
    assert f"{cost.rounds} rounds (at most {predicted.rounds})" in repr(result)
    assert result.to_json()["predicted"]["rounds"] == predicted.rounds
    again = space.job(gbsg.submit("count").hash).result()
    assert again.terms == result.terms
    assert again.predicted is None  # another process may have asked it
    assert "predicted" not in repr(again)


def test_the_result_says_what_it_discloses(gbsg):
    result = gbsg.group_by("horTh").where("age < 30").mean("tsize")
    told = result.disclosure
    assert told.holders == ("ada", "bert", "cleo", "dora")
    assert {one.rule for one in told.closed} == {"minimum-count"}
    assert (told.terms[0].term, told.terms[0].parties) == ("minimum_count", told.holders)
    assert "sum (with n)" in str(told)
    assert result.to_json()["disclosure"]["recipient"] == "eve"
    both = gbsg.agg(n="count", mid="median:age").disclosure
    assert [one.statistic for one in both.opened] == ["count", "median age"]


def test_explain_runs_nothing(space, gbsg):
    before = len(space.jobs())
    text = gbsg.where("age >= 50").explain("mean:tsize", "median:age")
    assert "age >= 50" in text
    assert "Opens" in text
    assert len(space.jobs()) == before


def test_a_holder_that_lies_suppresses_the_result_and_shows_nothing(gbsg, monkeypatch):
    honest = JointQuery.at_holder

    def at_holder(query, rows, holder, memory=None):
        words = honest(query, rows, holder, memory)
        words["counts"][0] += 10_000 * (holder == 2)
        return words

    assert any("checked on shares" in line for line in gbsg.count().accuracy)
    assert "checked-bounds" in gbsg.explain("mean:age")
    monkeypatch.setattr(JointQuery, "at_holder", at_holder)
    with pytest.raises(RangeError, match="checked-bounds"):
        gbsg.mean("age")


def test_jobs_outlive_the_client(hospitals, gbsg):
    job = gbsg.submit("count", "mean:age")
    with connect(hospitals.config) as another:
        again = another.job(job.hash[:10])
        assert again.hash == job.hash
        assert again.title == "count, mean of age (gbsg2)"
        count, mean = again.results()
        assert count.value == 686
        assert mean.value == pytest.approx(hospitals.pooled.age.mean())
        assert again.result().value == {
            "count": 686,
            "mean of age": pytest.approx(hospitals.pooled.age.mean()),
        }
        assert again.status().state == "released"
        assert job.hash in [one.hash for one in another.jobs()]
        with pytest.raises(JobError, match="No job"):
            another.job("ffff" * 16)


def test_histograms_of_a_job_of_many_come_apart(gbsg):
    job = gbsg.submit("histogram:age:40,60,80", "count")
    with pytest.raises(JobError, match="one table"):
        job.result()
    histogram, count = job.results()
    assert list(histogram.value) == ["[40, 60)", "[60, 80]"]
    assert count.value == 686


def test_jobs_are_private_to_their_analyst(hospitals, gbsg):
    job = gbsg.submit("count")
    with connect(hospitals.folder / "otto" / "analyst.toml") as other:
        assert other.jobs() == []
        with pytest.raises(JobError):
            other.job(job.hash)
    assert job.result().value == 686


def test_an_ended_job_stays_as_it_ended(gbsg):
    job = gbsg.submit("count")
    assert job.wait().state == "released"
    with pytest.raises(JobError):
        job.cancel()
    assert job.result().value == 686


def test_differing_copies_are_never_opened(space, gbsg):
    job = gbsg.submit("count")
    job.wait()
    shares = space.connection.everywhere("Fetch", pb.JobRef(plan_hash=bytes.fromhex(job.hash)))
    private = space.identity.recipient_key(bytes.fromhex(job.plan.nonce))
    context = result_context(bytes.fromhex(job.hash), shares["bert"].session)
    plain = bytearray(unseal(private, shares["bert"].sealed, context))
    plain[0] ^= 1
    forged = seal(private.public_key().public_bytes_raw(), bytes(plain), context)
    shares["bert"] = pb.SealedShare(session=shares["bert"].session, sealed=forged)
    query = job.question.query
    with pytest.raises(CopyMismatch):
        job._open(query, shares)
    shares["bert"] = pb.SealedShare(session=b"another", sealed=forged)
    with pytest.raises(CopyMismatch, match="different sessions"):
        job._open(query, shares)


def test_holders_that_do_not_come_are_named(space):
    with pytest.raises(CatalogueError, match="ada, dora did not offer gbsg3") as caught:
        space.dataset("gbsg3", holders=("ada", "dora"), timeout=0.2)
    assert caught.value.culprit == "ada"


def test_a_holder_that_does_not_exist_is_refused_at_once(space):
    with pytest.raises(CatalogueError, match="mallory is no holder") as caught:
        space.dataset("gbsg2", holders=("ada", "mallory"))
    assert "dora" in caught.value.remedy


def test_a_part_of_the_holders_can_be_asked(space, hospitals):
    three = space.dataset("gbsg2", holders=("ada", "bert", "cleo"))
    assert three.count().value == 640
    assert three.count().holders == ("ada", "bert", "cleo")


def test_holders_are_chosen_of_a_data_set(space, gbsg, hospitals):
    three = gbsg.at("ada", ["bert", "cleo"])
    assert three.holders == ("ada", "bert", "cleo")
    assert gbsg.holders == HOLDERS
    assert "at ada, bert, cleo" in repr(three)
    result = three.where("age >= 50").count()
    assert result.value == len(hospitals.pooled[:640].query("age >= 50"))
    assert result.holders == result.disclosure.holders == ("ada", "bert", "cleo")
    assert "though they hold it too: dora" in three.explain("count")
    with pytest.raises(PlanInvalid, match="No holder is chosen"):
        gbsg.at()
    with pytest.raises(PlanInvalid, match="names no holder"):
        gbsg.at(7)
    with pytest.raises(CatalogueError, match=r"adda does not hold gbsg2\. Did you mean ada") as caught:
        gbsg.at("bert", "adda")
    assert "dora" in caught.value.remedy
    with pytest.raises(CatalogueError, match="Did you mean dora"):
        space.dataset("gbsg2", holders="doar")


def test_a_holder_that_is_asked_alone_refuses(gbsg):
    assert "dora will refuse it by rule single-holder" in gbsg.at("dora").explain("count")
    with pytest.raises(PolicyRefused, match="single-holder") as caught:
        gbsg.at("dora").count()
    assert caught.value.culprit == "dora"


def test_differing_catalogues_are_refused(space):
    registration = space.registrations()[0]
    key = (registration.dataset, registration.holder)
    other = registration.model_copy(update={"rows_at_most": 7})
    with pytest.raises(CatalogueError, match="differently"):
        check_same("ada", {key: registration}, "bert", {key: other})


def test_only_analysts_ask(hospitals):
    with pytest.raises(IdentityError, match="no analyst"):
        Analyst.load(hospitals.folder / "ada" / "node.toml")


def test_states_of_three_become_one():
    def said(state, **error):
        return pb.JobStatus(state=state, error=common_pb2.Status(**error) if error else None)

    gone = PeerVanished("bert is away.", culprit="bert")
    assert combine({"a": None, "b": None, "c": None}).state == "submitted"
    assert combine({"a": said(pb.RELEASED), "b": said(pb.RUNNING), "c": said(pb.RELEASED)}).state == "running"
    assert combine(dict.fromkeys("abc", said(pb.RELEASED))).final
    away = combine({"a": said(pb.RELEASED), "b": gone, "c": said(pb.RELEASED)})
    assert (away.state, away.error, away.parties["b"]) == ("running", gone, "unreachable")
    failed = combine(
        {
            "a": said(pb.FAILED, code="JOB", message="somebody ended it"),
            "b": said(pb.FAILED, code="PEER_VANISHED", message="cleo vanished", culprit="cleo"),
            "c": gone,
        }
    )
    assert failed.state == "failed"
    assert isinstance(failed.error, PeerVanished)
    assert failed.error.culprit == "cleo"


@pytest.mark.parametrize(("answer", "cancels"), [("c", True), ("d", False), ("", False)])
def test_ctrl_c_asks_on_a_terminal(answer, cancels):
    code = "from parties.client.job import _asks_to_cancel as ask; print(ask('abc'))"
    master, slave = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True
    )
    os.write(master, f"{answer}\n".encode())
    out, _ = started.communicate(timeout=60)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    os.close(slave)
    assert out.strip() == str(cancels)
    assert "abc" in shown


def test_the_command_line_asks_the_same(hospitals):
    def run(*arguments):
        return CliRunner().invoke(app, [*arguments, "--config", str(hospitals.config)])

    shown = run("query", "gbsg2", "--stat", "mean:tsize", "--by", "horTh", "--where", "age >= 50")
    assert shown.exit_code == 0, shown.stderr
    assert f"{hospitals.pooled.query('age >= 50').groupby('horTh').tsize.mean()['yes']:.6g}" in shown.stdout
    records = json.loads(run("query", "gbsg2", "--stat", "count", "--stat", "mean:age", "--json").stdout)
    assert records[0]["rows"] == [{"count": 686}]
    assert records[1]["rows"][0]["n"] == 686
    assert records[1]["suppressed"] == []
    assert "Opens" in run("query", "gbsg2", "--stat", "count", "--explain").stdout
    assert records[0]["disclosure"]["opened"][0]["opens"] == ["n"]
    told = run("query", "gbsg2", "--stat", "count", "--holder", "ada", "--holder", "bert", "--report").stdout
    assert "What this result of ada, bert discloses to eve" in told
    job = run("query", "gbsg2", "--stat", "count", "--study", "relapse", "--detach").stdout.strip()
    entries = hospitals.nodes["ada"].storage.ledger.earlier("gbsg2", "relapse", "nobody")
    assert {entry.plan_hash.hex() for entry in entries} <= {job}
    unnamed = run("query", "gbsg2", "--stat", "count", "--study", "no name")
    assert unnamed.exit_code == 1
    assert "cannot name a study" in unnamed.stderr
    assert json.loads(run("result", job[:12], "--json").stdout)[0]["rows"] == [{"count": 686}]
    assert job[:12] in run("jobs").stdout
    assert job in run("jobs", "--json").stdout
    assert "released" in run("status", job[:12]).stdout
    operator = CliRunner().invoke(
        app, ["node", "jobs", "--config", str(hospitals.folder / "ada" / "node.toml")]
    )
    assert f"{job[:12]}  " in operator.stdout
    assert "eve  count (gbsg2)" in operator.stdout
    ended = run("cancel", job[:12])
    assert ended.exit_code == 1
    wrong = run("query", "gbsg2", "--stat", "mean:horTh")
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("error: mean of horTh: horTh is a category")


def test_a_party_that_is_away_is_named(space, gbsg, hospitals):  # the last: it stops a node
    hospitals.nodes["cleo"].stop()
    with pytest.raises(PeerVanished, match="cleo") as caught:
        gbsg.count()
    assert "cleo" in caught.value.remedy
    hospitals.nodes["cleo"].start()
