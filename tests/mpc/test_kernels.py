"""The kernels: the reference against numpy, every other implementation against the reference, bit for bit."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from mpc.errors import ConfigError
from mpc.kernels import Kernels, choose, cuda, native
from mpc.packing import words_for

words = hnp.arrays(np.int64, st.integers(0, 700))
seeds = st.integers(0, 2**32)
reference = Kernels()


def others() -> list[Any]:
    """Every level of the C kernels that this machine has, with one thread and with more."""
    built = native.library()
    if built is None:
        return [pytest.param(None, marks=pytest.mark.skip("the C kernels are not built here"))]
    levels = native.LEVELS[: built.triune_level() + 1]
    made = [native.NativeKernels(threads, level) for level in levels for threads in (1, 3)]
    return [pytest.param(kernels, id=f"{kernels.name}-{kernels.threads}") for kernels in made]


def gpu() -> list[Any]:
    """The GPU's, under Triton's interpreter where there is no GPU."""
    here = not cuda.lacking()
    missing = cuda.lacking(interpreted=not here)
    if missing:
        return [pytest.param(None, marks=pytest.mark.skip(missing), id="cuda")]
    return [pytest.param(cuda.CudaKernels(reference, interpreted=not here), id="cuda")]


every = pytest.mark.parametrize("kernels", [pytest.param(reference, id="reference"), *others(), *gpu()])
other = pytest.mark.parametrize("kernels", [*others(), *gpu()])


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(-(2**63), 2**63, shape))


def pair(seed: int, *shape: int) -> tuple[Tensor, Tensor]:
    return drawn(seed, *shape), drawn(seed + 1, *shape)


# --- what a kernel computes, against numpy --------------------------------------------------------


@every
@given(x=words, count=st.integers(1, 64))
def test_planes_hold_the_low_bits_and_come_back(kernels: Kernels, x: np.ndarray, count: int) -> None:
    planes = kernels.to_planes(torch.from_numpy(x), count)
    assert planes.shape == (count, words_for(x.size))
    assert [int(plane[0]) & 1 for plane in planes if x.size] == [
        int(x[0]) >> k & 1 for k in range(count) if x.size
    ]
    back = kernels.from_planes(planes, x.size).numpy()
    mask = np.uint64((1 << count) - 1)
    assert np.array_equal(back.view(np.uint64), x.view(np.uint64) & mask)


@every
@given(bits=hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, max_side=70), elements=st.integers(0, 1)))
def test_packing_matches_numpy_and_comes_back(kernels: Kernels, bits: np.ndarray) -> None:
    packed = kernels.words_to_bits(torch.from_numpy(bits))
    padded = np.zeros((*bits.shape[:-1], packed.shape[-1] * 64), dtype=np.uint8)
    padded[..., : bits.shape[-1]] = bits
    assert np.array_equal(packed.numpy(), np.packbits(padded, axis=-1, bitorder="little").view(np.int64))
    assert np.array_equal(kernels.bits_to_words(packed, bits.shape[-1]).numpy(), bits)


@given(words, st.integers(0, 63))
def test_shift_right_is_logical(x: np.ndarray, bits: int) -> None:
    shifted = reference.shift_right(torch.from_numpy(x), bits).numpy()
    assert np.array_equal(shifted.view(np.uint64), x.view(np.uint64) >> np.uint64(bits))


@every
@pytest.mark.parametrize("kernel", ["cross", "cross_matmul", "cross_and"])
def test_cross_terms_of_three_parties_make_the_product(kernels: Kernels, kernel: str) -> None:
    x, y = drawn(5, 3, 4, 4), drawn(6, 3, 4, 4)
    zero = (torch.zeros(4, 4, dtype=torch.int64),) * 2
    masks = [zero] if kernel == "cross_and" else []
    parts = [
        getattr(kernels, kernel)((x[i], x[(i + 1) % 3]), (y[i], y[(i + 1) % 3]), *masks) for i in range(3)
    ]
    if kernel == "cross_and":
        expected = (x[0] ^ x[1] ^ x[2]) & (y[0] ^ y[1] ^ y[2])
        assert torch.equal(parts[0] ^ parts[1] ^ parts[2], expected)
        return
    whole_x, whole_y = x.sum(0), y.sum(0)
    expected = whole_x * whole_y if kernel == "cross" else whole_x @ whole_y
    assert torch.equal(sum(parts[1:], parts[0]), expected)


@every
@given(x=words, seed=seeds, bits=st.integers(1, 62))
def test_a_dealt_pair_truncates(kernels: Kernels, x: np.ndarray, seed: int, bits: int) -> None:
    """Two parties' shares of z'' are the floor or the ceiling of z / 2^bits."""
    z = torch.from_numpy(x >> 1)  # |z| < 2^62
    r, low_mask = pair(seed, x.size)
    top_mask, zero = drawn(seed + 2, x.size), torch.zeros(x.size, dtype=torch.int64)
    low, top = kernels.truncation_pair(r, bits)
    opened = z + (1 << 62) + r
    first = kernels.truncation_share(opened, (low_mask, top_mask), bits, zero, first=True)
    second = kernels.truncation_share(opened, (low - low_mask, top - top_mask), bits, zero, first=False)
    error = first + second - (z >> bits)
    assert ((error == 0) | (error == 1)).all()


