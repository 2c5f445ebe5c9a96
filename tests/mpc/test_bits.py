"""Packed bits on their way to words and back: the same for every length, nothing unpacked in vain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpc
from mpc.kernels import Kernels
from mpc.session import Session
from mpc.simulation import run_parties
from tests.mpc.programs import everywhere

SHAPES = [(64,), (70,), (3, 64), (2, 3, 128), (3, 70), (1, 70), (0, 64), (4, 0), (128, 1)]


@everywhere
def test_bits_become_words_and_back(protocol: str) -> None:
    signed = [np.random.default_rng(1).integers(-9, 9, shape) for shape in SHAPES]

    def program(session: Session) -> Any:
        bits = [session.input(x, owner=0, bound=9).less_bits(0) for x in signed]
        return [(one, mpc.SecretTensor.of_bits(one), mpc.SecretTensor.of_bits(~one)) for one in bits]

    made = run_parties(program, protocol=protocol)[0].result
    for x, (bits, words, others) in zip(signed, made, strict=True):
        assert bits.shape == words.shape == x.shape
        assert np.array_equal(bits, x < 0)
        assert np.array_equal(words, x < 0)
        assert np.array_equal(others, x >= 0)


class Counted(Kernels):
    """Counts what is packed."""

    packed = 0

    def words_to_bits(self, bits: Any) -> Any:
        type(self).packed += 1
        return super().words_to_bits(bits)


@pytest.mark.parametrize(("shape", "least"), [((128,), 0), ((2, 64), 0), ((2, 65), 1)])
def test_whole_words_are_left_as_they_are(shape: tuple[int, ...], least: int) -> None:
    def program(session: Session) -> Any:
        bits = session.input(np.ones(shape, dtype=np.int64), owner=0, bound=1).less_bits(0)
        return mpc.SecretTensor.of_bits(bits)

    Counted.packed = 0
    run_parties(program, kernels=Counted())
    assert (Counted.packed > 0) == bool(least)
