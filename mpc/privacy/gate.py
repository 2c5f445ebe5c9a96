"""The gate: the one way from secrets to what is sealed for a recipient.

Nothing opens here. A value whose count does not pass, or that a failed check suppresses, is multiplied by a
secret zero; `Released` is what comes out, and a party seals nothing else.

Rule `minimum-count` says which counts pass (`minimum_count`). Rule `checked-bounds`: if a check on shares
fails, nothing opens but that it failed. The session's checks (`mpc.checks`) are one secret flag over all
inputs. It is folded into every count's gate: a count that does not pass tells nothing of the checks either,
so the flag opens only over cohorts above the minimum, with the result that it suppresses.
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
    """Secret words that a recipient may open. Only a `Gate` makes one."""

    words: SecretTensor

    def __repr__(self) -> str:
        return "Released(redacted)"


class Gate:
    """Of 0/1 flags `[m]`, whether each count passes, and one 0/1 word, whether a check fails. One product."""

    def __init__(self, passed: SecretTensor, broken: SecretTensor) -> None:
        both = passed * broken
        self._said = (passed + both).view(bound=BROKEN)
        self._opens = (passed - both).view(bound=OPEN)

    def release(
        self,
        values: SecretTensor,
        governors: Sequence[int],
        computed: Sequence[tuple[SecretTensor, SecretTensor, Sequence[int]]] = (),
    ) -> Released:
        """What it says of each count; `values` where their governors open; then what programs computed.

        `governors`: places among the counts. `computed`: 0/1 flags of a program's own, its values, and their
        governors; each becomes flags, and flags times values. Two products.
        """
        parts = [self._said, self._opens[list(governors)] * values]
        for passed, made, counts in computed:
            flags = passed * self._opens[list(counts)]
            parts += [flags, flags * made]
        return Released(mpc.concat(parts))
