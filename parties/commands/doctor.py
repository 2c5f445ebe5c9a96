"""`triune doctor`: what this machine computes with, and how fast."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.commands.output import say

if TYPE_CHECKING:
    from mpc.kernels import Kernels
    from parties.node.config import PolicyConfig


def doctor(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A node's settings, whose threads and kernels to try.")
    ] = None,
) -> None:
    """Show kernels, threads and devices, and try the kernels for a second against the reference.

    Without --config: the settings of a new node, so one thread.

    \b
    Examples:
      triune doctor
      triune doctor --config lindenhof/node.toml
    """
    import torch

    from mpc.kernels import NAMES, available
    from parties.node.config import ComputeConfig, load
    from parties.node.machine import prepare

    node = load(config) if config else None
    settings = node.compute if node else ComputeConfig()
    kernels = prepare(settings)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    say(f"kernels   {kernels.name}; here: {', '.join(available())}; can be chosen: {', '.join(NAMES)}")
    say(f"threads   {settings.threads} a computation, of {cores} cores that this process may use")
    if settings.threads > cores:
        say("          more threads than cores: parties that wait for each other's cores take longer")
    say(f"torch     {torch.__version__}; CUDA device: {_cuda()}")
    if "native" not in available():
        say("          no native kernels: install a C compiler (Debian: apt install gcc) and Triune again")
    if node is not None:
        _policy(node.policy)
    _try(kernels)


def _policy(policy: PolicyConfig) -> None:
    """Every term that this party demands, and which of them are not its preset's."""
    from parties.node.config import OF_PRESET, PolicyConfig

    start = PolicyConfig(preset=policy.preset)
    say(f"policy    preset {policy.preset}")
    for name, value in policy.model_dump().items():
        own = "" if value == getattr(start, name) else f" (the preset: {getattr(start, name)})"
        if name in OF_PRESET:
            say(f"          {name} = {value}{own}")


def _try(kernels: Kernels) -> None:
    """A table of all trials. Raises `ConfigError` if a kernel computes something else than the reference."""
    from rich.console import Console
    from rich.table import Table

    from mpc.errors import ConfigError
    from mpc.kernels import trials

    made = trials(kernels)
    shown = Table("kernel", "rate", "times the reference", "equal", box=None)
    for trial in made:
        rate = f"{trial.rate:,.0f} M {trial.unit}"
        shown.add_row(trial.name, rate, f"{trial.ratio:.1f}", "bit for bit" if trial.equal else "NO")
    Console().print(shown)
    if not all(trial.equal for trial in made):
        raise ConfigError(
            f"The kernels {kernels.name} compute wrong results on this machine.",
            remedy='Set kernels = "reference" in [compute] of node.toml, and report the processor.',
        )


def _cuda() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
