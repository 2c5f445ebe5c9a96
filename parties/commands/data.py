"""`triune data`: what a holder registers, and how it is described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.commands.output import say

if TYPE_CHECKING:
    from parties.management.catalogue import Registration
    from parties.management.datasets import DataSets

data = typer.Typer(
    no_args_is_help=True,
    help="""Register data sets at a holder. Nothing is copied; data stay where they are.

    \b
    Examples:
      triune data draft gbsg2.csv --output gbsg2.schema.toml
      triune data add gbsg2.schema.toml gbsg2.csv --config node.toml
      triune data list --config node.toml
    """,
)
Config = Annotated[Path, typer.Option(metavar="FILE", help="The node's settings.")]
NODE_TOML = Path("node.toml")


@data.command()
def draft(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Where the data are: a CSV file.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the schema.")] = None,
    minimum_count: Annotated[int, typer.Option(help="Levels with fewer rows are left out and named.")] = 5,
) -> None:
    """Propose a schema for data: types are seen, ranges only suggested.

    Ranges are public. Take them from the data dictionary, never from the data, then set confirmed = true.

    \b
    Example:
      triune data draft gbsg2.csv --output gbsg2.schema.toml
    """
    from parties.management.draft import draft_schema
    from parties.management.sources.table import source_of

    report = draft_schema(source_of(source), minimum_count)
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    if output is None:
        typer.echo(report.schema_toml, nl=False)
        return
    _refuse_overwriting(output)
    output.write_text(report.schema_toml, encoding="utf-8")
    say(f"Wrote {output}. Set each range from the data dictionary, then: triune data add {output} {source}")


def _refuse_overwriting(path: Path) -> None:
    from mpc.errors import ConfigError

    if path.exists():
        raise ConfigError(f"There is a file already: {path}.", remedy="Choose another path for --output.")


@data.command()
def add(
    schema: Annotated[Path, typer.Argument(metavar="SCHEMA", help="The schema file all holders agreed on.")],
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="This holder's own data: a CSV file.")],
    config: Config = NODE_TOML,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before registering.")] = False,
) -> None:
    """Check data against their schema and register them. Changed data must be added again.

    \b
    Examples:
      triune data add gbsg2.schema.toml gbsg2.csv --config lindenhof/node.toml
      triune data add gbsg2.schema.toml gbsg2.csv --yes
    """
    from parties.management.schema_file import load_schema

    sets = _sets(config)
    described = load_schema(schema)
    if not yes:
        for column in described.columns:
            extent = ", ".join(column.all_levels) if column.is_category else f"{column.min} to {column.max}"
            say(f"  {column.name:20} {column.kind.value:9} {extent} {column.unit}".rstrip())
        _confirm(f"Everybody in the consortium will see this of {described.name}. Register it?")
    _show(sets.add(described, source), "Registered")


def _confirm(question: str) -> None:
    from mpc.errors import ConfigError

    try:
        typer.confirm(question, abort=True)
    except typer.Abort:
        typer.echo()
        raise ConfigError(
            "Nothing was registered, for nobody said yes.", remedy="Answer y, or run it again with --yes."
        ) from None


@data.command("list")
def list_(config: Config = NODE_TOML) -> None:
    """The data sets that this holder has registered.

    \b
    Example:
      triune data list --config lindenhof/node.toml
    """
    sets = _sets(config)
    found, damaged = sets.list(), sets.damaged()
    for registration in found:
        _show(registration, "")
    for name in damaged:
        say(f"{name}: damaged or of an older version, so not served. Run for it again: triune data add")
    if not found and not damaged:
        say("Nothing is registered. Add a data set with: triune data add SCHEMA SOURCE")


@data.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name.")],
    config: Config = NODE_TOML,
) -> None:
    """Forget a data set. The data themselves are not touched.

    \b
    Example:
      triune data remove gbsg2 --config lindenhof/node.toml
    """
    _sets(config).remove(name)
    say(f"{name} is no longer registered here.")


def _show(registration: Registration, verb: str) -> None:
    say(
        f"{verb} {registration.dataset}: at most {registration.rows_at_most} rows, "
        f"{len(registration.catalogue.columns)} columns, schema {registration.catalogue.hash[:12]}, "
        f"version {registration.version}".strip()
    )


def _sets(config: Path) -> DataSets:
    from parties.management.datasets import DataSets
    from parties.node.config import load

    settings = load(config)
    return DataSets(settings.state, settings.name)
