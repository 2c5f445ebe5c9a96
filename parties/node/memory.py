"""What one holder remembers: plans of earlier questions, its rows by version, and which each cohort had.

A holder whose memory has been lost, as after a restored backup, makes the cohorts anew where its data are
still those that the question was asked of. Where they are not, questions that need them end with its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from mpc.errors import CatalogueError, HistoryLost, StorageError
from mpc.statistics.holding import Memory as Remembered
from mpc.statistics.rows import Mask, Rows
from parties.management.datasets import DataSets
from parties.management.row_ids import RowIds, row_ids
from parties.node.cohorts import CohortStore, Overlay
from parties.query.compile import Question
from parties.query.earlier import Compared, Earlier
from parties.query.plan import Plan, SignedPlan

_log = structlog.get_logger("triune.holder")


@dataclass(frozen=True, repr=False)
class Opened:
    """A data set's rows, none of them filtered yet, and their ids."""

    dataset: str
    version: int
    rows: Rows
    ids: RowIds


class Memory:
    """A holder's cohorts and the rows that they are of. Any thread may call."""

    def __init__(self, store: CohortStore, datasets: DataSets, name: str) -> None:
        self._store, self._datasets, self._name = store, datasets, name

    def plans(self, hashes: Iterable[bytes]) -> dict[bytes, SignedPlan]:
        """Those of these plans that are remembered, by hash."""
        found = {plan_hash: self._store.find(plan_hash) for plan_hash in hashes}
        return {plan_hash: kept.signed for plan_hash, kept in found.items() if kept is not None}

    def learn(self, told: Mapping[bytes, SignedPlan], earlier: Sequence[Earlier]) -> list[Earlier]:
        """Remember plans that a compute party `told`; returns those whose cohorts have to be made anew.

        Raises `HistoryLost` for this party if that cannot be done.
        """
        again = []
        for one in earlier:
            if one.plan_hash not in told:
                continue
            if self.version_in(one.plan) is None:
                self._store.put_foreign(told[one.plan_hash])
                continue
            if one.question is None or self.version_in(one.plan) != self._version(one.plan.dataset):
                raise self._lost()
            again.append(one)
        return again

    def version_in(self, plan: Plan) -> int | None:
        """The version of this holder's data that a plan names; None if it names other holders alone."""
        return next((part.version for part in plan.holders if part.name == self._name), None)

    def open_rows(self, question: Question, everything: bool) -> Opened:
        """The columns that a question needs; all of them if the rows are new, or if `everything` is needed.

        Raises what `DataSets.open_rows` raises, and `CatalogueError` if other data were registered meanwhile.
        """
        dataset = question.plan.dataset
        version = self.version_in(question.plan) or self._version(dataset)
        ids = self._store.find_row_ids(dataset, version)
        columns = None if ids is None or everything else question.columns
        rows = self._datasets.open_rows(dataset, columns=columns)
        if self._version(dataset) != version:
            raise CatalogueError(
                f"Other data of {dataset} were registered at {self._name} just now.",
                remedy="Fetch the catalogue again and retry.",
                culprit=self._name,
            )
        if ids is None:
            ids = row_ids(rows, self._store.row_key)
            _log.info("rows remembered", dataset=dataset, version=version)
        if ids.size != rows.count:
            raise self._other_rows(dataset, version)
        return Opened(dataset, version, rows, ids)

    def keep(self, signed: SignedPlan, masks: Mask, opened: Opened) -> None:
        """Remember a question's cohorts, `masks` `[told, rows]`, durably. Raises `StorageError`."""
        self._store.put(signed, opened.dataset, opened.version, masks, opened.ids)

    def make_anew(self, lost: Collection[Earlier], told: Mapping[bytes, SignedPlan], opened: Opened) -> None:
        """The cohorts of earlier questions that were asked of these very rows."""
        for one in lost:
            if one.question is not None:
                self.keep(told[one.plan_hash], one.question.cohorts(opened.rows, self._name), opened)
                _log.warning("earlier cohorts made anew", job=one.plan_hash.hex()[:12])

    def of(self, compared: Compared, opened: Opened) -> Remembered:
        """The question's cohorts, and those of earlier ones over these rows in the order of its guard."""
        rows = compared.question.select(opened.rows, self._name)
        if not compared.earlier:
            return compared.question.query.remembering(rows)
        overlay = Overlay(self._store, opened.dataset, opened.ids)
        present, drifted = (
            overlay.stacked([(one.plan_hash, one.cohorts) for one in part])
            for part in (compared.present, compared.drifted)
        )
        return compared.question.query.remembering(rows, present, drifted)

    def _version(self, dataset: str) -> int:
        return self._datasets.find(dataset).version

    def _lost(self) -> HistoryLost:
        return HistoryLost(
            f"{self._name} has lost its memory of an earlier question, and its data have changed since.",
            remedy="Its operator restores `state/cohorts` from the backup of the node's state.",
            culprit=self._name,
        )

    def _other_rows(self, dataset: str, version: int) -> StorageError:
        _log.error("remembered rows are not the registered ones", dataset=dataset, version=version)
        return StorageError(
            f"{self._name} remembers other rows of {dataset} under its present version.",
            remedy="Its operator restores the whole folder `state` from one backup.",
            culprit=self._name,
        )
