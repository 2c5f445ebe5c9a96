"""Writes the generated modules: `python -m parties.wire.generate`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from mpc.errors import ConfigError

HERE = Path(__file__).parent
PROTOS = HERE.parents[1] / "protos"
_PACKAGE = "triune/v1"


def generated() -> dict[str, str]:
    """File name -> text of every module that the current .proto files make."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / _PACKAGE).glob("*.proto"))
        out = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "pyi")]
        if protoc.main(["protoc", f"-I{PROTOS}", *out, *files]):
            raise ConfigError("protoc refused the .proto files.", remedy="Read its message above.")
        made = sorted((Path(folder) / _PACKAGE).iterdir())
        return {path.name: _rehome(path.read_text()) for path in made if path.stat().st_size}


def _rehome(text: str) -> str:
    """Imports of the proto package point to this package."""
    return re.sub(r"\bfrom triune\.v1 import", "from parties.wire import", text)


def stale() -> list[str]:
    """Names of committed modules that differ from what the .proto files make."""
    made = generated()
    present = {path.name: path.read_text() for path in HERE.glob("*_pb2*.py*")}
    return sorted(name for name in made.keys() | present.keys() if made.get(name) != present.get(name))


def main() -> int:
    """Writes the code."""
    for name, text in generated().items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
