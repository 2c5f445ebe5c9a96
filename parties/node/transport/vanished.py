"""The one sentence for a party that dies in the middle of a job, whoever notices it, and wherever."""

from __future__ import annotations

from mpc.errors import PeerVanished


def vanished(name: str) -> PeerVanished:
    """A link to `name` broke while a job needed it."""
    return PeerVanished(
        f"{name} vanished in the middle of the job, so the job ended without a result.",
        remedy="Submit the query again when its node is back.",
        culprit=name,
    )
