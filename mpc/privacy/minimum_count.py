"""Rule `minimum-count`: a quantity opens only if enough records of enough holders stand behind it.

The governing count N of a quantity passes if N - n_h >= k for every holder h, which is N minus the
largest holder's contribution >= k: then no holder, subtracting its own records, is left with fewer
than k of the others'. There is no minimum per holder, so a hospital with three cases contributes.

Nothing opens here. One batched comparison over [holders, counts] and a product tree over the holders:
rounds of a comparison plus ceil(log2(holders)); no message depends on a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import mpc
from mpc.errors import RangeError

if TYPE_CHECKING:
    from mpc.privacy.terms import Terms
    from mpc.tensor import SecretTensor

RULE = "minimum-count"
MODEL_RULE = "model-size"


def least(terms: Terms, parameters: Sequence[int]) -> npt.NDArray[np.int64]:
    """How many records each count needs, of which so many parameters are estimated (rule `model-size`).

    Beside k: `residual_records` more than it has parameters, and `records_per_parameter` for each of them,
    where the terms ask for that.
    """
    estimated = np.asarray(parameters, dtype=np.int64)
    residual = estimated + terms.residual_records if terms.residual_records else 0 * estimated
    for_model = np.maximum(residual, estimated * terms.records_per_parameter)
    needed: npt.NDArray[np.int64] = np.maximum(terms.minimum_count, np.where(estimated > 0, for_model, 0))
    return needed


def passes(
    counts: SecretTensor,
    minimum: int | npt.NDArray[np.int64],
    structural: Sequence[bool] = (),
    *,
    single_holder: bool = False,
) -> SecretTensor:
    """0/1 flags `[m]` of `counts` `[holders, m]`; `minimum` is one for all, or `[m]`.

    Where `structural[j]` is true a pooled count of 0 passes too: the schema says that the cell is empty by
    nature. `single_holder`: records of one holder alone suffice, since every holder allows it. Raises
    `RangeError` for a minimum below 1, under which an empty cell would pass.
    """
    if np.min(minimum, initial=1) < 1:
        raise RangeError("The minimum count is below 1.", remedy="Use at least 1.")
    pooled = counts.sum(0)
    if single_holder:
        flags = pooled >= minimum
    else:
        others = pooled.reshape(1, -1).broadcast_to(counts.shape) - counts
        flags = all_of(others >= minimum)
    places = np.flatnonzero(np.asarray(structural, dtype=bool))
    if places.size == 0:
        return flags
    empty = pooled[places] == 0
    mask = np.zeros((places.size, counts.shape[1]), dtype=np.int64)
    mask[np.arange(places.size), places] = 1
    spread = (empty.reshape(-1, 1).broadcast_to(mask.shape) * mask).sum(0)
    return (flags + spread).view(bound=1)  # the two ways to pass exclude each other


def all_of(flags: SecretTensor) -> SecretTensor:
    """AND over the first axis of 0/1 words: ceil(log2(length)) rounds of products."""
    while flags.shape[0] > 1:
        half = flags.shape[0] // 2
        joined = flags[:half] * flags[half : 2 * half]
        flags = joined if flags.shape[0] % 2 == 0 else mpc.concat([joined, flags[2 * half :]])
    return flags[0]
