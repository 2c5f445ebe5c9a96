"""Words, scales and limbs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.encoding import INTEGER, Scale, decode, encode, from_limbs, limbs_for, to_limbs
from mpc.errors import RangeError


@given(st.lists(st.integers(-(2**200), 2**200), min_size=1, max_size=5), st.integers(1, 40))
def test_sums_of_limbs_are_sums_of_integers(values: list[int], holders: int) -> None:
    bound = 2**200
    total = to_limbs(values, bound) * np.int64(holders)
    assert from_limbs(total) == [value * holders for value in values]


@given(st.integers(0, 2**300))
def test_a_bound_has_limbs_enough_for_both_signs(bound: int) -> None:
    assert from_limbs(to_limbs([bound, -bound], bound)) == [bound, -bound]
    assert to_limbs([bound], bound).shape[0] == limbs_for(bound)
    assert int(np.abs(to_limbs([bound, -bound], bound)).max()) <= 2**48


def test_a_value_beyond_its_bound_is_refused_and_not_shown() -> None:
    with pytest.raises(RangeError) as refusal:
        to_limbs([424242], 1000)
    assert "424242" not in str(refusal.value)


@given(st.floats(-1e6, 1e6), st.integers(0, 30))
def test_reals_round_to_the_nearest_word(value: float, bits: int) -> None:
    scale = Scale(bits=bits)
    assert abs(float(decode(encode([value], scale), scale)[0]) - value) <= 0.5 / scale.factor


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_values_without_a_word_are_refused(bad: float) -> None:
    with pytest.raises(RangeError):
        encode([bad], Scale(bits=16))


def test_scales_join_and_multiply() -> None:
    assert Scale(3, 1).join(Scale(1, 2)) == Scale(3, 2)
    assert Scale(3, 1) * Scale(1, 2) == Scale(4, 3)
    assert INTEGER.steps_to(Scale(2, 1)) == 40
