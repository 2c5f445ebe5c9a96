"""Writes the generated modules of this room from `protos/`: `python -m parties.wire.generate`."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Final

from mpc.errors import ConfigError

HERE: Final = Path(__file__).resolve().parent
PROTOS: Final = HERE.parents[1] / "protos"
_PACKAGE: Final = "triune/v1"
_OUTPUTS: Final = ("python", "pyi", "grpc_python")


def generated() -> dict[str, str]:
    """File name -> text of every module that the current .proto files make.

    Raises ConfigError if grpcio-tools is not installed or the .proto files are refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        _compile(Path(folder))
        made = sorted((Path(folder) / _PACKAGE).iterdir())
        texts = {path.name: _rehome(path.read_text(encoding="utf-8")) for path in made}
    # A file without services has nothing to say to gRPC, but protoc writes a module all the same.
    return {name: text for name, text in texts.items() if name != "common_pb2_grpc.py"}


def stale() -> list[str]:
    """Names of modules in this folder that differ from what the .proto files make."""
    made = generated()
    present = {path.name: path.read_text(encoding="utf-8") for path in HERE.glob("*_pb2*.py*")}
    return sorted(name for name in made.keys() | present.keys() if made.get(name) != present.get(name))


def main() -> int:
    """Writes what is stale and removes what no .proto file makes any more."""
    made = generated()
    for name in stale():
        if name in made:
            (HERE / name).write_text(made[name], encoding="utf-8")
        else:
            (HERE / name).unlink()
    return 0


def _compile(folder: Path) -> None:
    try:
        protoc = import_module("grpc_tools.protoc")  # a development tool: nodes run without it
    except ImportError as error:
        raise ConfigError(
            "grpcio-tools is not installed, so the wire's code cannot be made.",
            remedy="Run it as `make protos`, which installs the development tools.",
        ) from error
    files = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / _PACKAGE).glob("*.proto"))
    outputs = [f"--{kind}_out={folder}" for kind in _OUTPUTS]
    if protoc.main(["protoc", f"-I{PROTOS}", *outputs, *files]):
        raise ConfigError("protoc refused the .proto files.", remedy="Read its message above.")


def _rehome(text: str) -> str:
    """Imports of the proto package point to this package."""
    return re.sub(r"^from triune\.v1 import", "from parties.wire import", text, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
