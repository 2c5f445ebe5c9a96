"""Checks: what a computation demands of secrets that nobody may look at.

A logarithm demands a number above 0; a bound that a catalogue states must hold. Whether a demand holds is
itself a secret: one 0/1 word an element, 1 where it fails. Nothing opens where a check is made. At the
release all checks of a session become one secret flag, which suppresses the result and opens with it, to the
recipient only (`session.release`; in a joint query the gate, so that it opens above the minimum count only).

What is computed after a check has failed may be any number; shares stay uniform whatever the numbers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mpc.encoding import INTEGER
from mpc.errors import RangeError
from mpc.protocols.base import Runtime
from mpc.tensor import SecretTensor, stack

#: Who may state a bound. An analyst may not: a flag would answer "is anybody above this?".
SOURCES: Final = ("catalogue", "holder", "model owner")


@dataclass(frozen=True, repr=False)
class Check:
    """A demand in words, and the secret number of elements that do not meet it."""

    why: str
    broken: SecretTensor

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


def failed(runtime: Runtime) -> SecretTensor | None:
    """1 if any check of the session fails, else 0; None if there was none. One comparison."""
    checks = made(runtime)
    if not checks:
        return None
    total = checks[0].broken
    for check in checks[1:]:
        total = total + check.broken
    return total > 0


def assume_bound(
    x: SecretTensor, bound: int, *, source: str, what: str, least: int | None = None
) -> SecretTensor:
    """x under the bound on its words that `source` states for `what`, checked on shares.

    The words must lie from `least` (by default -bound) to `bound`. One comparison of 2 elements an element
    of x, over the planes of x's own bound: at most 8 rounds; one word is kept for the release. Reveals
    nothing here. Raises `RangeError` for a source that may not state bounds, and for an empty range.
    """
    low = -bound if least is None else least
    if source not in SOURCES:
        raise RangeError(
            f"A bound was stated by the {source}.", remedy=f"Bounds come from one of: {', '.join(SOURCES)}."
        )
    if low > bound:
        raise RangeError(f"The range {low} to {bound} is empty.", remedy="Exchange its ends.")
    words = x.view(scale=INTEGER)
    beyond = stack([bound - words, words - low]) < 0
    demand(beyond, f"{what} between {low} and {bound} (as words; stated by the {source})")
    return x.view(bound=min(x.bound, max(abs(low), abs(bound))))
