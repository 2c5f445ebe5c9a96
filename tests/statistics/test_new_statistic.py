"""A statistic is one class and a line in a table: two are added here, and nothing else is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytest

from mpc.encoding import INTEGER
from mpc.errors import ProtocolAbort
from mpc.privacy.terms import Terms
from mpc.statistics import table
from mpc.statistics.moments import N, counted, missing_sums, present_cohorts
from mpc.statistics.parameters import exact_number
from mpc.statistics.program import Block, Given, RowProgram, Target
from mpc.statistics.results import TableResult
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.statistic import Quantity, Statistic
from parties.client import connect
from parties.query.text import parse_statistic


class ShareResult(TableResult):
    """The share of a column's values from a threshold on."""

    @property
    def percent(self) -> float:
        """Of one group, in percent."""
        return 100.0 * float(self.value)


class Share(Statistic):
    """The share of a column's values that reach a threshold."""

    kind = "share"
    example = "share:age:50"
    parameters: ClassVar = {"from": exact_number}
    result = ShareResult

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:
        return {"from": numbers[0]}

    def quantities(self) -> tuple[Quantity, ...]:
        return (*counted(self.specs[0]), Quantity("reaching"))

    def cohorts(self, rows: Rows) -> list[Mask]:
        (column,) = self.specs
        present = rows.present[column.name]
        return [present, present & (rows.words[column.name] >= self._least)]

    def sums(self, rows: Rows) -> list[int]:
        return missing_sums(rows, self.specs[0])

    def cuts(self) -> Mapping[str, Sequence[int]]:
        return {self.columns[0]: [self._least]}

    @property
    def _least(self) -> int:
        return math.ceil(self.given["from"] * self.specs[0].scale.factor)

    def finish(self, opened: Mapping[str, int | None]) -> dict[str, Any]:
        n, reaching = opened[N], opened["reaching"]
        return {N: n, "share": None if n is None or reaching is None else reaching / n}


class Energy(RowProgram):
    """Sums of squares, computed on shared words: what holders could have summed themselves."""

    name = "energy"

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        return (Block("words", len(self.wanted) * self.facts.rows_at_most[holder], "arithmetic"),)

    def at_holder(self, rows: Rows, holder: int) -> dict[str, Any]:
        words = np.zeros((len(self.wanted), self.facts.rows_at_most[holder]), dtype=np.int64)
        members = self.facts.members(rows)
        for place, one in enumerate(self.wanted):
            name = one.target.column.name
            words[place, : rows.count] = rows.words[name] * (members(one.group) & rows.present[name])
        return {"words": words.reshape(-1)}

    def on_shares(self, session: Any, given: Sequence[Given], counts: Any, terms: Terms) -> Any:
        bound = max(one.target.column.magnitude for one in self.wanted)
        parts = [
            session.secret(shares["words"], INTEGER, bound).reshape(len(self.wanted), -1) for shares in given
        ]
        squares = [(part * part).sum(1) for part in parts]
        total = sum(squares[1:], squares[0])
        return session.public(np.ones(len(self.wanted), dtype=np.int64)), total

    @property
    def sentence(self) -> str:
        return f"Squares run on shared rows: {len(self.wanted)} sums."


@dataclass(frozen=True)
class Squares(Target):
    column: ColumnSpec
    program = Energy


class SumOfSquares(Statistic):
    """The sum of squares of a column, for those who do not trust the holders' arithmetic."""

    kind = "energy"
    example = "energy:age"

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(N),)

    def cohorts(self, rows: Rows) -> list[Mask]:
        return present_cohorts(rows, self.specs[0])

    def targets(self) -> tuple[Target, ...]:
        return (Squares("energy", N, extreme=False, column=self.specs[0]),)

    def finish(self, opened: Mapping[str, int | None]) -> dict[str, Any]:
        return {"energy": opened["energy"]}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {one.kind: one for one in (*table.STATISTICS, Share, SumOfSquares)}
    monkeypatch.setattr(table, "KINDS", MappingProxyType(kinds))


def test_it_is_asked_through_nodes_and_answered(listed: None, hospitals: Any) -> None:
    age = hospitals.pooled.age
    with connect(hospitals.config) as space:
        gbsg = space.dataset("gbsg2")
        shared = gbsg.share("age", 50)
        assert shared.value == pytest.approx((age >= 50).mean())
        assert shared.percent == pytest.approx(100 * (age >= 50).mean())
        assert gbsg.energy("age").value == (age**2).sum()
        both = gbsg.agg(old="share:age:50", power=("age", "energy")).value
        assert both == {"old": shared.value, "power": (age**2).sum()}
        told = gbsg.explain("share:age:50", "energy:age")
        assert "reaching" in told
        assert "Squares run on shared rows" in told
        for asked, ask in (
            ("share:age:50", partial(gbsg.share, "age", 50)),
            ("energy:age", partial(gbsg.energy, "age")),
        ):
            predicted = gbsg.submit(asked).question.query.cost(Terms(5))
            assert tuple(ask().cost.bytes_sent_per_party.values()) == predicted.sent


def test_it_is_under_the_gate(listed: None, ask: Callable[..., Any], make_rows: Callable[..., Rows]) -> None:
    column = {"x": ColumnSpec("x", "number", lo=0, hi=10)}
    parsed = [parse_statistic(text) for text in ("share:x:5", "energy:x")]
    few = [make_rows({"x": [7, 8]}), make_rows({"x": [9]}), make_rows({"x": [3]})]
    closed = ask(column, few, parsed, k=5)
    assert not closed.opened.any()
    assert [one.values for one in closed.outcomes] == [{"n": None, "share": None}, {"energy": None}]
    many = [make_rows({"x": [7, 8, 4, 1]}) for _ in range(3)]
    opened = ask(column, many, parsed, k=4)
    assert [one.values for one in opened.outcomes] == [{"n": 12, "share": 0.5}, {"energy": 390}]


@pytest.mark.parametrize("declared", [False, True])
def test_what_a_program_opens_on_the_way_must_be_declared(
    declared: bool,
    listed: None,
    ask: Callable[..., Any],
    make_rows: Callable[..., Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compute = Energy.on_shares

    def nosy(self: Energy, session: Any, given: Sequence[Given], counts: Any, terms: Terms) -> Any:
        session.open(counts > 3, why="whether there are enough")
        return compute(self, session, given, counts, terms)

    monkeypatch.setattr(Energy, "on_shares", nosy)
    column = {"x": ColumnSpec("x", "number", lo=0, hi=10)}
    rows, parsed = [make_rows({"x": [7, 8, 4, 1]}) for _ in range(3)], [parse_statistic("energy:x")]
    if declared:
        monkeypatch.setattr(Energy, "opens", frozenset({"whether there are enough"}))
        answer = ask(column, rows, parsed, k=4)
        assert any("on the way: whether there are enough" in line for line in answer.query.openings)
    else:
        with pytest.raises(ProtocolAbort, match="does not declare: whether there are enough"):
            ask(column, rows, parsed, k=4)
