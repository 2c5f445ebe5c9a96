"""Names in a party's folder: its settings, its keys, what its node keeps."""

from __future__ import annotations

from typing import Final

NODE_FILE: Final = "node.toml"
ANALYST_FILE: Final = "analyst.toml"
KEYS_FOLDER: Final = "keys"
STATE_FOLDER: Final = "state"
