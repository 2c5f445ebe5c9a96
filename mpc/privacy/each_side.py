"""Rule `records-on-each-side`: a percentile opens only with k records below it and k above.

Extremes have none on one side: they open only where every holder allows it (`Terms.allow_extremes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

import mpc
from mpc.privacy.terms import Terms

if TYPE_CHECKING:
    from mpc.tensor import SecretTensor

RULE: Final = "records-on-each-side"


def passes(
    index: SecretTensor, count: SecretTensor, extreme: npt.NDArray[np.int64], terms: Terms
) -> SecretTensor:
    """0/1 flags `[m]` of percentiles between the records `index` and `index + 1` of `count`, from 0.

    `extreme` is 1 where a percentile is the first or the last record. One comparison, one product; nothing
    opens.
    """
    sides = mpc.stack([index, count - 2 - index]) >= terms.minimum_count
    inner = sides[0] * sides[1]
    allowed = extreme * int(terms.allow_extremes)
    return (inner * (1 - extreme) + allowed).view(bound=1)
