"""This process's share of the machine: its threads, its kernels, and the memory that it keeps."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Final

from parties.node.config import ComputeConfig

if TYPE_CHECKING:
    from mpc.kernels import Kernels

# glibc's mallopt(3), by number.
_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8
_NEVER: Final = 2**31 - 1


def prepare(settings: ComputeConfig) -> Kernels:
    """Size torch's pool and the kernels' own, and keep freed memory. Before the first computation."""
    import torch

    from mpc.kernels import choose

    torch.set_num_threads(settings.threads)
    keep_memory()
    return choose(settings.kernels, settings.threads)


def keep_memory() -> None:
    """Let what one operation frees serve the next, rather than go to the system and come back page by page.

    Fresh pages of a vector of 10^7 words cost more than the arithmetic on them. Linux with glibc
    alone; elsewhere nothing changes.
    """
    libc = _libc()
    if libc is not None:
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_ARENA_MAX, 1)):
            libc.mallopt(option, value)


def give_back_memory() -> None:
    """What is free goes to the system: after a job, which may have been the day's largest."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
