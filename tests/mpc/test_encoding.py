"""Words, scales and limbs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.encoding import (
    INTEGER,
    Scale,
    as_numbers,
    decode,
    encode,
    from_limbs,
    limbs_for,
    to_limbs,
    whole_bound,
)
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


@pytest.mark.parametrize("value", [3, 2.5, np.float32(2.5), True, np.uint8(3)])
def test_a_single_number_keeps_its_shape(value: float) -> None:
    words = encode(value, Scale(bits=1))
    assert isinstance(words, np.ndarray)
    assert words.shape == decode(words, Scale(bits=1)).shape == ()
    assert decode(words, Scale(bits=1)) == value


@pytest.mark.parametrize(
    "bad",
    [
        [1 + 2j],
        ["canary-1234"],
        [b"canary-1234"],
        np.array(["2020-02-03"], dtype="datetime64[D]"),
        np.array([1234], dtype="timedelta64[s]"),
        [None],
        [2**70 + 1234],
        [[1234], [1234, 5]],
        np.zeros(1, dtype=[("a", "i8")]),
    ],
)
def test_what_has_no_word_is_refused_by_its_type_and_not_shown(bad: Any) -> None:
    for read in (as_numbers, lambda values: encode(values, INTEGER)):
        with pytest.raises(RangeError) as refusal:
            read(bad)
        assert "1234" not in str(refusal.value)
        assert refusal.value.remedy
        assert refusal.value.__cause__ is None


def test_a_bound_holds_for_words_as_they_are_rounded() -> None:
    assert encode([10.4], INTEGER, 10)[0] == 10
    with pytest.raises(RangeError):
        encode([10.6], INTEGER, 10)


def test_bounds_are_python_integers() -> None:
    for bound in (7, np.int8(7), np.uint64(7), 7.0, np.float32(7), np.array(7)):
        assert type(whole_bound(bound)) is int
        assert whole_bound(bound) == 7
    for bad in (7.5, -1, "7", None, np.inf, [7]):
        with pytest.raises(RangeError):
            whole_bound(bad)


def test_scales_join_and_multiply() -> None:
    assert Scale(3, 1).join(Scale(1, 2)) == Scale(3, 2)
    assert Scale(3, 1) * Scale(1, 2) == Scale(4, 3)
    assert INTEGER.steps_to(Scale(2, 1)) == 40
    assert Scale(3, 1).at_least(16) == Scale(16, 1)
    for coarser in (Scale(2, 2), Scale(3, 0)):
        with pytest.raises(RangeError):
            Scale(3, 1).steps_to(coarser)
