"""`triune node`: running a party."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from parties.commands.output import say

Config = Annotated[Path, typer.Option(metavar="FILE", help="The node's settings.")]
NODE_TOML = Path("node.toml")

node = typer.Typer(
    no_args_is_help=True,
    help="""Run a party node, and see what it ran.

    \b
    Examples:
      triune node run --config node.toml
      triune node jobs --config node.toml
    """,
)


@node.command()
def run(config: Config = NODE_TOML) -> None:
    """Run this party until it is told to end (Ctrl-C or SIGTERM).

    A compute party opens one port; a holder opens none and dials out, also through HTTPS_PROXY.

    \b
    Examples:
      triune node run --config lindenhof/node.toml
      HTTPS_PROXY=http://proxy:3128 triune node run
    """
    from parties.node.app import run_node

    run_node(config)


@node.command()
def jobs(
    config: Config = NODE_TOML,
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
) -> None:
    """What this compute party ran or refused, for whom, and how it ended. The node may be running.

    \b
    Example:
      triune node jobs --config lindenhof/node.toml --count 100
    """
    from contextlib import closing

    from parties.node.config import load
    from parties.node.storage.table import store_of
    from parties.query.plan import parse_plan

    with closing(store_of(load(config), read_only=True)) as store:
        found = store.jobs(limit=count)
    for job in found:
        plan, fault = parse_plan(job.plan), job.fault
        created = datetime.fromtimestamp(job.created, UTC)
        ending = f" [{fault.code}] {fault.message}" if fault is not None else ""
        say(f"{job.plan_hash.hex()[:12]}  {created:%Y-%m-%d %H:%M} UTC  {job.analyst}  {plan.title}")
        say(f"{'':12}  {job.state}{ending}")
    if not found:
        say("No jobs yet.")
