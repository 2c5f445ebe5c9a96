"""docs/disclosure.md: its matrix is that of the code, its settings those that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks import disclosed
from mpc.privacy import combinations
from mpc.privacy.terms import Terms
from mpc.statistics import table
from parties.law import rules
from parties.law.presets import PRESETS
from parties.law.rules import DEFAULT_TERMS, RULES
from parties.query import cohorts

PAGE = disclosed.PAGE.read_text(encoding="utf-8")
TESTS = Path(__file__).resolve().parents[1] / "privacy"


def test_the_matrix_is_that_of_the_code() -> None:
    assert disclosed.renewed(PAGE) == PAGE, "run `make disclosure`"


def test_every_statistic_has_a_line() -> None:
    assert [line[0].split(":")[0].strip("`") for line in disclosed.rows()] == [
        one.kind for one in table.STATISTICS
    ]


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        disclosed.renewed("nothing")


def test_the_rule_of_another_house_has_its_name() -> None:
    assert rules.NO_EXTREMES.id == disclosed.NO_EXTREMES


def test_every_rule_and_every_setting_is_explained() -> None:
    assert [one.id for one in RULES if f"| `{one.id}` |" not in PAGE] == []
    named = {name for line in disclosed.rows() for name in line[-1].split(", ")} - {"-"}
    assert [name for name in named | set(disclosed.everywhere().split(", ")) if f"`{name}`" not in PAGE] == []
    assert [field.name for field in fields(Terms) if f"`{field.name}`" not in PAGE] == []


def test_presets_are_those_that_there_are() -> None:
    line = r"^\| `(\w+)` \| (\d+) \| (\w+) \| (\d+) \| (\d+) \| .* \|$"
    lines = {found[1]: found.groups()[1:] for found in re.finditer(line, PAGE, re.MULTILINE)}
    assert lines == {
        name: (
            str(terms.minimum_count), str(terms.p_percent or "off"), str(terms.round_to),
            str(terms.records_per_parameter),
        )
        for name, terms in PRESETS.items()
    }  # fmt: skip
    assert f"| `{'records_per_cohort'}` | {DEFAULT_TERMS.records_per_cohort} |" in PAGE


def test_limits_have_the_numbers_of_the_code() -> None:
    limits = combinations.Limits()
    for number in (limits.pairs, limits.candidates, limits.entries, limits.minors):
        assert f"{number:,}" in PAGE
    assert f"`MAX_COMBINED` = {cohorts.MAX_COMBINED} " in PAGE
    assert f"`NEAREST` = {cohorts.NEAREST} " in PAGE


def test_every_known_limit_is_a_test() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))
    tested = set(re.findall(r"def test_limit_(\w+)\(", written))
    section = PAGE.partition("## Known limits")[2]
    said = {line.split(" | ")[0].removeprefix("| ").replace(" ", "_") for line in section.splitlines()}
    assert {name for name in tested if name not in said and name not in _ELSEWHERE} == set()


#: Said in the text, not in the table.
_ELSEWHERE = {"a_refusal_and_an_answer_tell_on_which_side_of_k_a_difference_is"}
