"""`triune init` and `triune party`: keys, request files and the consortium file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from parties.commands.output import say

party = typer.Typer(
    no_args_is_help=True,
    help="""Found a consortium: make keys, exchange request files, sign.

    \b
    Examples:
      triune party new lindenhof --name lindenhof --role compute --role holder --address mpc.lindenhof.de:7001
      triune party assemble *.request.toml --name registry
      triune party sign consortium.toml --keys lindenhof/keys
    """,
)


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the sandbox.")],
    compute: Annotated[
        list[str], typer.Option(metavar="NAME=HOST:PORT", help="A compute party; give exactly three.")
    ],
    holder: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A data holder; may also be a compute party.")
    ] = None,
    analyst: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Somebody who may ask.")] = None,
    name: Annotated[str, typer.Option(help="Title of the consortium.")] = "sandbox",
) -> None:
    """Make a sandbox consortium: all keys in one folder, for trying things out on this machine.

    It protects nothing: nodes refuse it off loopback. Real parties use `triune party new`.

    \b
    Examples:
      triune init sandbox --compute a=127.0.0.1:7001 --compute b=127.0.0.1:7002 \\
          --compute c=127.0.0.1:7003 --holder a --holder d --analyst alice
      triune node run --config sandbox/a/node.toml
    """
    from parties.node import sandbox

    made = sandbox.init(
        directory, name, compute=_addresses(compute), holders=holder or [], analysts=analyst or []
    )
    say(f"Made the sandbox {made.name} in {directory}: {', '.join(member.name for member in made.members)}.")
    say(f"Start each node with: triune node run --config {directory}/NAME/node.toml")


def _addresses(given: Sequence[str]) -> dict[str, str]:
    from mpc.errors import ConfigError

    pairs = [text.partition("=") for text in given]
    for name, equals, address in pairs:
        if not (name and equals and address):
            raise ConfigError(
                f"--compute {name}{equals}{address} is not of the form NAME=HOST:PORT.",
                remedy="Write for example --compute lindenhof=127.0.0.1:7001.",
            )
    names = [name for name, _, _ in pairs]
    if len(set(names)) != len(names):
        raise ConfigError("Two --compute options have one name.", remedy="Give each party its own name.")
    return {name: address for name, _, address in pairs}


@party.command()
def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for keys and settings.")],
    name: Annotated[str, typer.Option(help="The party's name: small letters, digits, hyphens.")],
    role: Annotated[list[str], typer.Option(help="compute, holder or analyst; may be repeated.")],
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where peers dial it; compute parties only.")
    ] = "",
) -> None:
    """Make a party's keys on its own machine, and the request file that it sends to the others.

    \b
    Examples:
      triune party new lindenhof --name lindenhof --role compute --role holder --address mpc.lindenhof.de:7001
      triune party new alice --name alice --role analyst
    """
    from parties.identity import requests
    from parties.node.template import write_settings

    request = requests.new_party(directory, name, role, address)
    write_settings(directory, name, role, consortium="consortium.toml", address=address)
    say(f"Keys are in {directory / 'keys'}; keep a backup and give them to nobody.")
    say(f"Send this file to whoever assembles the consortium: {request}")


@party.command()
def assemble(
    request: Annotated[list[Path], typer.Argument(metavar="REQUEST...", help="All parties' request files.")],
    name: Annotated[str, typer.Option(help="Title of the consortium.")],
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("consortium.toml"),
) -> None:
    """Put all request files into one consortium file, which every party then signs.

    The order of the compute parties' requests is their index 0, 1, 2.

    \b
    Example:
      triune party assemble a.request.toml b.request.toml c.request.toml alice.request.toml --name registry
    """
    from parties.identity import requests

    made = requests.assemble(request, name, output)
    say(f"Wrote {output}, id {made.id}.")
    for member in made.members:
        say(f"  {member.name:32} {member.public.fingerprint}")
    say("Each party compares these fingerprints by telephone and runs: triune party sign " + str(output))


@party.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The consortium file.")],
    keys: Annotated[Path, typer.Option(help="This party's key folder.")] = Path("keys"),
) -> None:
    """Sign the consortium file with this party's key.

    \b
    Example:
      triune party sign consortium.toml --keys lindenhof/keys
    """
    from parties.identity import requests
    from parties.identity.keys import Identity

    signed = requests.sign(file, Identity.load(keys))
    if signed.unsigned:
        say(f"Signed. Still missing: {', '.join(signed.unsigned)}.")
    else:
        say("Signed. Everybody has signed: the file can be used.")


@party.command()
def merge(
    copies: Annotated[list[Path], typer.Argument(metavar="COPY...", help="Signed copies of one file.")],
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("consortium.toml"),
) -> None:
    """Join copies of a consortium file that were signed apart.

    \b
    Example:
      triune party merge consortium-a.toml consortium-b.toml --output consortium.toml
    """
    from parties.identity import requests

    merged = requests.merge(copies, output)
    missing = f"still missing: {', '.join(merged.unsigned)}" if merged.unsigned else "everybody has signed"
    say(f"Wrote {output}; {missing}.")
