"""A study in one process: questions asked one after the other of the same hospitals, each beside the
earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from mpc.errors import TooClose
from mpc.privacy.guard import over_budget
from mpc.privacy.terms import Differencing, Terms
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.statistics.holding import Memory
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.rows import Rows
from mpc.statistics.simulation import simulate
from parties.management.catalogue import Column, Kind, Schema
from parties.query.cohorts import guarded
from parties.query.compile import Question, compile_plan
from parties.query.filters import parse
from parties.query.plan import HolderPart, Plan
from parties.query.text import parse_statistic

DEFAULTS = Terms(minimum_count=5, p_percent=10, differencing=Differencing.COMBINATIONS)


@dataclass
class Study:
    """Hospitals with their rows, and what has been answered. `schema`: of the rows' columns.

    `on_shares`: three parties compute; else one, by the same code on plain words, for long sequences.
    """

    schema: Schema
    parts: Mapping[str, pd.DataFrame]
    terms: Terms = DEFAULTS
    on_shares: bool = True
    answered: list[Question] = field(default_factory=list)
    kept: list[list[Any]] = field(default_factory=list)

    def question(
        self, *statistics: str, where: str = "", by: Sequence[str] = (), at: Sequence[str] = ()
    ) -> Question:
        """A question of these hospitals, or of all."""
        plan = Plan(
            consortium="0" * 64,
            nonce="1" * 32,
            created=0,
            expires=1,
            analyst="eve",
            recipient_key="2" * 64,
            dataset=self.schema.name,
            schema_hash=self.schema.hash,
            holders=tuple(
                HolderPart(name=name, rows_at_most=max(1, len(part))) for name, part in self.parts.items()
            ),
            at=tuple(sorted(at)),
            where=parse(where) if where else None,
            group_by=tuple(by),
            statistics=tuple(parse_statistic(text) for text in statistics),
            differencing=int(self.terms.differencing),
        )
        return compile_plan(plan, self.schema)

    def rows(self, name: str) -> Rows:
        """A hospital's rows, encoded."""
        return encoded(self.parts[name], self.schema)

    def ask(self, *statistics: str, **how: Any) -> list[list[Outcome]]:
        """The outcomes of each statistic. `TooClose` as the guard says."""
        question = guarded(self.question(*statistics, **how), self.answered)
        names = [part.name for part in question.plan.holders]
        rows = [question.select(self.rows(name), name) for name in names]
        guard = question.query.guard
        assert guard is not None
        if over_budget(guard.cohorts, sum(map(len, self.parts.values())), self.terms):
            raise TooClose("over the budget")
        memories = [self._memory(name, question) if guard.earlier else None for name in names]
        kept = self.kept if guard.earlier else ()
        if self.on_shares:
            made = simulate(question.query, rows, self.terms, memories=memories, kept=kept)
            outcomes, opens = made.outcomes, made.kept
        else:
            outcomes, opens = in_the_clear(question.query, rows, self.terms, memories, kept)
        self.answered.append(question)
        self.kept.append(opens)
        return outcomes

    def values(self, *statistics: str, **how: Any) -> list[dict[str, Any]]:
        """The values of the first statistic, group by group."""
        return [dict(one.values) for one in self.ask(*statistics, **how)[0]]

    def refuses(self, *statistics: str, **how: Any) -> bool:
        """Whether the guard does not let it be answered."""
        try:
            self.ask(*statistics, **how)
        except TooClose:
            return True
        return False

    def _memory(self, name: str, question: Question) -> Memory:
        rows = self.rows(name)
        every = np.concatenate([one.cohorts(rows, name) for one in self.answered])
        pairs = self.terms.differencing == Differencing.PAIRS
        return question.query.remembering(
            question.select(rows, name), every[:0] if pairs else every, every if pairs else every[:0]
        )


def in_the_clear(
    query: JointQuery,
    parts: Sequence[Rows],
    terms: Terms,
    memories: Sequence[Memory | None],
    kept: Sequence[Sequence[Any]],
) -> tuple[list[list[Outcome]], list[Any]]:
    """The outcomes, and what opened, of a query that one party computes on plain words."""
    given = {
        str(holder): {
            name: torch.from_numpy(words) for name, words in query.at_holder(part, holder, memory).items()
        }
        for holder, (part, memory) in enumerate(zip(parts, memories, strict=True))
    }
    opens: list[Any] = []

    def program(session: Session) -> Any:
        answer = query.compute(session, given, terms, bytes(32), [own[0] for own in kept])
        opens.append(answer.opens.share)
        return answer.released.words

    (run,) = run_parties(program, protocol="cleartext")
    return query.at_recipient(run.result), opens


def categories(name: str = "people", complete: bool = True, **levels: Sequence[str]) -> Schema:
    """A schema of categories."""
    columns = tuple(
        Column(name=column, kind=Kind.CATEGORY, levels=tuple(of), complete=complete)
        for column, of in levels.items()
    )
    return Schema(name=name, columns=columns)


def schema_of(*columns: Column, name: str = "people") -> Schema:
    """A schema of such columns."""
    return Schema(name=name, columns=columns)


def number(name: str, low: int, high: int, *, complete: bool = True, **more: Any) -> Column:
    """A column of whole numbers."""
    return Column(name=name, kind=Kind.INTEGER, min=low, max=high, complete=complete, **more)


def category(name: str, *levels: str, complete: bool = True, **more: Any) -> Column:
    """A column of categories."""
    return Column(name=name, kind=Kind.CATEGORY, levels=levels, complete=complete, **more)


def dealt(rows: pd.DataFrame, holders: int = 3) -> dict[str, pd.DataFrame]:
    """Hospitals that have every so manieth row each."""
    return {f"h{place}": rows.iloc[place::holders].reset_index(drop=True) for place in range(holders)}


def encoded(part: pd.DataFrame, schema: Schema) -> Rows:
    """Rows of a frame whose cells are levels, or numbers of the column's kind; missing ones are NaN or
    None."""
    words, present = {}, {}
    for column in schema.columns:
        cells, spec = part[column.name], column.spec()
        present[column.name] = cells.notna().to_numpy(bool)
        known = cells.where(cells.notna(), spec.levels[0] if spec.levels else 0)
        made = [
            spec.levels.index(str(cell)) if spec.levels else round(float(cell) * spec.scale.factor)
            for cell in known
        ]
        words[column.name] = np.array(made, dtype=np.int64)
    return Rows(len(part), words, present, np.ones(len(part), bool))
