"""What a holder keeps of the questions that it served: their plans, and which of its rows each cohort had.

One file a question and one a version of the data, in `state/cohorts`. A file's name is an HMAC, its content
AES-256-GCM, under keys that are derived from the party's own:

    "TRC1" || version of the data (4) || nonce (12) || ciphertext and tag; associated: the first 8 bytes, name
    question = lengths of plan, cohorts, rows (4 each) || plan || signature (64) || masks, bit by bit
    version  = ids of the rows (8 each; `management.row_ids`)

A plan that names other holders alone is kept without masks, as of version 0.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mpc.errors import StorageError
from mpc.statistics.rows import Mask
from parties.identity.keys import SIGNATURE_BYTES, Identity
from parties.management.files import write_private
from parties.management.row_ids import RowIds
from parties.query.plan import SignedPlan

_MAGIC: Final = b"TRC1"
_HEADER: Final = struct.Struct(">4sI")
_LENGTHS: Final = struct.Struct(">III")
_NONCE_BYTES: Final = 12
_FOLDER: Final = "cohorts"
#: No version of the data: the plan was not this holder's.
FOREIGN: Final = 0


@dataclass(frozen=True, repr=False)
class Kept:
    """An earlier question: `masks` are packed bits, [cohorts, ceil(rows / 8)], of data of this `version`."""

    signed: SignedPlan
    version: int
    masks: npt.NDArray[np.uint8]
    rows: int

    def __repr__(self) -> str:
        return f"Kept(plan={self.signed.hash.hex()[:12]}, version={self.version}, masks redacted)"


@dataclass(frozen=True, repr=False)
class Laid:
    """Earlier cohorts over the present rows: `masks` [cohorts, present rows + gone ones].

    `gone`: the ids of the rows that are not there any more, in the order of the last columns.
    """

    masks: Mask
    gone: RowIds

    def __repr__(self) -> str:
        return "Laid(redacted)"


class CohortStore:
    """A holder's memory of cohorts. Any thread may call; what was put outlives a power cut.

    Every method raises `StorageError`, which names this party, for a file that cannot be read or written. It
    may reach other parties, so it tells no path; its cause does.
    """

    def __init__(self, state: Path, identity: Identity) -> None:
        self._folder, self._owner = state / _FOLDER, identity.name
        self._cipher = AESGCM(identity.storage_key("triune/cohorts/v1"))
        self._names = identity.storage_key("triune/cohorts/names/v1")
        #: Under which `row_ids` are made.
        self.row_key = identity.storage_key("triune/cohorts/rows/v1")

    # --- questions --------------------------------------------------------------------------------

    def put(self, signed: SignedPlan, dataset: str, version: int, masks: Mask, ids: RowIds) -> None:
        """Remember a question and its cohorts, `masks` [cohorts, rows], and the rows of this version."""
        if masks.shape[1] != ids.size:
            raise self.misfit()
        self.put_row_ids(dataset, version, ids)
        self._put_question(signed, version, masks)

    def put_foreign(self, signed: SignedPlan) -> None:
        """Remember a question that this holder had no part in."""
        self._put_question(signed, FOREIGN, np.zeros((0, 0), dtype=np.bool_))

    def _put_question(self, signed: SignedPlan, version: int, masks: Mask) -> None:
        lengths = _LENGTHS.pack(len(signed.plan), *masks.shape)
        packed = np.packbits(masks, axis=1).tobytes()
        content = lengths + signed.plan + signed.signature + packed
        self._write(self._question(signed.hash), version, content)

    def find(self, plan_hash: bytes) -> Kept | None:
        """What is remembered of a question; None if nothing is."""
        found = self._read(self._question(plan_hash))
        if found is None:
            return None
        version, content = found
        size, cohorts, rows = _LENGTHS.unpack_from(content)
        plan_end = _LENGTHS.size + size
        start = plan_end + SIGNATURE_BYTES
        signed = SignedPlan(content[_LENGTHS.size : plan_end], content[plan_end:start])
        masks = np.frombuffer(content, np.uint8, offset=start).reshape(cohorts, -(-rows // 8))
        return Kept(signed, version, masks, rows)

    def get(self, plan_hash: bytes) -> Kept:
        """The same; `StorageError` if nothing is remembered."""
        found = self.find(plan_hash)
        if found is None:
            raise self._lost("lacks the cohorts of an earlier question")
        return found

    def over(self, plan_hash: bytes, dataset: str, ids: RowIds) -> Laid:
        """The cohorts of one earlier question over the rows that have these `ids` now; many: `Overlay`."""
        return Overlay(self, dataset, ids).over(plan_hash)

    # --- rows -------------------------------------------------------------------------------------

    def find_row_ids(self, dataset: str, version: int) -> RowIds | None:
        """The rows of a version of the data; None if they are not remembered."""
        found = self._read(self._rows(dataset, version))
        return None if found is None else np.frombuffer(found[1], "<u8").astype(np.uint64)

    def get_row_ids(self, dataset: str, version: int) -> RowIds:
        """The same; `StorageError` if they are not remembered."""
        found = self.find_row_ids(dataset, version)
        if found is None:
            raise self._lost("lacks its memory of earlier rows")
        return found

    def put_row_ids(self, dataset: str, version: int, ids: RowIds) -> None:
        """Remember the rows of a version, once."""
        path = self._rows(dataset, version)
        if not path.exists():
            self._write(path, version, ids.astype("<u8").tobytes())

    # --- files ------------------------------------------------------------------------------------

    def _question(self, plan_hash: bytes) -> Path:
        return self._path(b"question", plan_hash)

    def _rows(self, dataset: str, version: int) -> Path:
        return self._path(b"rows", version.to_bytes(4, "big"), dataset.encode())

    def _path(self, *parts: bytes) -> Path:
        name = hmac.new(self._names, b"\0".join(parts), "sha256").hexdigest()[:40]
        return self._folder / f"{name}.cohorts"

    def _write(self, path: Path, version: int, content: bytes) -> None:
        header, nonce = _HEADER.pack(_MAGIC, version), os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content, header + path.name.encode())
        try:
            write_private(path, header + nonce + sealed)
        except OSError as error:
            raise self._failed("cannot write its memory of earlier cohorts", "space and rights") from error

    def _read(self, path: Path) -> tuple[int, bytes] | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("cannot read its memory of earlier cohorts", "its rights") from error
        header, nonce = data[: _HEADER.size], data[_HEADER.size : _HEADER.size + _NONCE_BYTES]
        try:
            magic, version = _HEADER.unpack(header)
            content = self._cipher.decrypt(
                nonce, data[_HEADER.size + _NONCE_BYTES :], header + path.name.encode()
            )
        except (InvalidTag, ValueError, struct.error) as error:
            raise self._lost("has a damaged memory of an earlier cohort, or one under other keys") from error
        if magic != _MAGIC:
            raise self._lost("has an earlier cohort of another version")
        return version, content

    def misfit(self) -> StorageError:
        """Cohorts and rows that are remembered have different lengths."""
        return self._lost("has cohorts that do not fit its memory of rows")

    def _lost(self, what: str) -> StorageError:
        return StorageError(
            f"{self._owner} {what}.",
            remedy="Its operator restores `state/cohorts` and the party's keys from their backup.",
            culprit=self._owner,
        )

    def _failed(self, what: str, check: str) -> StorageError:
        return StorageError(
            f"{self._owner} {what}.",
            remedy=f"Its operator checks the folder `state/cohorts`: {check}.",
            culprit=self._owner,
        )


class Overlay:
    """Earlier cohorts over one version of the rows; how versions lie on each other is found out once each."""

    def __init__(self, store: CohortStore, dataset: str, ids: RowIds) -> None:
        self._store, self._dataset, self._ids = store, dataset, ids
        self._order = np.argsort(ids, kind="stable")
        self._versions: dict[int, _Alignment] = {}

    def over(self, plan_hash: bytes) -> Laid:
        """The cohorts of an earlier question over the present rows, then over those that are gone.

        A row that is new is in no earlier cohort.
        """
        kept = self._store.get(plan_hash)
        if kept.version not in self._versions:
            self._versions[kept.version] = self._align(kept.version)
        found = self._versions[kept.version]
        if found.rows != kept.rows:
            raise self._store.misfit()
        masks = np.unpackbits(kept.masks, axis=1, count=kept.rows)
        if found.source is None:
            return Laid(masks.view(np.bool_), found.gone)
        padded = np.pad(masks, ((0, 0), (0, 1)))  # a column of zeros, for new rows
        return Laid(np.take(padded, found.source, axis=1, mode="clip").view(np.bool_), found.gone)

    def stacked(self, wanted: Sequence[tuple[bytes, int]]) -> Mask:
        """`[cohorts, present rows + gone ones]` of several questions, each with the number of its cohorts.

        A row that is gone has one column in all of them, and no record is in a cohort of other holders.
        Raises `StorageError` where the numbers are not those that are remembered.
        """
        laid = [self.over(plan_hash) for plan_hash, _ in wanted]
        gone = np.unique(np.concatenate([np.zeros(0, np.uint64), *(one.gone for one in laid)]))
        present, total = self._ids.size, sum(count for _, count in wanted)
        made = np.zeros((total, present + gone.size), dtype=np.bool_)
        start = 0
        for one, (_, count) in zip(laid, wanted, strict=True):
            if len(one.masks) not in (0, count):
                raise self._store.misfit()
            part = made[start : start + len(one.masks)]
            part[:, :present] = one.masks[:, :present]
            part[:, present + np.searchsorted(gone, one.gone)] = one.masks[:, present:]
            start += count
        return made

    def _align(self, version: int) -> _Alignment:
        nothing = np.zeros(0, np.uint64)
        then = nothing if version == FOREIGN else self._store.get_row_ids(self._dataset, version)
        if np.array_equal(then, self._ids):
            return _Alignment(then.size, None, nothing)
        place, stays = self._places(then)
        gone = np.flatnonzero(~stays)
        source = np.full(self._ids.size, then.size, dtype=np.intp)  # a new row: the column of zeros
        source[place[stays]] = np.flatnonzero(stays)
        return _Alignment(then.size, np.concatenate([source, gone]), then[gone])

    def _places(self, then: RowIds) -> tuple[npt.NDArray[np.intp], Mask]:
        """Where each earlier row is now, and whether it is. Within one version all ids differ."""
        if not self._ids.size:
            return np.zeros(then.size, np.intp), np.zeros(then.size, np.bool_)
        found = np.searchsorted(self._ids[self._order], then)
        place = self._order[np.minimum(found, self._ids.size - 1)]
        return place, self._ids[place] == then


@dataclass(frozen=True, repr=False)
class _Alignment:
    """For each present row, then each gone one, its column of `rows` earlier ones; None: the same rows."""

    rows: int
    source: npt.NDArray[np.intp] | None
    gone: RowIds
