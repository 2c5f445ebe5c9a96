"""A holder's registered data sets: where each lies and what of it is public.

Nothing is copied. Data that changed since their registration are refused, so a query never runs on data
that nobody checked. Errors of `list`, `find` and `open_rows` may reach other parties: they tell no path, no
other data set and no place of a fault. Those of `add` and `remove` are for the operator.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from mpc.errors import CatalogueError, DataError, TriuneError
from mpc.statistics.rows import Rows
from parties.management import versions
from parties.management.catalogue import Registration, Schema
from parties.management.files import write_private
from parties.management.reading import read_rows
from parties.management.sources.table import open_source, source_of

MIN_ROWS_AT_MOST = 10
_FOLDER = "datasets"
_log = structlog.get_logger("triune.datasets")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    registration: Registration
    source: str
    location: str
    fingerprint: str


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

    def add(self, schema: Schema, location: str | Path) -> Registration:
        """Check all data at a location against the schema and remember them; a damaged record is replaced.

        Other data than the last of that name, also of a set that was removed, get the next version. Raises
        `DataError` that names place and column, or `CatalogueError` if another schema is registered.
        """
        source = source_of(str(location))
        rows, fingerprint = read_rows(source, schema)
        known = self._file(schema.name)
        record = _parse(known) if known is not None else None
        if record is not None and record.registration.catalogue.hash != schema.hash:
            raise CatalogueError(
                f"{schema.name} is registered here with another schema.",
                remedy=f"Run `triune data remove {schema.name}` first.",
            )
        registration = Registration(
            dataset=schema.name,
            holder=self._holder,
            rows_at_most=rounded_up(rows.count),
            version=versions.number(self._folder, schema.name, fingerprint, schema.hash, _known(record)),
            catalogue=schema,
        )
        self._write(
            _Record(
                registration=registration,
                source=source.kind,
                location=source.location,
                fingerprint=fingerprint,
            )
        )
        return registration

    def list(self) -> tuple[Registration, ...]:
        """All registrations that can be read, by name; those that cannot are in `damaged`."""
        found = (_parse(path) for path in self._files())
        return tuple(record.registration for record in found if record is not None)

    def damaged(self) -> tuple[str, ...]:
        """Names of registrations that are damaged or of another version; `add` or `remove` mends them."""
        return tuple(path.stem for path in self._files() if _parse(path) is None)

    def find(self, name: str) -> Registration:
        """One registration; the others are not read. Raises `CatalogueError`."""
        return self._record(name).registration

    def stamp(self) -> Hashable:
        """Changes whenever a registration is added, replaced or removed; nothing is parsed for it."""
        return tuple((path.name, *_state(path)) for path in self._files())

    def remove(self, name: str) -> None:
        """Forget a data set; its data are not touched. Raises `CatalogueError` if it is not registered."""
        path = self._file(name)
        if path is None:
            known = ", ".join(path.stem for path in self._files()) or "none yet"
            raise CatalogueError(f"No data set {name!r} is registered here.", remedy=f"Registered: {known}.")
        path.unlink()

    def open_rows(self, name: str, columns: Iterable[str] | None = None) -> Rows:
        """The rows of a registered data set, checked again; only `columns` of them (None: all).

        Raises `CatalogueError` if it is not registered, and `DataError` if its data are gone or have changed;
        why is in the node's log.
        """
        record = self._record(name)
        try:
            source = open_source(record.source, record.location)
            rows, fingerprint = read_rows(source, record.registration.catalogue, columns)
        except DataError as error:
            _log.warning("data not readable", dataset=name, reason=error.message)
            raise self._changed(name) from None
        if fingerprint != record.fingerprint:
            _log.warning("data changed since they were registered", dataset=name, location=record.location)
            raise self._changed(name)
        return rows

    def _record(self, name: str) -> _Record:
        path = self._file(name)
        if path is None:
            raise CatalogueError(
                f"{self._holder} holds no data set {name!r}.",
                remedy="Fetch the catalogue again and retry.",
                culprit=self._holder,
            )
        record = _parse(path)
        if record is None:
            _log.warning("registration damaged", dataset=name)
            raise self._unusable(CatalogueError, f"The registration of {name} at {self._holder} is damaged.")
        return record

    def _changed(self, name: str) -> TriuneError:
        return self._unusable(
            DataError, f"The data of {name} at {self._holder} are gone or have changed since registration."
        )

    def _unusable(self, kind: type[TriuneError], message: str) -> TriuneError:
        return kind(
            message,
            remedy="Ask its operator to look into the node's log and to run `triune data add` again.",
            culprit=self._holder,
        )

    def _files(self) -> tuple[Path, ...]:
        return tuple(sorted(self._folder.glob("*.json")))

    def _file(self, name: str) -> Path | None:
        """By comparison, so that no name leads out of the folder."""
        return next((path for path in self._files() if path.stem == name), None)

    def _write(self, record: _Record) -> None:
        name = record.registration.dataset
        write_private(self._folder / f"{name}.json", record.model_dump_json(indent=1).encode())


def _parse(path: Path) -> _Record | None:
    """None for a record that is damaged, of an older version, or not what its file is called."""
    try:
        record = _Record.model_validate_json(path.read_bytes())
    except (ValidationError, OSError):
        return None
    return record if record.registration.dataset == path.stem else None


def _known(record: _Record | None) -> versions.Known | None:
    if record is None:
        return None
    told = record.registration
    return versions.Known(
        version=told.version, fingerprint=record.fingerprint, schema_hash=told.catalogue.hash
    )


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:  # removed a moment ago
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
