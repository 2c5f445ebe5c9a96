"""Checks: what a computation demands of secrets that nobody may look at.

A logarithm demands a number above 0; a bound that a catalogue states must hold. Whether a demand holds is
itself a secret: one 0/1 word an element, 1 where it fails. Nothing opens where a check is made. At the
release all checks of a session become one secret flag, which suppresses the result and opens with it, to the
recipient only (`mpc.simulation.release`; in a joint query the gate, so that it opens above the minimum count
only). Before a program opens a value (`Session.open`), so does a flag of the checks made until then.

What is computed after a check has failed may be any number; shares stay uniform whatever the numbers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.encoding import INTEGER, Words
from mpc.errors import ProtocolAbort, RangeError
from mpc.packing import WORD_BITS
from mpc.protocols.runtime import Runtime
from mpc.tensor import SecretTensor, stack

#: Who may state a bound. An analyst may not: a flag would answer "is anybody above this?".
SOURCES: Final = ("catalogue", "holder", "model owner")
#: Where in the program: a branch, and an index in it.
Place = tuple[int, ...]
#: Why the flag opens.
FLAG: Final = "whether a check fails: one flag for all of them"


@dataclass(repr=False)
class Check:
    """A demand in words, and the secret number of elements that do not meet it."""

    why: str
    broken: SecretTensor
    settled: bool = False

    def __repr__(self) -> str:
        return f"Check({self.why!r}, redacted)"


def demand(broken: SecretTensor, why: str) -> None:
    """Demand that these 0/1 words are all 0. No message; opens nothing before the release."""
    runtime = broken.protocol.runtime
    runtime.checks[runtime.fork()] = Check(why, broken.view(scale=INTEGER, bound=1).sum())


def in_domain(result: SecretTensor, invalid: SecretTensor, otherwise: float | None, why: str) -> SecretTensor:
    """A function's result, 0 outside of its domain: `otherwise` there, or a demand that nothing is there."""
    if otherwise is None:
        demand(invalid, why)
    return result + invalid * otherwise if otherwise else result


def made(runtime: Runtime) -> list[Check]:
    """The session's checks in the program's order, the same at every party."""
    return [runtime.checks[place] for place in sorted(runtime.checks)]  # branches end in any order


def settle(runtime: Runtime) -> SecretTensor | None:
    """1 if any unsettled check of this branch fails, else 0; None if there is none. One comparison.

    Whoever settles checks must suppress by the outcome all that depends on them. Outside of branches that is
    all of the session; in one, its own only, since what others have made by now is not the same everywhere.
    """
    here = runtime.position.branch
    checks = _unsettled(runtime, lambda place: _within(place, here))
    broken = _any_broken(list(checks.values()))
    for check in checks.values():
        check.settled = True
    return broken


def _unsettled(runtime: Runtime, belongs: Callable[[Place], bool]) -> dict[Place, Check]:
    """The checks of these places that nobody has looked at, in the program's order."""
    made = {place: runtime.checks[place] for place in sorted(runtime.checks) if belongs(place)}
    return {place: check for place, check in made.items() if not check.settled}


def _any_broken(checks: Sequence[Check]) -> SecretTensor | None:
    """1 if any of them fails, else 0; None of none. One comparison."""
    if not checks:
        return None
    total = checks[0].broken
    for check in checks[1:]:
        total = total + check.broken
    return total > 0


def require_met(runtime: Runtime) -> None:
    """Open whether a check fails on which this place of the program may depend; nothing if there is none.

    To all computing parties, so that what they open next tells nothing but what the program means to open.
    Those of this branch, and what came before it began: what branches beside it demand is not the same
    everywhere. `RangeError` if one fails, and none of them is opened. One comparison, and one opening.
    """
    here = runtime.position.branch
    checks = _unsettled(runtime, lambda place: _before(place, here))
    if (broken := _any_broken(list(checks.values()))) is None:
        return
    if broken.protocol.open(broken.share, FLAG).item():
        raise suppressed(check.why for check in checks.values())
    for place, check in checks.items():
        check.settled = _within(place, here)  # what branches share is settled where they join


def _within(place: Place, here: Place) -> bool:
    """Whether a place is in the branch `here`, or in one that begins there."""
    return place[: len(here)] == here


def _before(place: Place, here: Place) -> bool:
    """Whether a place comes before the end of the branch `here`, as it runs; else it is in one beside it.

    Paths are an index in the program, a branch that begins there, an index in it, and so on.
    """
    for depth, (there, mine) in enumerate(zip(place, here, strict=False)):
        if there != mine:
            return depth % 2 == 0
    return True


def suppressed(reasons: Iterable[str]) -> RangeError:
    """The answer where one of these demands fails: not which, nor where."""
    return RangeError(
        f"The result is suppressed, because at least one check fails: {'; '.join(dict.fromkeys(reasons))}.",
        remedy="Correct the data or the stated bound; where a function should go on, give otherwise=....",
    )


def require_settled(runtime: Runtime) -> None:
    """`ProtocolAbort` if a result is about to leave whose checks nobody has looked at."""
    if left := [check.why for check in made(runtime) if not check.settled]:
        raise ProtocolAbort(f"A result was to be released without its checks: {'; '.join(left)}.")


def demand_within(
    x: SecretTensor, bound: int | Words, why: str, *, least: int | Words | None = None
) -> SecretTensor:
    """x under a bound on its words that an algorithm keeps, and that is demanded to hold.

    The words must lie from `least` (by default -bound) to `bound`; both are one for all, or words that
    broadcast to x. Whatever x was said to be before: two comparisons over all 64 bit planes, 8 rounds, 54 B
    an element and party; one word is kept for the release. Reveals nothing here. `RangeError` for an empty
    range.
    """
    high = np.asarray(bound, dtype=np.int64)
    low = -high if least is None else np.asarray(least, dtype=np.int64)
    if np.any(low > high):
        raise RangeError("A range that was stated is empty.", remedy="Exchange its ends.")
    words = x.view(scale=INTEGER, bound=1)  # nothing is taken for granted of them: no bound is checked here
    ends = stack([high - words, words - low])
    flat = ends.protocol.linear(lambda word: word.reshape(-1), ends.share)
    demand(ends.like(ends.protocol.sign(flat, WORD_BITS - 1), bound=1), why)
    return x.view(bound=max(1, int(np.abs(low).max()), int(np.abs(high).max())))


def assume_bound(
    x: SecretTensor,
    bound: int | Words,
    *,
    source: str,
    what: str,
    least: int | Words | None = None,
) -> SecretTensor:
    """x under the bound on its words that `source` states, checked on shares; `what` names it in the result.

    As `demand_within`, with its cost and errors. `RangeError` also for a source that may not state bounds.
    """
    if source not in SOURCES:
        raise RangeError(
            f"A bound was stated by the {source}.", remedy=f"Bounds come from one of: {', '.join(SOURCES)}."
        )
    return demand_within(x, bound, f"{what} (stated by the {source})", least=least)
