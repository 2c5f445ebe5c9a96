"""The version of a data set's data at one holder: a number that only grows, also past `triune data remove`.

Other parties compare it: the same number says that nothing has changed since an earlier question.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.errors import CatalogueError
from parties.management.catalogue import MAX_VERSION
from parties.management.files import write_private

_SUFFIX = ".version"


class Known(BaseModel):
    """The last number of a data set, and the data that it is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1, le=MAX_VERSION)
    fingerprint: str
    schema_hash: str

    def next(self, fingerprint: str, schema_hash: str) -> Known:
        """The same if these are the same data, else one more."""
        if (self.fingerprint, self.schema_hash) == (fingerprint, schema_hash):
            return self
        return Known(version=self.version + 1, fingerprint=fingerprint, schema_hash=schema_hash)


def number(
    folder: Path, name: str, fingerprint: str, schema_hash: str, registered: Known | None = None
) -> int:
    """The version of these data, written down before it is used; `registered`: what their record says.

    Raises `CatalogueError`, for the operator, if the last number is not to be read: an old one must not serve
    other data again.
    """
    path = folder / f"{name}{_SUFFIX}"
    last = _last(path)
    if last is None or (registered is not None and registered.version > last.version):
        last = registered
    if last is None:
        made = Known(version=1, fingerprint=fingerprint, schema_hash=schema_hash)
    else:
        made = last.next(fingerprint, schema_hash)
    write_private(path, made.model_dump_json().encode())
    return made.version


def _last(path: Path) -> Known | None:
    try:
        return Known.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError):
        raise CatalogueError(
            f"The file {path} with the last version of the data cannot be read.",
            remedy="Restore it from the backup of this node's `state`, then add the data again.",
        ) from None
