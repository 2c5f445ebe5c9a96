"""The reference kernels against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpc.kernels import reference as kernels

words = hnp.arrays(np.int64, st.integers(0, 200))


@given(words, st.integers(1, 64))
def test_planes_hold_the_low_bits_and_come_back(x: np.ndarray, count: int) -> None:
    planes = kernels.to_planes(torch.from_numpy(x), count)
    assert planes.shape == (count, kernels.words_for(x.size))
    back = kernels.from_planes(planes, x.size).numpy()
    mask = np.uint64((1 << count) - 1)
    assert np.array_equal(back.view(np.uint64), x.view(np.uint64) & mask)


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, max_side=70), elements=st.integers(0, 1)))
def test_packing_matches_numpy_and_comes_back(bits: np.ndarray) -> None:
    packed = kernels.words_to_bits(torch.from_numpy(bits))
    padded = np.zeros((*bits.shape[:-1], packed.shape[-1] * 64), dtype=np.uint8)
    padded[..., : bits.shape[-1]] = bits
    assert np.array_equal(packed.numpy(), np.packbits(padded, axis=-1, bitorder="little").view(np.int64))
    assert np.array_equal(kernels.bits_to_words(packed, bits.shape[-1]).numpy(), bits)


@given(words, st.integers(0, 63))
def test_shift_right_is_logical(x: np.ndarray, bits: int) -> None:
    shifted = kernels.shift_right(torch.from_numpy(x), bits).numpy()
    assert np.array_equal(shifted.view(np.uint64), x.view(np.uint64) >> np.uint64(bits))


@pytest.mark.parametrize("kernel", ["cross", "cross_matmul", "cross_and"])
def test_cross_terms_of_three_parties_make_the_product(kernel: str) -> None:
    rng = np.random.default_rng(5)
    x, y = (torch.from_numpy(rng.integers(-(2**63), 2**63, (3, 4, 4))) for _ in range(2))
    parts = [getattr(kernels, kernel)((x[i], x[(i + 1) % 3]), (y[i], y[(i + 1) % 3])) for i in range(3)]
    if kernel == "cross_and":
        expected = (x[0] ^ x[1] ^ x[2]) & (y[0] ^ y[1] ^ y[2])
        assert torch.equal(parts[0] ^ parts[1] ^ parts[2], expected)
        return
    whole_x, whole_y = x.sum(0), y.sum(0)
    expected = whole_x * whole_y if kernel == "cross" else whole_x @ whole_y
    assert torch.equal(sum(parts[1:], parts[0]), expected)
