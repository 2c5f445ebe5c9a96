"""What one party may say of a job's end, and what the others make of it. Pure.

Whoever ends a job chooses the words, but not whom they accuse: a holder speaks of itself alone, a compute
party of those who take part in the job, and nobody but the analyst cancels.
"""

from __future__ import annotations

from collections.abc import Set

from mpc.errors import ChannelError, ProtocolAbort, RemoteError, SessionCancelled, TriuneError
from parties.node.transport.vanished import vanished
from parties.wire.common_pb2 import Status
from parties.wire.status import from_status, incident


def from_holder(status: Status, holder: str) -> TriuneError:
    """The error of a holder that refuses a job or cannot go on: its culprit is the holder.

    It checks nobody's part in the protocol, and of a link that broke nobody else knows whose fault that was.
    """
    error = from_status(status, holder)
    if isinstance(error, ProtocolAbort | SessionCancelled):
        return _unfit(holder)
    if isinstance(error, ChannelError):
        return vanished(holder)
    words = error.message if error.culprit in ("", holder) else f"{holder} reports: {error.message}"
    return type(error)(words, remedy=error.remedy, culprit=holder)


def from_peer(status: Status, peer: str, involved: Set[str], analyst: str) -> TriuneError:
    """The error of a peer's abort. `involved`: the compute parties, and the holders of the plan."""
    error = from_status(status, peer)
    if isinstance(error, SessionCancelled):
        return error if error.culprit == analyst else _unfit(peer)
    if error.culprit not in ("", analyst, *involved):
        return _unfit(peer)
    return error


def own(error: Exception, name: str) -> TriuneError:
    """The error for the others of whatever went wrong here; of a crash only an incident number crosses."""
    return error if isinstance(error, TriuneError) else incident(error, name)


def for_holders(error: TriuneError) -> Status:
    """That a job is over, for holders: what a party says of itself is not for other holders."""
    return Status(code=error.code, message="The job is over.", culprit=error.culprit)


def _unfit(reporter: str) -> RemoteError:
    return RemoteError(
        f"{reporter} ended the job for a reason that it may not give.",
        remedy=f"Ask {reporter} for its node's version and log.",
        culprit=reporter,
    )
