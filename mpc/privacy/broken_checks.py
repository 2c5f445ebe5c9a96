"""Rule `checked-bounds`: if a check on shares fails, nothing opens but that it failed.

The session's checks (`mpc.checks`) are one secret flag over all inputs. It is folded into every count's gate:
a count that does not pass the minimum count tells nothing of the checks either, so the flag opens only over
cohorts above it, to the recipient, together with the result that it suppresses. One product.
"""

from __future__ import annotations

from typing import Final

from mpc.tensor import SecretTensor

RULE: Final = "checked-bounds"
#: What the gate says of a count: suppressed, open, or suppressed because a check fails.
CLOSED, OPEN, BROKEN = 0, 1, 2


def gate(passed: SecretTensor, broken: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
    """Of 0/1 flags `[m]` and one 0/1 word: what the gate says of each count, and 1 where it is open."""
    both = passed * broken
    return (passed + both).view(bound=BROKEN), (passed - both).view(bound=OPEN)
