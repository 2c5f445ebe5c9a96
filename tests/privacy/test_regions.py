"""Where many cohorts look at few records: `mpc.privacy.regions`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mpc.privacy.regions import MOST, regions

sets = st.tuples(st.integers(0, 9), st.integers(1, 8)).flatmap(lambda shape: arrays.arrays(np.bool_, shape))


@given(sets, st.data())
def test_a_region_is_where_a_family_differs(told: np.ndarray, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, len(told)))
    widths = np.array(
        data.draw(st.lists(st.integers(1, 2**40), min_size=told.shape[1], max_size=told.shape[1]))
    )
    new = np.arange(len(told)) >= old
    found = regions(told, new, widths)
    for family, region in zip(found.families, found.atoms, strict=True):
        assert family.sum() >= 3
        assert family[new].any()
        assert np.array_equal(region, told[family].any(0) & ~told[family].all(0))
    if len(told) > 2 and told.sum(0).max() > 1 and new.any():
        assert found.families.all(1).any()  # the family of all


def test_cohorts_that_exclude_each_other_have_none() -> None:
    found = regions(np.eye(6, dtype=bool), np.ones(6, dtype=bool), np.ones(6, dtype=np.int64))
    assert found.families.shape == (0, 6)
    assert found.atoms.shape == (0, 6)


@pytest.mark.parametrize("around", [False, True])
def test_cohorts_of_a_small_part_are_a_family(around: bool) -> None:
    """Eight subsets of a fiftieth of the records, beside halves and quarters of all of them."""
    rng = np.random.default_rng(1)
    small = np.zeros((8, 64), dtype=bool)
    small[:, :16] = rng.random((8, 16)) < 0.5
    small[:, 40:] = around
    large = rng.random((6, 64)) < 0.5
    widths = np.where(np.arange(64) < 16, 1, 16)
    found = regions(np.concatenate([large, small]), np.arange(14) == 13, widths)
    assert any(np.array_equal(family, np.arange(14) >= 6) for family in found.families)


def test_of_very_many_the_smallest_are_looked_at() -> None:
    rng = np.random.default_rng(2)
    told = rng.random((MOST + 50, 40)) < np.linspace(0.1, 0.9, MOST + 50)[:, None]
    found = regions(told, np.ones(len(told), dtype=bool), np.ones(40, dtype=np.int64))
    taking_part = found.families.any(0)
    assert taking_part.sum() == MOST
    assert told[taking_part].sum(1).max() <= told[~taking_part].sum(1).min()
