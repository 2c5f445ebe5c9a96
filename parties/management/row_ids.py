"""Names for a holder's rows by what is in them, so that an earlier cohort is found again in other data.

id = the first 8 bytes of keyed BLAKE2b(the row's words and presence by column name, place among equal rows).
Rows that are alike are numbered in the order of the data. The key is the holder's own: ids tell nobody else
anything. A row that was edited in any column is another row.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.statistics.rows import Rows

RowIds = npt.NDArray[np.uint64]
#: Rows are hashed in pieces, so that wide data do not take their size in memory twice.
PIECE_BYTES: Final = 16 << 20


def row_ids(rows: Rows, key: bytes) -> RowIds:
    """`[rows]` one for each row, whatever is selected; `rows` has all columns. About 1 us a row."""
    names = sorted(rows.words)
    plain = np.zeros(rows.count, dtype=np.int64)
    found = _hashed(rows, names, key, plain, np.arange(rows.count))
    places = _places_among_equals(found)
    again = np.flatnonzero(places)
    if again.size:
        found[again] = _hashed(rows, names, key, places, again)
    return found


def _places_among_equals(found: RowIds) -> npt.NDArray[np.int64]:
    """`[rows]` how many equal ones stand before each."""
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: found.size])
    lengths = np.diff(np.append(starts, found.size))
    places = np.empty(found.size, dtype=np.int64)
    places[order] = np.arange(found.size) - np.repeat(starts, lengths)
    return places


def _hashed(
    rows: Rows, names: list[str], key: bytes, places: npt.NDArray[np.int64], chosen: npt.NDArray[np.intp]
) -> RowIds:
    """The ids of the rows `chosen`, with their places among equals."""
    width = 8 * (len(names) + 1) + -(-len(names) // 8)
    step = max(1, PIECE_BYTES // width)
    digests: list[bytes] = []
    for start in range(0, chosen.size, step):
        part = chosen[start : start + step]
        content = memoryview(_content(rows, names, places, part))
        digests += [
            hashlib.blake2b(content[end - width : end], key=key, digest_size=8).digest()
            for end in range(width, part.size * width + 1, width)
        ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _content(
    rows: Rows, names: list[str], places: npt.NDArray[np.int64], part: npt.NDArray[np.intp]
) -> bytes:
    """Row by row: the words in 8 bytes each, 0 where there is none; which there are, in bits; the place."""
    present = np.stack([rows.present[name][part] for name in names], axis=1)
    words = np.stack([rows.words[name][part] for name in names], axis=1)
    fixed = np.concatenate([np.where(present, words, 0), places[part, None]], axis=1).astype("<i8")
    return np.concatenate([fixed.view(np.uint8), np.packbits(present, axis=1)], axis=1).tobytes()
