"""Reading TOML with errors an operator can act on, and the two helpers that write it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError says which `what` could not be read and why."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The {what} {path} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The {what} {path} is not TOML ({error}).", remedy="Correct the line named."
        ) from error


def quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's too, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def array(texts: Iterable[str]) -> str:
    """A TOML array of strings on one line."""
    return f"[{', '.join(quoted(text) for text in texts)}]"
