"""The gate: the one way from secrets to what is sealed for a recipient.

Nothing opens here. A value whose count does not pass, or that a failed check suppresses, is multiplied by a
secret zero; `Released` is what comes out, and a party seals nothing else.

Which counts pass is for the rules to say (`minimum_count`, `complement`). Rule `checked-bounds`: if a check
on shares fails, nothing opens but that it failed. The session's checks (`mpc.checks`) are one secret flag
over all inputs. It is folded into every count's gate: a count that does not pass tells nothing of the checks
either, so the flag opens only over cohorts above the minimum, with the result that it suppresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import mpc

if TYPE_CHECKING:
    from mpc.tensor import SecretTensor

CHECKED: Final = "checked-bounds"
#: What the gate says of a count: suppressed, open, or suppressed because a check fails.
CLOSED, OPEN, BROKEN = 0, 1, 2


@dataclass(frozen=True, repr=False)
class Released:
    """Secret words that a recipient may open. Only a `Gate` makes one.

    `flags`: 0/1 words among them, of each `Ruled`, that say which of its values open.
    """

    words: SecretTensor
    flags: tuple[SecretTensor, ...] = ()

    def __repr__(self) -> str:
        return "Released(redacted)"


@dataclass(frozen=True, repr=False)
class Ruled:
    """Values under rules of their own beside the gate's: 0/1 `flags`, `values`, the count that governs each.

    One flag for each value, or one for several: `of[v]` is the flag of value v.
    """

    flags: SecretTensor
    values: SecretTensor
    governors: Sequence[int]
    of: Sequence[int] | None = None

    def __repr__(self) -> str:
        return f"Ruled({len(self.governors)} flags, redacted)"


class Gate:
    """Of 0/1 flags `[m]`, whether each count passes, and one 0/1 word, whether a check fails. One product."""

    def __init__(self, passed: SecretTensor, broken: SecretTensor) -> None:
        both = passed * broken
        self._said = (passed + both).view(bound=BROKEN)
        #: 0/1 `[m]`: which counts open
        self.opens = (passed - both).view(bound=OPEN)

    def release(self, counts: SecretTensor, ruled: Sequence[Ruled] = ()) -> Released:
        """What it says of each count, and `counts` `[m]` where they open; then, of each `ruled`, flags and
        values.

        A value opens where its flag and its governor do. Two products.
        """
        parts, kept = [self._said, self.opens * counts], []
        for one in ruled:
            flags = (one.flags * self.opens[list(one.governors)]).view(bound=OPEN)
            kept.append(flags)
            parts += [flags, (flags if one.of is None else flags[list(one.of)]) * one.values]
        return Released(mpc.concat(parts), tuple(kept))
