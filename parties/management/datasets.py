"""A holder's registered data sets: where each file lies and what of it is public.

Nothing is copied. A file that changed since its registration is refused, so a query never runs on
data that nobody checked.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mpc.errors import CatalogueError, DataError
from mpc.statistics.rows import Rows
from parties.management.catalogue import Registration
from parties.management.reading import read_rows
from parties.management.schema_file import load_schema

MIN_ROWS_AT_MOST = 10
_FOLDER = "datasets"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    registration: Registration
    path: str
    sha256: str


def rounded_up(rows: int) -> int:
    """The next of 1, 2, 5 times a power of ten, at least 10: a public bound that hides the row count."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= max(rows, MIN_ROWS_AT_MOST):
                return step * power
        power *= 10


class DataSets:
    """The data sets of one holder, one JSON file each under `state/datasets`, readable by it alone."""

    def __init__(self, state: Path, holder: str) -> None:
        self._folder = state / _FOLDER
        self._holder = holder

    def add(self, schema_path: Path, data_path: Path) -> Registration:
        """Check the whole file against the schema and remember it. Raises `DataError` or `CatalogueError`."""
        schema = load_schema(schema_path)
        rows = read_rows(data_path, schema)
        record = self._find(schema.name)
        if record is not None and record.registration.catalogue.hash != schema.hash:
            raise CatalogueError(
                f"{schema.name} is registered here with another schema.",
                remedy=f"Run `triune data remove {schema.name}` first.",
            )
        registration = Registration(
            dataset=schema.name, holder=self._holder, rows_at_most=rounded_up(rows.count), catalogue=schema
        )
        made = _Record(registration=registration, path=str(data_path.resolve()), sha256=_digest(data_path))
        self._write(schema.name, made)
        return registration

    def list(self) -> tuple[Registration, ...]:
        """All registrations, by name."""
        found = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        return tuple(_parse(path).registration for path in found)

    def remove(self, name: str) -> None:
        """Forget a data set; its file is not touched."""
        if self._find(name) is None:
            raise self._unknown(name)
        self._file(name).unlink()

    def open_rows(self, name: str) -> Rows:
        """The rows of a registered data set, checked again. Raises `DataError` if the file changed."""
        record = self._find(name)
        if record is None:
            raise self._unknown(name)
        path = Path(record.path)
        if not path.is_file() or _digest(path) != record.sha256:
            raise DataError(
                f"The file of {name} is gone or has changed since it was registered.",
                remedy="Run `triune data add` again.",
            )
        return read_rows(path, record.registration.catalogue)

    def _find(self, name: str) -> _Record | None:
        path = self._file(name)
        return _parse(path) if path.is_file() else None

    def _file(self, name: str) -> Path:
        return self._folder / f"{Path(name).name}.json"

    def _unknown(self, name: str) -> CatalogueError:
        known = ", ".join(item.dataset for item in self.list()) or "none yet"
        return CatalogueError(f"No data set {name!r} is registered here.", remedy=f"Registered: {known}.")

    def _write(self, name: str, record: _Record) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f".{name}.tmp"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(record.model_dump_json(indent=1))
        draft.replace(self._file(name))


def _parse(path: Path) -> _Record:
    try:
        return _Record.model_validate_json(path.read_text())
    except (ValidationError, OSError):
        raise CatalogueError(
            f"The registration {path} is damaged.", remedy="Delete it and run `triune data add` again."
        ) from None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"The file {path} cannot be read.", remedy="Check path and rights.") from error
