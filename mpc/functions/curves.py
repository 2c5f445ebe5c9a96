"""Smooth functions as sums of waves (`mpc.protocols.separable`), whose coefficients are data: `coefficients`.

`python -m benchmarks.curves` makes them. They are committed, since parties that computed them each on their
own machine might not have the same last bits, and then their shares would not fit together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mpc.encoding import INTEGER
from mpc.functions.coefficients import CURVES
from mpc.protocols.separable import Waves
from mpc.tensor import SecretTensor


@dataclass(frozen=True)
class Curve:
    """f(x) up to x = `end`, where `turn` of x is a turn of the waves; the value has `bits` fraction bits."""

    waves: Waves
    turn: float
    end: float
    bits: int

    def at(self, x: SecretTensor, units: int, wanted: int, bound: float) -> SecretTensor:
        """f of `[n]` words, of which `units` are 1, with `wanted` fraction bits; |f| <= `bound`. 3 rounds.

        Error: below 1 unit in the last place, and what `benchmarks.curves` allows.
        """
        step = round(2**64 / (self.turn * units))
        angles = x.protocol.linear(lambda words: words * (step - (step >> 63 << 64)), x.share)
        share = x.protocol.separable(angles, self.waves, self.bits - wanted)
        return x.like(share, scale=INTEGER, bound=int(bound * 2**wanted) + 2)


@cache
def curve(name: str) -> Curve:
    """A function by its name in the file."""
    made = CURVES[name]
    total, unit = made.dealt_bits + made.part_bits, 2.0**made.part_bits
    waves = Waves(
        cosines=tuple(float.fromhex(number) * unit for number in made.cosines) or (0.0,) * len(made.sines),
        sines=tuple(float.fromhex(number) * unit for number in made.sines),
        constant=round(float.fromhex(made.constant) * 2.0**total),
        stride=made.stride,
        dealt_bits=made.dealt_bits,
    )
    return Curve(waves, made.turn, made.end, total)
