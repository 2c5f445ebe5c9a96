"""Functions of a word that two sides hold as a difference: x = c - r mod 2^64.

c is known to who computes and r to who deals; neither knows x. If f(c - r) is a sum of u_k(c) w_k(r), the
dealer shares the words w_k(r), and what remains is a sum with factors that the others know: whatever f is, it
takes no round but that of the deal. Two families:

* `Waves`: f is a sum of waves, cos k(c - r) = cos kc cos kr + sin kc sin kr, and the same for the sine. A
  turn is 2^64, so a difference that leaves the ring comes round by itself. Any smooth function on a part of
  the turn is such a sum, to any precision. (Boura, Chillotti, Gama, Jetchev, Peceny, Petric: eprint
  2017/1234, section 4.)
* `Octaves`: f(x) = 2^x on 15 octaves. 2^(c - r) is a product of what each side knows alone, but for the
  octave that the difference is in: c's own octave names the row of a dealt table of 16. (Exponents as
  products of each party's own: Kelkar, Le, Raykova, Seth, eprint 2021/208, on exponentiation; tables by the
  difference: Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky, TCC 2013, section 3.)

The words are rounded to fixed bits on each side, so the error does not depend on x.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mpc.kernels import Kernels
from mpc.kernels.reference import OCTAVES


class Separable(ABC):
    """What is dealt, and what is made of it."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """Dealt words an element."""

    @property
    @abstractmethod
    def spec(self) -> tuple[int, ...]:
        """The numbers that `dealt` depends on: all that a dealer who runs no program is told."""

    @abstractmethod
    def dealt(self, kernels: Kernels, r: Tensor) -> Tensor:
        """`[rows, n]` words from `[n]`."""

    @abstractmethod
    def part(self, kernels: Kernels, c: Tensor, dealt: Tensor, *, first: bool) -> Tensor:
        """A party's part `[n]` of the sum f(c - r) from its part of `dealt`; public terms are the first's."""


@dataclass(frozen=True)
class Waves(Separable):
    """constant + sum of a_k cos(h_k x) + b_k sin(h_k x), h = 1, 1 + stride, ...; 2^64 is a turn.

    The value has `dealt_bits` fraction bits more than the coefficients.
    """

    cosines: tuple[float, ...]
    sines: tuple[float, ...]
    constant: int
    stride: int
    dealt_bits: int

    @property
    def rows(self) -> int:
        return 2 * len(self.cosines)

    @property
    def spec(self) -> tuple[int, ...]:
        return len(self.cosines), self.stride, self.dealt_bits

    def dealt(self, kernels: Kernels, r: Tensor) -> Tensor:
        return kernels.wave_words(r, *self.spec)

    def part(self, kernels: Kernels, c: Tensor, dealt: Tensor, *, first: bool) -> Tensor:
        made = kernels.wave_sum(c, dealt, self.cosines, self.sines, self.stride)
        return made + self.constant if first else made


@dataclass(frozen=True)
class Octaves(Separable):
    """2^(x - 1/2) less `OFFSET` for x from 0 to 15 octaves, each 2^60 of a word.

    The value has `dealt_bits` + `part_bits` fraction bits; it stays below 2^63, so x ends at 14.5 for 49.
    """

    dealt_bits: int
    part_bits: int
    #: Makes room for values of up to 2^63.
    OFFSET: ClassVar[int] = 1 << 62

    @property
    def rows(self) -> int:
        return OCTAVES

    @property
    def spec(self) -> tuple[int, ...]:
        return (self.dealt_bits,)

    def dealt(self, kernels: Kernels, r: Tensor) -> Tensor:
        return kernels.octave_words(r, self.dealt_bits)

    def part(self, kernels: Kernels, c: Tensor, dealt: Tensor, *, first: bool) -> Tensor:
        made = kernels.octave_product(c, dealt, self.part_bits)
        return made - self.OFFSET if first else made


def for_each(bits: int | Tensor, part: Tensor) -> Tensor:
    """`part` `[n]`, once for each of `[k, 1]` shifts."""
    return part if isinstance(bits, int) else part.expand(bits.shape[0], -1).contiguous()


__all__ = ["Octaves", "Separable", "Waves", "for_each"]
