"""Kinds of sources: the contract over CSV, and over JSON lines, a member that only this file knows."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pytest

from mpc.errors import DataError
from parties.management.sources import table
from parties.management.sources.base import Snapshot, Source
from parties.management.sources.csv import CsvSource
from parties.management.sources.table import open_source, source_of
from tests.management.source_contract import ROWS, SourceContract, Table


class JsonLines(Source):
    """One object of texts a line."""

    kind = "json-lines"

    def __init__(self, location: str) -> None:
        self._path = Path(location).resolve()
        self.location, self.name = str(self._path), self._path.name

    @classmethod
    def recognises(cls, location: str) -> bool:
        return location.endswith(".jsonl")

    def read(self, names: Collection[str] | None = None) -> Snapshot:
        try:
            content = self._path.read_bytes()
        except OSError:
            raise DataError(f"{self.name} cannot be read.") from None
        rows = [json.loads(line) for line in content.splitlines()]
        chosen = [name for name in rows[0] if names is None or name in names]
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in chosen}
        return Snapshot(len(rows), pa.table(columns), hashlib.sha256(content).hexdigest())

    def place(self, row: int) -> str:
        return f"object {row + 1}"


class TestCsv(SourceContract):
    kind = CsvSource

    def write(self, folder: Path, rows: Table) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        (folder / "visits.csv").write_text(text.getvalue())
        return str(folder / "visits.csv")

    def take_away(self, location: str) -> None:
        Path(location).unlink()

    @pytest.mark.parametrize(
        "content",
        [
            b"\xef\xbb\xbfage,sex\n70,f\n,m\n33,\xc3\xa9\n",
            b"age;sex\r\n70;f\r\n;m\r\n33;\xc3\xa9\r\n",
            b'"age"\t sex \n70\t"f"\n\tm\n33\t\xc3\xa9\n',
            b"\n\nage,sex\n70,f\n,m\n33,\xc3\xa9",
        ],
        ids=["byte order mark", "semicolons", "tabs and blanks", "empty lines"],
    )
    def test_files_as_programs_write_them(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "visits.csv").write_bytes(content)
        found = CsvSource(str(tmp_path / "visits.csv")).read()
        assert found.table.to_pylist() == list(ROWS)
        assert found.fingerprint == hashlib.sha256(content).hexdigest()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "no CSV file"),
            (b"age,sex\n1,\xff\n", "no CSV file"),
            (b"age,sex\n1,f\n2\n", "Line 3"),
            (b"age,sex\n1,f,x\n", "Line 2"),
            (b"age,age \n1,2\n", "two columns called age"),
        ],
        ids=["empty", "no UTF-8", "too few cells", "too many cells", "a name twice"],
    )
    def test_what_is_no_table_is_refused(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "visits.csv").write_bytes(content)
        with pytest.raises(DataError, match=words):
            CsvSource(str(tmp_path / "visits.csv")).read()

    def test_a_file_of_many_blocks_is_hashed_to_its_end(self, tmp_path: Path) -> None:
        content = b"age,sex\n" + b"12,f\n" * (1 << 20)
        (tmp_path / "visits.csv").write_bytes(content)
        found = CsvSource(str(tmp_path / "visits.csv")).read(["age"])
        assert found.count == 1 << 20
        assert found.fingerprint == hashlib.sha256(content).hexdigest()

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            CsvSource(str(tmp_path)).read()


class TestJsonLines(SourceContract):
    kind = JsonLines

    @pytest.fixture(autouse=True)
    def _listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "SOURCES", {JsonLines.kind: JsonLines, **table.SOURCES})

    def write(self, folder: Path, rows: Table) -> str:
        (folder / "visits.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return str(folder / "visits.jsonl")

    def take_away(self, location: str) -> None:
        Path(location).unlink()


def test_what_no_kind_recognises_is_refused() -> None:
    with pytest.raises(DataError, match="cannot read from https://example"):
        source_of("https://example/visits")
    with pytest.raises(DataError, match="no data of the kind tape"):
        open_source("tape", "visits")
