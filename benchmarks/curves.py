"""Makes mpc/functions/coefficients.py: functions as sums of waves, by least squares on a part of the turn.

    python -m benchmarks.curves

The coefficients are data, not computed where they are used, since all parties must have the same ones.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mpc.functions.coefficients import Coefficients

Reals = npt.NDArray[np.float64]
PLACE = Path(__file__).parent.parent / "mpc" / "functions" / "coefficients.py"
#: Value and dealt words together have so many fraction bits, less those above the point.
WIDE = 61
GRID = 12_000
#: Fraction bits that the saturating functions come with.
SHORT, LONG = 16, 26


@dataclass(frozen=True)
class Wanted:
    """f from `low` to `high`; a turn is `turn`; odd functions take sines of odd multiples only."""

    function: Callable[[Reals], Reals]
    low: float
    high: float
    turn: float
    #: error below 2^-bits
    bits: int
    odd: bool = False


def _saturating(function: Callable[[Reals], Reals], reach: float, bits: int) -> Wanted:
    """An odd function up to where it has its limit, as a wave of a little over four times that width.

    A wave of just four times would turn there, and to bend it so takes many waves.
    """
    return Wanted(function, -reach, reach, 4.1 * reach, bits + (6 if bits == SHORT else 5), odd=True)


def _wanted() -> dict[str, Wanted]:
    erf = np.vectorize(math.erf, otypes=[np.float64])
    made = {
        "reciprocal": Wanted(lambda m: 1 / m, 0.5, 1, 2, 27),
        "sqrt": Wanted(np.sqrt, 0.25, 1, 2, 27),
        "rsqrt": Wanted(lambda m: m**-0.5, 0.25, 1, 2, 26),
        "log": Wanted(np.log, 0.5, 1, 2, 32),
        "log2": Wanted(np.log2, 0.5, 1, 2, 32),
    }
    for bits in (SHORT, LONG):
        log = math.log(2)
        made[f"sigmoid{bits}"] = _saturating(lambda x: np.tanh(x / 2) / 2, (bits + 1) * log, bits)
        made[f"tanh{bits}"] = _saturating(np.tanh, (bits + 2) * log / 2, bits)
        made[f"erf{bits}"] = _saturating(erf, math.sqrt((bits + 1) * log), bits)
    return made


def fitted(wanted: Wanted) -> Coefficients:
    """The fewest waves that are good enough."""
    middle, half = (wanted.low + wanted.high) / 2, (wanted.high - wanted.low) / 2
    x = middle + half * np.cos(np.pi * (np.arange(GRID) + 0.5) / GRID)
    y = wanted.function(x)
    for count in range(2, 60):
        multiples = np.arange(count) * (2 if wanted.odd else 1) + 1
        angles = 2 * np.pi * x[:, None] / wanted.turn * multiples
        columns = [np.sin(angles)] if wanted.odd else [np.ones((GRID, 1)), np.cos(angles), np.sin(angles)]
        matrix = np.hstack(columns)
        solution = np.linalg.lstsq(matrix, y, rcond=1e-13)[0]
        error = np.abs(matrix @ solution - y).max()
        if error < 2.0**-wanted.bits and np.abs(solution).sum() < 128:
            break
    else:
        raise ValueError("no sum of 60 waves is good enough")
    sines = solution[-count:]
    cosines = np.zeros(count) if wanted.odd else solution[1 : count + 1]
    constant = 0.0 if wanted.odd else float(solution[0])
    total = WIDE - max(0, math.ceil(math.log2(np.abs(y).max() * (1 + 2.0**-20))))
    # the dealt words' rounding counts as the coefficients are large, the factors' once a word
    size = math.sqrt(float((cosines**2 + sines**2).sum()))
    dealt = round((total + math.log2(size / math.sqrt(2 * count))) / 2)
    return Coefficients(
        turn=wanted.turn,
        end=wanted.high,
        stride=2 if wanted.odd else 1,
        dealt_bits=dealt,
        part_bits=total - dealt,
        constant=constant.hex(),
        cosines=() if wanted.odd else tuple(float(c).hex() for c in cosines),
        sines=tuple(float(s).hex() for s in sines),
    )


#: What the file begins with stays; what follows this is made anew.
DATA = "CURVES: Final[dict[str, Coefficients]] = {\n"


def main() -> None:
    entries = [f"    {name!r}: {fitted(wanted)!r},\n" for name, wanted in _wanted().items()]
    head, _, _ = PLACE.read_text(encoding="utf-8").partition(DATA)
    PLACE.write_text(head + DATA + "".join(entries) + "}\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", PLACE], check=True)


if __name__ == "__main__":
    main()
