"""How long a node waits for what. Each phase outlasts those before it, so whoever is late is named first.

    links > queued > (the job's turn) > links > offers > (holder: offers) > accepts > inputs > ready > rounds
    > verdicts

A question's turn comes when those before it on the same data set have ended, so that wait has no deadline of
its own: it ends with the plan's expiry, and what is timed after it begins at all three parties at once. A
party that waits in an earlier phase ends the job itself and says why; those who wait for it in a later one
must hear that before their own patience is over, or they would name the wrong party.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpc.channel import ROUND_TIMEOUT_S


@dataclass(frozen=True)
class Deadlines:
    """All in seconds. `margin` is for messages on their way, checks, and parties that start one by one."""

    hello: float = 5.0
    links: float = 8.0
    margin: float = 4.0
    inputs: float = 300.0
    round: float = ROUND_TIMEOUT_S

    @property
    def queued(self) -> float:
        """For the peers to have the plan: a peer may wait for its links first."""
        return self.links + self.margin

    @property
    def offers(self) -> float:
        """For the offers of the peers, from the job's turn on: a peer may wait for its links first."""
        return self.links + self.margin

    @property
    def holder_offers(self) -> float:
        """For all three offers, at a holder: a compute party that misses one ends the job before."""
        return self.offers + self.margin

    @property
    def accepts(self) -> float:
        """For the holders' consent, which they give once they have all offers."""
        return self.holder_offers + self.margin

    @property
    def plans(self) -> float:
        """For the plans of earlier questions, at a holder that lacks some: a part of the time for inputs."""
        return self.inputs / 2

    @property
    def ready(self) -> float:
        """For the peers to have all inputs, at a party that has them."""
        return self.accepts + self.inputs + self.margin

    @property
    def verdicts(self) -> float:
        """For the peers' verdicts: a peer may wait for the last message of a round first."""
        return self.round + self.margin

    @property
    def lost_link(self) -> float:
        """For a compute party's word on a peer whose link to a holder broke: pings show the dead in 6 s."""
        return self.links


DEADLINES = Deadlines()
