"""`triune query`, `jobs`, `status`, `result` and `cancel`: what an analyst does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.commands.output import say

if TYPE_CHECKING:
    from mpc.statistics.results import Result
    from parties.client import Space

ANALYST_TOML = Path("analyst.toml")
Config = Annotated[Path, typer.Option(metavar="FILE", help="The analyst's settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's hash, or its first digits.")]


def query(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name.")],
    stat: Annotated[
        list[str], typer.Option(metavar="KIND[:COLUMNS[:NUMBERS]]", help="A statistic; may be repeated.")
    ],
    by: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A grouping column; may be repeated.")
    ] = None,
    where: Annotated[str, typer.Option(metavar="FILTER", help="Only records for which this is true.")] = "",
    holder: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these holders; may be repeated.")
    ] = None,
    study: Annotated[str, typer.Option(metavar="NAME", help="The study that the question is part of.")] = "",
    config: Config = ANALYST_TOML,
    as_json: AsJson = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would run and open, and do not run it.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Also say what the result discloses, and what stayed closed.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Submit, print the job's hash, and leave.")
    ] = False,
) -> None:
    """Ask a joint question of all holders of a data set, or of those that are named.

    `triune statistics` lists the kinds.
    Groups of fewer records than the parties' minimum count stay closed and print as "suppressed".

    \b
    Examples:
      triune query gbsg2 --stat count
      triune query gbsg2 --stat mean:tsize --by horTh --where 'age >= 50'
      triune query gbsg2 --stat quantiles:age:10,50,90 --stat histogram:age:20,40,60,80
      triune query gbsg2 --stat correlation:age,tsize,pnodes --json
      triune query gbsg2 --stat count --holder lindenhof --holder seeklinik
      triune query gbsg2 --stat describe:age --explain
      triune query gbsg2 --stat describe:age --report
      triune query gbsg2 --stat describe:age --detach
    """
    from parties.query.filters import parse
    from parties.query.text import parse_statistic

    specs = [parse_statistic(text) for text in stat]
    condition = parse(where) if where else None
    with _space(config) as space:
        columns = [name for text in by or [] for name in text.split(",")]
        asked = space.dataset(dataset, holders=holder or (), study=study).group_by(*columns)
        asked = asked if condition is None else asked.where(condition)
        if explain:
            told = asked.explain(*specs)
            say(json.dumps(told.splitlines(), indent=2) if as_json else told)
            return
        job = asked.submit(*specs)
        if detach:
            say(json.dumps({"job": job.hash}) if as_json else job.hash)
            return
        _show(job.results(), as_json, report)


def datasets(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="Show this data set's columns.")] = "",
    config: Config = ANALYST_TOML,
) -> None:
    """The data sets that can be asked, and who holds them; or one data set's columns.

    \b
    Examples:
      triune datasets
      triune datasets gbsg2 --config sandbox/alice/analyst.toml
    """
    with _space(config) as space:
        if name:
            say(repr(space.dataset(name)))
            return
        held = space.datasets()
    for dataset, holders in held.items():
        say(f"{dataset:24} {', '.join(holders)}")
    if not held:
        say("Nothing is registered yet. A holder registers with: triune data add SCHEMA FILE")


def statistics() -> None:
    """The statistics that can be asked for, and how each is written after --stat.

    \b
    Example:
      triune statistics
    """
    from mpc.statistics.table import STATISTICS

    for one in STATISTICS:
        first = (one.__doc__ or "").splitlines()[0]
        say(f"{one.kind:12} {first}\n{'':12} --stat {one.example}")


def jobs(config: Config = ANALYST_TOML, as_json: AsJson = False) -> None:
    """This analyst's jobs, newest first, as the compute parties know them.

    \b
    Examples:
      triune jobs
      triune jobs --config sandbox/alice/analyst.toml --json
    """
    with _space(config) as space:
        found = [(job, job.status()) for job in space.jobs()]
    if as_json:
        say(json.dumps([{"job": job.hash, "title": job.title, "state": state.state} for job, state in found]))
        return
    for job, state in found:
        say(f"{job.short}  {state.state:10}  {job.created:%Y-%m-%d %H:%M} UTC  {job.title}")
    if not found:
        say("No jobs yet. Ask with: triune query DATASET --stat count")


def status(job: JobArgument, config: Config = ANALYST_TOML) -> None:
    """What each compute party says of a job.

    \b
    Example:
      triune status 3f9a12
    """
    with _space(config) as space:
        found = space.job(job)
        state = found.status()
    say(f"{found.short}  {found.title}")
    for party, told in state.parties.items():
        say(f"  {party:32} {told}")
    say(f"{state.state}{f': {state.error}' if state.error is not None else ''}")


def result(
    job: JobArgument,
    config: Config = ANALYST_TOML,
    as_json: AsJson = False,
    report: Annotated[bool, typer.Option("--report", help="Also say what the result discloses.")] = False,
) -> None:
    """The result of a job; waits for it if it still runs.

    \b
    Examples:
      triune result 3f9a12
      triune result 3f9a12 --json
    """
    with _space(config) as space:
        _show(space.job(job).results(), as_json, report)


def cancel(job: JobArgument, config: Config = ANALYST_TOML) -> None:
    """End a job at all compute parties; nothing of it is released.

    \b
    Example:
      triune cancel 3f9a12
    """
    with _space(config) as space:
        found = space.job(job)
        state = found.cancel()
    say(f"{found.short} is {state.state}.")


def _space(config: Path) -> Space:
    from parties.client import connect

    return connect(config)


def _show(results: Iterable[Result], as_json: bool, report: bool = False) -> None:
    made = list(results)
    if as_json:
        say(json.dumps([one.to_json() for one in made], indent=2))
        return
    for one in made:
        say(one.table)
        say(f"{one.took}\n")  # by itself: the prediction may come later than the result
        if report:
            say(f"{one.disclosure}\n")


#: What this module adds to `triune`, in the order of its help.
COMMANDS = (query, datasets, statistics, jobs, status, result, cancel)