@every
@given(seed=seeds, stride=st.integers(1, 2))
def test_waves_are_cosines_and_sines(kernels: Kernels, seed: int, stride: int) -> None:
    words, count = drawn(seed, 70), 40
    words[:4] = torch.tensor([0, -(2**63), 2**63 - 1, 2**62])
    made = kernels.wave_words(words, count, stride, 40).numpy() / 2.0**40
    multiples = [1 + stride * place for place in range(count)]
    turns = [[int(word) * multiple % 2**64 / 2**64 for word in words] for multiple in multiples]
    angles = 2 * np.pi * np.array(turns)
    assert np.abs(made[:count] - np.cos(angles)).max() < 2.0**-38
    assert np.abs(made[count:] - np.sin(angles)).max() < 2.0**-38


@every
@given(seed=seeds)
def test_a_sum_of_waves_of_a_difference(kernels: Kernels, seed: int) -> None:
    """From the words that are dealt of r, f(c - r): whatever the two are, also where the difference wraps."""
    c, r = pair(seed, 70)
    made = kernels.wave_sum(
        c, kernels.wave_words(r, 3, 2, 30), [2.0**30, 0.0, 1e8], [3e8, -(2.0**29), 0.0], 2
    )
    angles = np.pi * (c - r).numpy() / 2.0**63
    want = (
        2.0**30 * np.cos(angles)
        + 1e8 * np.cos(5 * angles)
        + 3e8 * np.sin(angles)
        - 2.0**29 * np.sin(3 * angles)
    )
    assert np.abs(made.numpy() / 2.0**30 - want).max() < 8


