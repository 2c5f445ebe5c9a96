"""The command `triune`. Each command lives in `parties.commands`; this file only joins them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from parties.commands import asking, setup
from parties.commands.data import data
from parties.commands.demo import demo
from parties.commands.doctor import doctor
from parties.commands.node import node
from parties.commands.output import ReportingGroup

app = typer.Typer(
    cls=ReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show Python tracebacks of errors.")] = False,
) -> None:
    """Joint statistics on health records that stay where they are.

    \b
    Examples:
      triune demo                                  five hospitals on this machine, real patients
      triune query gbsg2 --stat mean:tsize --by horTh --where 'age >= 50'
      triune node run --config node.toml
      triune --debug jobs                          with a traceback if something fails
    """


app.command()(demo)
app.command()(setup.init)
app.command()(doctor)
app.add_typer(setup.party, name="party")
app.add_typer(node, name="node")
app.add_typer(data, name="data")
for command in asking.COMMANDS:
    app.command()(command)


def main() -> None:
    """Entry point of `triune` and of `python -m parties.cli`."""
    # gRPC's own lines on stderr repeat what our errors say; GRPC_VERBOSITY=INFO brings them back.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    app(prog_name="triune")


if __name__ == "__main__":
    main()
