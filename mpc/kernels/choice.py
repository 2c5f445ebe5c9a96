"""Which kernels a party computes with."""

from __future__ import annotations

from typing import Final

from mpc.errors import ConfigError
from mpc.kernels import cuda, native
from mpc.kernels.reference import Kernels

#: What can be chosen; `auto` takes `native` where it is built.
NAMES: Final = ("auto", "reference", "native", "cuda")


def available() -> tuple[str, ...]:
    """What this installation has, `auto` aside."""
    lacks = {"native": native.library() is None, "cuda": bool(cuda.lacking())}
    return tuple(name for name in NAMES[1:] if not lacks.get(name))


def choose(name: str = "auto", threads: int = 1) -> Kernels:
    """The kernels of that name with `threads` threads. `ConfigError` if this machine has none such."""
    if name not in NAMES:
        raise ConfigError(f"There are no kernels {name!r}.", remedy=f"Choose one of {', '.join(NAMES)}.")
    if name == "reference" or (name == "auto" and native.library() is None):
        return Kernels(threads)
    if name == "cuda":
        return cuda.CudaKernels(choose("auto", threads))
    return native.NativeKernels(threads)
