"""A joint query as all holders, parties and the recipient of one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mpc.encoding import Words
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import InputPackage, share_input
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.randomness import Ledger
from mpc.session import Session
from mpc.simulation import PartyRun, run_parties
from mpc.statistics.holding import Memory
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.rows import Rows

#: Parties of the protocol that a joint query runs on.
REPLICATED: Final = 3


@dataclass(frozen=True)
class Asked:
    """A request without a plan."""

    kind: str
    columns: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Simulated:
    """`outcomes` of each request; the vector that the recipient opened; each party's run.

    `kept`: what each party keeps, its share of what opened.
    """

    outcomes: list[list[Outcome]]
    opened: Words
    runs: list[PartyRun]
    kept: list[Any]


def simulate(
    query: JointQuery,
    parts: Sequence[Rows],
    terms: Terms | None = None,
    *,
    memories: Sequence[Memory] | None = None,
    kept: Sequence[Sequence[Any]] = (),
    ledgers: Callable[[], Ledger] | None = None,
    **options: Any,
) -> Simulated:
    """Ask `query` of holders with these rows. Further options are those of `run_parties`.

    Beside earlier questions: `memories` of the holders, and `kept`, of each of those questions.
    """
    shares: list[Any] = [None] * REPLICATED
    packages: list[Mapping[str, Sequence[InputPackage]]] = []
    for holder, part in enumerate(parts):
        words = query.at_holder(part, holder, memories[holder] if memories else None)
        packages.append(
            {block.name: share_input(words[block.name], block.domain) for block in query.blocks_for(holder)}
        )

    def program(session: Session) -> Any:
        inputs = {
            str(holder): {name: ReplicatedShare.of(made[session.party]) for name, made in given.items()}
            for holder, given in enumerate(packages)
        }
        opened = [of_parties[session.party] for of_parties in kept]
        answer = query.compute(session, inputs, terms or Terms(), bytes(32), opened)
        shares[session.party] = answer.opens.share
        return answer.released.words

    runs = run_parties(program, strict=True, ledgers=ledgers, **options)
    return Simulated(query.at_recipient(runs[0].result), runs[0].result, runs, shares)
