"""What computes at a compute party: its kernels, and one attempt's computation on them. All that needs torch.

It loads beside everything else (`loading.py`), while the node opens its port, links up and takes jobs.
"""

from __future__ import annotations

from mpc.channel import Channel
from mpc.fingerprint import engine_fingerprint
from mpc.kernels import Kernels
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.shares import ReplicatedShare, result_from_bytes, result_to_bytes
from mpc.randomness import PairKeys
from mpc.session import Session
from mpc.statistics.joint import Answer
from parties.node import handshake
from parties.node.work import Work


class Engine:
    """The kernels of this party, and what it computes with them."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def compute(self, channel: Channel, keys: PairKeys, work: Work, terms: Terms) -> Answer:
        """What may be sealed, and what is kept of it. Raises what `JointQuery.compute` raises."""
        session = Session(channel, keys, kernels=self._kernels)
        digest = handshake.parameters_digest(
            work.signed.hash,
            terms,
            work.holders,
            engine_fingerprint(),
            [one.plan_hash for one in work.earlier],
        )
        opened = [result_from_bytes(one.opened, one.cohorts) for one in work.earlier]
        inputs = {
            holder: {name: ReplicatedShare.of(package) for name, package in work.packages_of(holder).items()}
            for holder in work.holders
        }
        return work.query.compute(session, inputs, terms, digest, opened)

    def content(self, answer: Answer) -> bytes:
        """This party's components of a released result."""
        return result_to_bytes(answer.released.words.share)

    def kept(self, answer: Answer) -> bytes:
        """This party's components of which cohorts open."""
        return result_to_bytes(answer.opens.share)
