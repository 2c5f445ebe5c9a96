"""`triune node`: running a party."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

node = typer.Typer(
    no_args_is_help=True,
    help="""Run a party node.

    \b
    Example:
      triune node run --config node.toml
    """,
)


@node.command()
def run(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The node's settings.")] = Path("node.toml"),
) -> None:
    """Run this party until it is told to end (Ctrl-C or SIGTERM).

    A compute party opens one port; a holder opens none and dials out, also through HTTPS_PROXY.

    \b
    Examples:
      triune node run --config lindenhof/node.toml
      HTTPS_PROXY=http://proxy:3128 triune node run
    """
    from parties.node.app import run_node

    run_node(config)
