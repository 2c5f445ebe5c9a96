"""docs/tables.md: its costs are the declared ones, its errors within what the functions state."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import tables

PAGE = tables.TARGET.read_text(encoding="utf-8")
STATED_ULP, STATED_RELATIVE = 2.0, -22.0


def test_costs_are_the_declared_ones() -> None:
    missing = [line for line in tables.cost_lines() if line not in PAGE]
    assert missing == [], "run `make tables`"


def test_views_are_what_the_parties_receive() -> None:
    missing = [line for line in tables.view_section() if line not in PAGE]
    assert missing == [], "run `make tables`"


def test_errors_are_within_what_is_stated() -> None:
    pattern = r"^\| ([^|]+) \| (\d+) \| .* \| ([\d.]+) \| (2\^(-[\d.]+)|-) \| (\d+) \| (\d+) \|$"
    rows = re.findall(pattern, PAGE, re.MULTILINE)
    assert [(name, int(places)) for name, places, *_ in rows] == [
        (row.name, places) for places, chosen in tables.ROWS.items() for row in chosen
    ]
    for name, _, units, _, power, *_ in rows:
        assert float(units) <= STATED_ULP, name
        assert not power or float(power) <= STATED_RELATIVE + 1, name


@pytest.mark.parametrize("places", tables.ROWS)
def test_rounds_and_bytes_are_todays(places: int) -> None:
    """From one batch: they do not depend on the points."""
    for row in tables.ROWS[places]:
        line = tables.error_line(row, places, tables.BATCH)
        start, cost = line[: line.index(row.domain)], line.split(" | ")[-2:]
        (stated,) = [other for other in PAGE.splitlines() if other.startswith(start)]
        assert stated.split(" | ")[-2:] == cost, "run `make tables`"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("places", tables.ROWS)
def test_errors_of_a_million_points(places: int) -> None:
    for row in tables.ROWS[places]:
        line = tables.error_line(row, places)
        units, relative = line.split(" | ")[-4:-2]
        assert float(units) <= STATED_ULP, line
        assert relative == "-" or float(relative.removeprefix("2^")) <= STATED_RELATIVE + 1, line


def test_points_have_every_magnitude() -> None:
    words = tables.drawn(np.random.default_rng(1), 40, signed=True)
    assert {int(word).bit_length() for word in np.abs(words)} >= set(range(1, 41))
    assert words.min() < 0 < words.max()
    assert (words != 0).all()
    assert (tables.drawn(np.random.default_rng(1), 40, signed=True, zero=True) == 0).any()
