"""The kinds of sources that Triune reads. A new one is a class beside `csv` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mpc.errors import DataError
from parties.management.sources.base import Source
from parties.management.sources.csv import CsvSource

#: Kind -> class; the first that recognises a location takes it.
SOURCES: Mapping[str, type[Source]] = MappingProxyType({kind.kind: kind for kind in (CsvSource,)})


def source_of(location: str) -> Source:
    """The source at a location that an operator named; `DataError` if no kind recognises it."""
    for kind in SOURCES.values():
        if kind.recognises(location):
            return kind(location)
    raise DataError(f"Triune cannot read from {location}.", remedy=f"It reads {', '.join(SOURCES)}.")


def open_source(kind: str, location: str) -> Source:
    """The source of a registration; `DataError` for a kind that this version does not have."""
    if kind not in SOURCES:
        raise DataError(
            f"This version reads no data of the kind {kind}.", remedy=f"It reads {', '.join(SOURCES)}."
        )
    return SOURCES[kind](location)
