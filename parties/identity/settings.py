"""The configuration files a new party starts from: node.toml and analyst.toml, with their comments.

Paths in them are relative to the folder of the file itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from parties.identity.toml import quoted

NODE_FILE: Final = "node.toml"
ANALYST_FILE: Final = "analyst.toml"
KEYS_FOLDER: Final = "keys"
STATE_FOLDER: Final = "state"

_NODE_ROLES: Final = frozenset({"holder", "compute", "authority", "witness"})

_COMMON: Final = """\
name = {name}
# The file that every member signed; it pins everybody's keys. Paths are relative to this file.
consortium = {consortium}
# This party's two private keys. Nobody else ever gets them; keep a backup.
keys = "keys"
"""

_STATE: Final = """\
# Data sets, jobs and logs of this node.
state = "state"
"""

_LISTEN: Final = """\
# The one port that this node opens, for mutual TLS. Peers dial the address in the consortium file;
# behind a port forwarding this may differ from it, as in "0.0.0.0:7001".
listen = {listen}
"""

_POLICY: Final = """\
# debug, info, warning or error. No level ever logs data or keys.
log_level = "info"

[policy]
# Groups of fewer records stay closed. The strictest party of a query wins.
minimum_count = 5
# Whether minimum and maximum, which are single records, may open. All holders must agree.
allow_extremes = false
"""

_COMPUTE: Final = """
[compute]
# Threads that one computation may use.
threads = 1
# What computes: auto, native (C, where it was built), reference (torch) or cuda (a GPU).
# `triune doctor` tries them.
kernels = "auto"
# A second port, for lanes: TLS sockets that carry the data of computations faster than gRPC does. 0 lets the
# system choose. Without the key data goes over the links; a peer that cannot reach the port does the same.
{lane_port}
# Seconds after which a silent peer ends the computation.
round_timeout_s = 30
"""


def write_settings(
    folder: Path, name: str, roles: frozenset[str], *, consortium: str, address: str, sandbox: bool = False
) -> Path:
    """Writes node.toml, or analyst.toml for a party that only asks, into `folder`, and returns its path."""
    if not roles & _NODE_ROLES:
        return _write(folder / ANALYST_FILE, _heading(name, "analyst", consortium))
    (folder / STATE_FOLDER).mkdir(mode=0o700, exist_ok=True)
    text = _heading(name, "party node", consortium) + _STATE
    text += _LISTEN.format(listen=quoted(address)) if "compute" in roles else ""
    text += _POLICY
    text += (
        _COMPUTE.format(lane_port="lane_port = 0" if sandbox else "# lane_port = 7101")
        if "compute" in roles
        else ""
    )
    return _write(folder / NODE_FILE, text)


def _heading(name: str, kind: str, consortium: str) -> str:
    return f"# The {kind} {name}.\n" + _COMMON.format(name=quoted(name), consortium=quoted(consortium))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
