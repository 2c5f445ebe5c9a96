"""Rule `complementary`: where a total is known, what it leaves of a table is not a few.

A table whose cells add up to a total that is open tells what its closed cells have together. If they have
some records but do not pass the minimum count, the smallest open cell is closed as well: it passed by itself,
so that with it the rest does. Which cell that is, and whether there is one, stays a secret, also from the
recipient: a cell that is closed says nothing of why. (Cox 1980, "Suppression methodology and statistical
disclosure control"; here for one total of each table.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

import mpc
from mpc.privacy.minimum_count import passes
from mpc.privacy.terms import Terms

if TYPE_CHECKING:
    from mpc.tensor import SecretTensor

RULE: Final = "complementary"


@dataclass(frozen=True, eq=False)
class Table:
    """Counts of a question that exclude each other, and counts of one cohort that contains them all.

    `cells`: places among the question's counts. `totals`: places among all counts. `whole` `[atoms]`: the
    atoms of that cohort, but for gaps; None where the cells are all of it.
    """

    cells: tuple[int, ...]
    totals: tuple[int, ...]
    whole: npt.NDArray[np.bool_] | None = None


def kept(
    counts: SecretTensor,
    opens: SecretTensor,
    known: SecretTensor,
    tables: Sequence[Table],
    terms: Terms,
    records: SecretTensor | None = None,
) -> SecretTensor:
    """0/1 flags `[m]`: 0 for a cell that is closed for the sake of others.

    `counts` `[holders, m]` and `opens` `[m]`: of the question; `known` `[n]`: whether a count is open, of
    earlier questions and then of this one; `records` `[holders, atoms]`: for tables with a `whole`. Opens
    nothing. Rounds: about 20, and 10 for each doubling of the cells.
    """
    holders, size = counts.shape[0], counts.shape[1]
    width = max(len(table.cells) for table in tables)
    cells = np.array([[*table.cells, *[-1] * (width - len(table.cells))] for table in tables])
    real = (cells >= 0).astype(np.int64)
    places = cells.clip(min=0)
    shut = (1 - opens[places]).view(bound=1) * real
    own = counts[:, places.reshape(-1)].reshape(holders, *cells.shape)
    rest = _rest(own, shut, real, tables, records).view(bound=counts.bound)
    told = mpc.stack([known[sorted(set(table.totals))].sum() for table in tables]) > 0
    # what all cells are of, and all are open, leaves nothing
    left = np.array([int(table.whole is not None) for table in tables], dtype=np.int64)
    leaves = (shut.sum(1) > 0) * (1 - left) + left
    small = (1 - passes(rest, terms.minimum_count, single_holder=terms.allow_single_holder)).view(bound=1)
    needed = (told * leaves.view(bound=1)) * small
    pooled = own.sum(0)
    unfit = shut + (pooled == 0) + (1 - real)  # an empty cell that is open by nature would hide nobody
    chosen = _smallest(pooled, unfit, counts.bound * holders + 1) * real
    hit = chosen * needed.reshape(-1, 1).broadcast_to(chosen.shape)
    return _none_of(hit.reshape(-1), places.reshape(-1), size)


def _rest(
    own: SecretTensor,
    shut: SecretTensor,
    real: npt.NDArray[np.int64],
    tables: Sequence[Table],
    records: SecretTensor | None,
) -> SecretTensor:
    """`[holders, tables]`: records in shut cells, and in no cell. One product."""
    closed = (own * shut.reshape(1, *shut.shape).broadcast_to(own.shape)).sum(2)
    if records is None:
        return closed
    nothing = np.zeros(records.shape[1], dtype=np.bool_)
    whole = np.array([nothing if table.whole is None else table.whole for table in tables], dtype=np.int64)
    partly = np.array([int(table.whole is not None) for table in tables], dtype=np.int64)
    return closed + records @ whole.T - (own * real).sum(2) * partly


def _smallest(pooled: SecretTensor, shut: SecretTensor, beyond: int) -> SecretTensor:
    """0/1 `[tables, cells]`: the first of the smallest cells that are not shut."""
    place = mpc.argmin(pooled + shut * beyond, axis=1)
    return place.reshape(-1, 1).broadcast_to(pooled.shape) == np.arange(pooled.shape[1])


def _none_of(hit: SecretTensor, places: np.ndarray, size: int) -> SecretTensor:
    """`[size]`: 1 where nothing was hit. A place may be in several tables."""
    matrix = np.zeros((places.size, size), dtype=np.int64)
    matrix[np.arange(places.size), places] = 1
    return (hit.reshape(1, -1) @ matrix).reshape(-1) == 0
