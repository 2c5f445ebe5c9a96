"""What every kind of source keeps, asked of each member by the same tests."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pytest

from mpc.errors import DataError
from parties.management.catalogue import Column, Kind, Schema
from parties.management.datasets import DataSets
from parties.management.draft import draft_schema
from parties.management.reading import read_rows
from parties.management.sources.base import Source
from parties.management.sources.table import open_source, source_of

Table = Sequence[dict[str, str]]
ROWS: Table = ({"age": "70", "sex": "f"}, {"age": "", "sex": "m"}, {"age": "33", "sex": "é"})
SCHEMA = Schema(
    name="visits",
    columns=(
        Column(name="age", kind=Kind.INTEGER, min=0, max=120),
        Column(name="sex", kind=Kind.CATEGORY, levels=("f", "m", "é")),
    ),
)
CANARY = "48151623"


class SourceContract(ABC):
    """`write` puts rows where a source of the kind finds them, and again to change them."""

    kind: type[Source]

    @abstractmethod
    def write(self, folder: Path, rows: Table) -> str: ...

    @abstractmethod
    def take_away(self, location: str) -> None: ...

    def test_the_table_finds_it_by_location_and_by_kind(self, tmp_path: Path) -> None:
        location = self.write(tmp_path, ROWS)
        made = source_of(location)
        assert type(made) is self.kind
        again = open_source(made.kind, made.location)
        assert type(again) is self.kind
        assert again.read().fingerprint == made.read().fingerprint

    def test_its_name_has_no_path(self, tmp_path: Path) -> None:
        made = self.kind(self.write(tmp_path, ROWS))
        assert made.name
        assert "/" not in made.name

    def test_cells_are_text_as_they_were_written(self, tmp_path: Path) -> None:
        found = self.kind(self.write(tmp_path, ROWS)).read()
        assert found.count == len(ROWS)
        assert found.table.to_pylist() == list(ROWS)
        assert {str(field.type) for field in found.table.schema} == {"string"}

    def test_only_the_columns_asked_for_are_read(self, tmp_path: Path) -> None:
        made = self.kind(self.write(tmp_path, ROWS))
        assert made.read(["sex", "no such"]).table.to_pydict() == {"sex": [row["sex"] for row in ROWS]}
        nothing = made.read([])
        assert (nothing.count, nothing.table.column_names) == (len(ROWS), [])

    def test_the_fingerprint_is_of_all_data_whatever_is_asked(self, tmp_path: Path) -> None:
        made = self.kind(self.write(tmp_path, ROWS))
        before = made.read().fingerprint
        assert made.read(["age"]).fingerprint == made.read([]).fingerprint == before
        changes: list[Table] = [
            [*ROWS[:2], {"age": "34", "sex": "é"}],
            ROWS[:2],
            [*ROWS, ROWS[0]],
            [{"age": row["age"], "gender": row["sex"]} for row in ROWS],
        ]
        found = []
        for rows in changes:
            self.write(tmp_path, rows)
            found.append(made.read(["age"]).fingerprint)
        assert len({before, *found}) == len(changes) + 1
        self.write(tmp_path, ROWS)
        assert made.read().fingerprint == before

    def test_rows_are_encoded_and_a_fault_names_its_place_and_no_value(self, tmp_path: Path) -> None:
        made = self.kind(self.write(tmp_path, ROWS))
        rows, fingerprint = read_rows(made, SCHEMA)
        assert fingerprint == made.read().fingerprint
        assert rows.words["age"].tolist() == [70, 0, 33]
        assert rows.words["sex"].tolist() == [0, 1, 2]
        assert rows.present["age"].tolist() == [True, False, True]
        self.write(tmp_path, [*ROWS, {"age": CANARY, "sex": "f"}])
        assert len({made.place(row) for row in range(4)}) == 4
        with pytest.raises(DataError, match=made.place(3)) as refusal:
            read_rows(made, SCHEMA)
        assert "column age" in refusal.value.message
        assert CANARY not in str(refusal.value)
        assert read_rows(made, SCHEMA, ["sex"])[0].count == 4

    def test_a_column_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        made = self.kind(self.write(tmp_path, [{"age": "1"}]))
        with pytest.raises(DataError, match="lacks the column sex"):
            read_rows(made, SCHEMA)
        assert read_rows(made, SCHEMA, ["age"])[0].words["age"].tolist() == [1]

    def test_data_that_are_gone_are_refused(self, tmp_path: Path) -> None:
        location = self.write(tmp_path, ROWS)
        made = self.kind(location)
        self.take_away(location)
        with pytest.raises(DataError):
            made.read()

    def test_it_is_registered_opened_and_refused_once_changed(self, tmp_path: Path) -> None:
        sets = DataSets(tmp_path / "state", "alice")
        location = self.write(tmp_path, ROWS)
        sets.add(SCHEMA, location)
        (record,) = (tmp_path / "state").rglob("*.json")
        assert json.loads(record.read_text())["source"] == self.kind.kind
        assert sets.open_rows("visits", ["age"]).words["age"].tolist() == [70, 0, 33]
        self.write(tmp_path, [*ROWS, ROWS[0]])
        with pytest.raises(DataError, match="changed"):
            sets.open_rows("visits", ["age"])
        self.take_away(location)
        with pytest.raises(DataError, match="gone") as refusal:
            sets.open_rows("visits")
        assert str(tmp_path) not in str(refusal.value)

    def test_a_schema_is_drafted_from_it(self, tmp_path: Path) -> None:
        rows = [{"age": str(20 + place), "sex": "fm"[place % 2]} for place in range(12)]
        drafted = draft_schema(self.kind(self.write(tmp_path, rows)))
        assert "[columns.age]" in drafted.schema_toml
        assert 'levels = ["f", "m"]' in drafted.schema_toml
