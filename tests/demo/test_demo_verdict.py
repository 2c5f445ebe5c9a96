from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from rich.console import Console

from parties.demo.oracle import Expected, Oracle
from parties.demo.queries import QUERIES
from parties.demo.report import print_table, write_html, write_json
from parties.demo.verdict import compare


def part(sizes, start):
    rows = [
        {"horTh": therapy, "menostat": status, "tgrade": grade, "age": 25 + (start + i) % 60}
        for (therapy, status, grade), count in sizes.items()
        for i in range(count)
    ]
    frame = pd.DataFrame(rows)
    for place, column in enumerate(("tsize", "pnodes", "progrec", "estrec")):
        frame[column] = [(7 * i + i * i % 11 + place * i % 5) % 60 + place for i in range(len(frame))]
    return frame


@pytest.fixture(scope="module")
def oracle():
    sizes = {(t, m, g): 3 for t in ("no", "yes") for m in ("Pre", "Post") for g in ("I", "II", "III")}
    return Oracle([part(sizes, 0), part({**sizes, ("yes", "Pre", "I"): 20}, 9), part(sizes, 31)], minimum=5)


@pytest.fixture
def answers(oracle):
    cost = {"seconds": 0.5, "rounds": 12, "bytes_sent_per_party": {"a": 10, "b": 20, "c": 30}}
    return [
        {
            "name": query.name,
            "title": query.title,
            "joint": {label: cell.value for label, cell in oracle.expected(query.name).items()},
            "svg": "<svg></svg>",
            **cost,
        }
        for query in QUERIES
    ]


def test_right_answers_pass(oracle, answers):
    assert not any(comparison.wrong for comparison in compare(answers, oracle))


def test_every_kind_of_wrong_cell_is_found(oracle, answers):
    answers[0]["joint"]["count"] += 1
    answers[1]["joint"]["age mean"] *= 1 + 1e-6
    answers[1]["joint"]["age 50%"] += 1e-9
    answers[3]["joint"].pop(next(iter(answers[3]["joint"])))
    label = next(label for label, cell in oracle.expected("small cells").items() if cell.value is None)
    answers[6]["joint"][label] = 3
    found = {comparison.name: comparison for comparison in compare(answers, oracle)}
    assert found["count"].wrong == ("count",)
    assert found["count"].max_abs_error == 1
    assert set(found["describe"].wrong) == {"age mean", "age 50%"}
    assert found["histogram age"].wrong
    assert found["small cells"].wrong == (label,)
    assert found["small cells"].max_abs_error == math.inf


def test_a_cell_that_should_open_and_does_not_is_wrong():
    assert not Expected(7).accepts(None)
    assert not Expected(None).accepts(7)
    assert Expected(None).accepts(None)


def test_the_minimum_count_takes_the_largest_hospital_away():
    both = {"menostat": ["Pre"] * 9, "tgrade": ["I"] * 9, "age": [30] * 9, "horTh": ["no"] * 9}
    few = {name: values[:4] for name, values in both.items()}
    # 9 + 4 patients: without the largest hospital's nine, four are left
    assert Oracle([pd.DataFrame(both), pd.DataFrame(few)], 5).expected("count")["count"].value is None
    assert Oracle([pd.DataFrame(both), pd.DataFrame(few)], 4).expected("count")["count"].value == 13


def test_reports_say_everything(oracle, answers, tmp_path):
    comparisons = compare(answers, oracle)
    console = Console(record=True, width=120, file=(tmp_path / "out.txt").open("w"))
    print_table(comparisons, console)
    console.file.close()
    assert "suppressed" in (tmp_path / "out.txt").read_text()
    write_json(comparisons, tmp_path / "demo.json")
    records = json.loads((tmp_path / "demo.json").read_text())
    keys = {"name", "joint", "pooled", "max_abs_error", "seconds", "rounds", "bytes_sent_per_party"}
    assert [set(record) for record in records] == [keys] * len(QUERIES)
    assert records[0]["joint"] == records[0]["pooled"] == len(oracle._pooled)
    page = write_html(comparisons, {"lindenhof": 41, "waldkrankenhaus": 4}, 12.3, tmp_path / "demo")
    text = page.read_text()
    assert "<!--" not in text
    assert "src=" not in text
    assert "every joint answer is right" in text
    assert "waldkrankenhaus" in text