@every
@given(seed=seeds)
def test_octaves_of_a_difference(kernels: Kernels, seed: int) -> None:
    """2^x for x from 0.5 to 14.5 octaves, from any c and the words that are dealt of r = c - x."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1 << 59, 29 << 59, 70, dtype=np.uint64)
    x[:2] = 1 << 59, (29 << 59) - 1
    c = drawn(seed, 70)
    r = c - torch.from_numpy(x.view(np.int64))
    made = kernels.octave_product(c, kernels.octave_words(r, 22), 27).numpy()
    want = np.exp2(x / 2.0**60 - 0.5 + 49)
    assert np.abs(made.view(np.uint64).astype(np.float64) / want - 1).max() < 2.0**-22


# --- the same words as the reference, for odd sizes, strides and nothing at all ------------------

sizes = st.sampled_from([0, 1, 7, 63, 64, 65, 511, 513, 9000, 20_001])
KERNELS: dict[str, Callable[[Kernels, int, int], Any]] = {
    "cross": lambda k, n, s: k.cross(pair(s, n), pair(s + 2, n)),
    "cross masked": lambda k, n, s: k.cross(pair(s, n), pair(s + 2, n), pair(s + 4, n)),
    "cross dot": lambda k, n, s: k.cross_dot(pair(s, 5, n), pair(s + 2, 5, n)),
    "cross dot of one row": lambda k, n, s: k.cross_dot(pair(s, n), pair(s + 2, n)),
    "cross and": lambda k, n, s: k.cross_and(pair(s, n), pair(s + 2, n), pair(s + 4, n)),
    "cross and rows": lambda k, n, s: k.cross_and_rows(
        pair(s, 7, n), [1, 6, 2, 2, 0], [0, 5, 3, 4, 6], [4, 1], pair(s + 2, 5, n)
    ),
    "truncation pair": lambda k, n, s: k.truncation_pair(drawn(s, n), 1 + s % 62),
    "truncation pair by element": lambda k, n, s: k.truncation_pair(drawn(s, n), 1 + drawn(s + 1, n) % 62),
    "truncation share": lambda k, n, s: k.truncation_share(
        drawn(s, n), pair(s + 1, n), 1 + s % 62, drawn(s + 3, n), first=s % 2 == 0
    ),
    "truncation share by element": lambda k, n, s: k.truncation_share(
        drawn(s, n), pair(s + 1, n), 1 + drawn(s + 4, n) % 62, drawn(s + 3, n), first=s % 2 == 0
    ),
    "to planes": lambda k, n, s: k.to_planes(drawn(s, n), 1 + s % 64),
    "from planes": lambda k, n, s: k.from_planes(drawn(s, 1 + s % 64, words_for(n)), n),
    "bits to words": lambda k, n, s: k.bits_to_words(drawn(s, 3, words_for(n)), n),
    "words to bits": lambda k, n, s: k.words_to_bits(drawn(s, 3, n)),
    "flip": lambda k, n, s: k.flip(drawn(s, words_for(n)), drawn(s + 1, n), s % 3, drawn(s + 2, n)),
    "gather": lambda k, n, s: k.gather(
        drawn(s, n).argsort(), *(drawn(s + i, n, 3) for i in range(1 + s % 3))
    ),
    "gather of a vector": lambda k, n, s: k.gather(drawn(s, n).argsort(), drawn(s + 1, n)),
    "wave words": lambda k, n, s: k.wave_words(drawn(s, n), 1 + s % 20, 1 + s % 2, 30),
    "wave sum": lambda k, n, s: k.wave_sum(
        drawn(s, n), drawn(s + 1, 6, n), [2e9, 3.7e8, -1e7], [0.0, 1e9, s * 0.37], 1 + s % 2
    ),
    "octave words": lambda k, n, s: k.octave_words(drawn(s, n), 20 + s % 5),
    "octave product": lambda k, n, s: k.octave_product(drawn(s, n), drawn(s + 1, 16, n), 20 + s % 8),
    "argsort": lambda k, n, s: k.argsort(drawn(s, n) >> (s % 64)),
    "inverse": lambda k, n, s: k.inverse(drawn(s, n).argsort()),
}


@other
@pytest.mark.parametrize("name", KERNELS)
@given(size=sizes, seed=seeds)
def test_equal_to_the_reference(kernels: Kernels, name: str, size: int, seed: int) -> None:
    ours, theirs = KERNELS[name](kernels, size, seed), KERNELS[name](reference, size, seed)
    for mine, expected in zip(*((x if isinstance(x, tuple) else (x,)) for x in (ours, theirs)), strict=True):
        assert mine.shape == expected.shape
        assert torch.equal(mine, expected)


@other
@given(
    shape=st.tuples(*[st.sampled_from([0, 1, 2, 11, 12, 13, 17, 97, 130, 260])] * 3),
    batch=st.sampled_from([(), (2,), (3, 2)]),
    seed=seeds,
)
def test_matrix_products_equal_to_the_reference(
    kernels: Kernels, shape: tuple[int, int, int], batch: tuple[int, ...], seed: int
) -> None:
    if kernels.name == "cuda" and not torch.cuda.is_available():  # interpreted, element by element
        shape = (min(shape[0], 17), min(shape[1], 17), min(shape[2], 17))
    m, k, n = shape
    x, y = pair(seed, *batch, m, k), pair(seed + 2, k, n)
    assert torch.equal(kernels.matmul(x[0], y[0]), reference.matmul(x[0], y[0]))
    assert torch.equal(kernels.cross_matmul(x, y), reference.cross_matmul(x, y))
    both = pair(seed + 4, *batch, k, n)
    assert torch.equal(kernels.cross_matmul(x, both), reference.cross_matmul(x, both))


@other
@given(seed=seeds)
def test_strides_are_followed(kernels: Kernels, seed: int) -> None:
    x, y = drawn(seed, 90, 2).T, drawn(seed + 1, 2, 180)[:, ::2]
    assert torch.equal(kernels.cross((x[0], x[1]), (y[0], y[1])), reference.cross((x[0], x[1]), (y[0], y[1])))
    assert torch.equal(kernels.matmul(x, drawn(seed, 3, 90).T), x @ drawn(seed, 3, 90).T)
    assert torch.equal(kernels.to_planes(x[1], 9), reference.to_planes(x[1], 9))
    grown = drawn(seed, 1).expand(90)
    assert torch.equal(
        kernels.cross((grown, x[0]), (y[0], grown)), reference.cross((grown, x[0]), (y[0], grown))
    )


# --- products from signed bytes -------------------------------------------------------------------


@given(x=words)
def test_signed_bytes_make_the_word_again(x: np.ndarray) -> None:
    x = np.concatenate([x, np.array([0, -1, 127, 128, 2**63 - 1, -(2**63)])])
    total = np.zeros(x.size, dtype=np.int64)
    for place, digit in enumerate(cuda.signed_bytes(torch.from_numpy(x))):
        assert digit.dtype == torch.int8
        total += digit.numpy().astype(np.int64) << (8 * place)
    assert np.array_equal(total, x)


@given(seed=seeds, m=st.integers(1, 40), k=st.integers(1, 70), n=st.integers(1, 40))
def test_a_ring_product_of_bytes_is_the_product(seed: int, m: int, k: int, n: int) -> None:
    x, y = drawn(seed, m, k), drawn(seed + 1, k, n)
    assert torch.equal(cuda.ring_product(x, y), x @ y)


def test_the_largest_sums_of_bytes_fit_and_long_inner_axes_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lowest = np.full((1, cuda.INNER), sum(-128 << (8 * place) for place in range(8)) % 2**64, dtype=np.uint64)
    x = torch.from_numpy(lowest.view(np.int64))
    assert all(int(digit[0, 0]) == -128 for digit in cuda.signed_bytes(x))
    assert torch.equal(cuda.ring_product(x, x.T), x @ x.T)
    monkeypatch.setattr(cuda, "INNER", 16)
    x, y = drawn(1, 5, 50), drawn(2, 50, 3)
    assert torch.equal(cuda.ring_product(x, y), x @ y)


# --- which kernels --------------------------------------------------------------------------------


def test_there_are_no_other_kernels() -> None:
    with pytest.raises(ConfigError, match="no kernels 'fast'"):
        choose("fast")


def test_without_a_compiled_file_the_reference_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    assert choose("auto").name == "reference"
    with pytest.raises(ConfigError, match="not built"):
        choose("native")


def test_without_a_gpu_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"no CUDA device|not installed"):
        choose("cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'triune\[gpu\]'"):
        choose("cuda")
