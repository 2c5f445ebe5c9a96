"""The analyst's links to the three compute parties, all dialled directly; no coordinator stands between.

Every question goes to all three. What they say is compared: a catalogue on which they differ is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from mpc.errors import CatalogueError, ConfigError, IdentityError, JobError, PeerVanished, TriuneError
from parties.client.described import Described, read
from parties.identity.consortium import Consortium, load
from parties.identity.keys import Identity
from parties.identity.tls import channel
from parties.identity.toml import read_toml
from parties.wire import analyst_pb2 as pb
from parties.wire.analyst_pb2_grpc import AnalystGateStub
from parties.wire.status import from_rpc_error
from parties.wire.version import METADATA

CALL_DEADLINE_S: Final = 20.0
#: How long three parties may tell of a holder's data differently before that is a fault (seconds).
SETTLE_S: Final = 5.0
_PAUSE_S: Final = 0.1
_KEYS: Final = ("name", "consortium", "keys")


@dataclass(frozen=True)
class Analyst:
    """Who asks: keys, and the consortium that knows them."""

    identity: Identity
    consortium: Consortium

    @classmethod
    def load(cls, config: Path) -> Analyst:
        """From `analyst.toml`; its paths are relative to it. ConfigError or IdentityError name the fault."""
        settings = read_toml(config, what="analyst's settings file")
        for key in _KEYS:
            if not isinstance(settings.get(key), str):
                raise ConfigError(
                    f"{key} is missing in {config}, or is not a text.",
                    remedy=f'Add a line such as {key} = "...", or make the file with `triune init`.',
                )
        folder = config.resolve().parent
        identity = Identity.load(folder / settings["keys"])
        consortium = load(folder / settings["consortium"])
        if identity.name != settings["name"]:
            raise ConfigError(
                f"{config} is of {settings['name']}, but its keys are of {identity.name}.",
                remedy="Correct `name` or `keys` in that file.",
            )
        if "analyst" not in consortium.check_own(identity).roles:
            raise IdentityError(
                f"{identity.name} is no analyst of the consortium {consortium.name}.",
                remedy="Use the settings file of an analyst, or have the consortium add the role.",
                culprit=identity.name,
            )
        return cls(identity, consortium)


class Connection:
    """Three channels, in party order. A context manager; `close` ends it."""

    def __init__(self, analyst: Analyst) -> None:
        self.analyst = analyst
        self.parties = tuple(member.name for member in analyst.consortium.compute)
        self._channels = {name: channel(analyst.identity, analyst.consortium, name) for name in self.parties}
        self._stubs = {name: AnalystGateStub(link) for name, link in self._channels.items()}
        self._closed = False

    def close(self) -> None:
        """Ends the links; jobs go on."""
        self._closed = True
        for link in self._channels.values():
            link.close()

    def everywhere(self, method: str, request: Any) -> dict[str, Any]:
        """One call to all three at once; the error of the first that fails, after all have answered."""
        replies = self.attempt(method, request)
        for reply in replies.values():
            if isinstance(reply, TriuneError):
                raise reply
        return replies

    def attempt(self, method: str, request: Any) -> dict[str, Any]:
        """As `everywhere`, but an error stands as the reply of the party that gave it."""
        if self._closed:
            raise JobError("This connection was closed.", remedy="Enter the space again with connect().")
        calls = {
            name: getattr(stub, method).future(request, timeout=CALL_DEADLINE_S, metadata=METADATA)
            for name, stub in self._stubs.items()
        }
        return {name: self._reply(name, call.result) for name, call in calls.items()}

    def jobs(self) -> Iterator[pb.JobStatus]:
        """This analyst's jobs at every party that answers; the first error if none does."""
        replies = self.attempt("List", pb.ListRequest())
        errors = [reply for reply in replies.values() if isinstance(reply, TriuneError)]
        if len(errors) == len(replies):
            raise errors[0]
        for name, page in replies.items():
            while not isinstance(page, TriuneError) and page.jobs:
                yield from page.jobs
                following = pb.ListRequest(before=page.jobs[-1].created)
                call = self._stubs[name].List.future(following, timeout=CALL_DEADLINE_S, metadata=METADATA)
                page = self._reply(name, call.result)  # noqa: PLW2901 - the next page

    def watch(self, party: str, request: pb.JobRef) -> Any:
        """A party's stream of job states: iterable, with `cancel()`."""
        return self._stubs[party].Watch(request, metadata=METADATA)

    def error(self, party: str, error: grpc.RpcError) -> TriuneError:
        """What a failed call to `party` means, in a sentence."""
        # grpc's stubs do not say that a failed call is both an error and a call.
        code = error.code() if isinstance(error, grpc.Call) else None
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            address = self.analyst.consortium.member(party).address
            return PeerVanished(
                f"The compute party {party} does not answer at {address}.",
                remedy=f"Ask {party} whether its node runs; check that this network lets {address} through.",
                culprit=party,
            )
        return from_rpc_error(error, party)

    def _reply(self, party: str, result: Callable[[], Any]) -> Any:
        try:
            return result()
        except grpc.RpcError as error:
            return self.error(party, error)

    def describe(self) -> Described:
        """What all three say of the space; raises what `described.read` does.

        A holder tells them of new data one after the other: what they say differently is asked again, for
        some seconds.
        """
        settled = time.monotonic() + SETTLE_S
        while True:
            try:
                return read(self.everywhere("Describe", pb.DescribeRequest()), self.analyst.consortium)
            except CatalogueError:
                if time.monotonic() > settled:
                    raise
            time.sleep(_PAUSE_S)
