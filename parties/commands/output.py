"""How the command line speaks: results to stdout, one clear sentence of error to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

if TYPE_CHECKING:
    from mpc.errors import TriuneError

EXIT_FAILED: Final = 1


def say(text: str) -> None:
    """One line to stdout."""
    typer.echo(text)


def complain(error: TriuneError) -> None:
    """What happened, who caused it and what to do, to stderr."""
    culprit = f" [{error.culprit}]" if error.culprit and error.culprit not in error.message else ""
    _complain(f"{error.message}{culprit}", error.remedy)


def _complain(message: str, remedy: str) -> None:
    typer.secho(f"error: {message}", fg=typer.colors.RED if sys.stderr.isatty() else None, err=True)
    if remedy:
        typer.echo(f"what to do: {remedy}", err=True)


class ReportingGroup(TyperGroup):
    """The top command: the one place where an exception becomes a sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the chosen command; with --debug exceptions pass through as tracebacks."""
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException, EOFError, BrokenPipeError):  # typer knows what to do
            raise
        except Exception as error:  # noqa: BLE001  # the boundary: nobody above could report it better
            _report(error)
            raise typer.Exit(EXIT_FAILED) from None


def _report(error: Exception) -> None:
    # Imported here: `triune --help` should not wait for the engine.
    from mpc.errors import TriuneError

    if isinstance(error, TriuneError):
        complain(error)
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        _complain(f"{error.strerror or type(error).__name__}{where}.", "Check the path and its permissions.")
    else:  # its text may hold anything, so only its kind is shown
        _complain(
            f"Triune met an internal error ({type(error).__name__}).",
            "Run the command again as `triune --debug ...` and report the traceback.",
        )
