"""`make tables`: what functions and primitives take and how far off they are, measured, into docs/tables.md.

Errors come from random words of every magnitude in the stated range, and its ends, against numpy on
exactly the words that were shared; the largest is shown, in units in the last place (ulp) or, where
the result is large, relative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import mpc
from benchmarks import views
from mpc.encoding import Scale
from mpc.protocols.replicated.protocol import COSTS
from mpc.session import Session
from mpc.simulation import run_parties

TARGET = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
POINTS = 1_000_000
BATCH = 50_000
#: Results of more units than 2^this have a relative error, others one in units in the last place.
RELATIVE_BITS = 22
ELEMENTS = 64_000
#: A machine that does other things, too, may keep a party of a simulation waiting.
PATIENCE_S = 600.0
Secret = Any
#: What the cost of a primitive depends on: bits, or words that are dealt.
_BITS = (16, 31, 62)
FACTS = dict.fromkeys(("a2b", "sign", "sign_bits", "is_zero"), _BITS) | {"separable": (14, 16, 34)}


@dataclass(frozen=True)
class Row:
    """A function, its range as bits of words on either side of 0 or above it, and the oracle."""

    name: str
    secret: Callable[..., Secret]
    oracle: Callable[..., np.ndarray]
    bits: tuple[int, ...]
    signed: bool
    domain: str
    #: whether 0 is in it
    zero: bool = False


def _pairs(x: Secret, y: Secret) -> Secret:
    return mpc.stack([x, y], axis=1)


def _softmax(x: Secret, y: Secret) -> Secret:
    return mpc.softmax(_pairs(x, y))[:, 0]


def _softmax_oracle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return special.softmax(np.stack([x, y], axis=1), 1)[:, 0]


def _logsumexp(x: Secret, y: Secret) -> Secret:
    return mpc.logsumexp(_pairs(x, y))


def _rows(places: int, division: int, base: int, power: float) -> list[Row]:
    """Every function at a scale; bits of words that are divided, and raised, and a power below 0."""
    top, raised = 60 - places, f"x < 2^{base - places}"
    wide, fine, near = (places + 12,), (places + 4,), (places + 10,) * 2
    return [
        Row(
            "divide",
            mpc.divide,
            np.divide,
            (division,) * 2,
            True,
            f"x, y within 2^{division - places}, y not 0",
        ),
        Row("reciprocal", mpc.reciprocal, np.reciprocal, (46,), True, f"within 2^{46 - places}, not 0"),
        Row("sqrt", mpc.sqrt, np.sqrt, (60,), False, f"0 <= x < 2^{top}", zero=True),
        Row("rsqrt", mpc.rsqrt, lambda x: 1 / np.sqrt(x), (60,), False, f"0 < x < 2^{top}"),
        Row("exp", mpc.exp, np.exp, fine, True, "within 16", zero=True),
        Row("log", mpc.log, np.log, (60,), False, f"0 < x < 2^{top}"),
        Row("sigmoid", mpc.sigmoid, special.expit, wide, True, "within 2^12", zero=True),
        Row("tanh", mpc.tanh, np.tanh, wide, True, "within 2^12", zero=True),
        Row("erf", mpc.erf, special.erf, wide, True, "within 2^12", zero=True),
        Row("log1p", mpc.log1p, np.log1p, (59,), False, f"0 <= x < 2^{top - 1}", zero=True),
        Row(
            "x^1.7", partial(mpc.power, y=1.7), lambda x: x**1.7, (base,), False, f"0 <= {raised}", zero=True
        ),
        Row(f"x^{power}", partial(mpc.power, y=power), lambda x: x**power, (base,), False, f"0 < {raised}"),
        Row("softmax of 2", _softmax, _softmax_oracle, near, True, "within 2^10", zero=True),
        Row("logsumexp of 2", _logsumexp, np.logaddexp, near, True, "within 2^10", zero=True),
    ]


ROWS = {16: _rows(16, 36, 35, -1.5), 24: _rows(24, 33, 40, -1.25)}


def drawn(rng: np.random.Generator, bits: int, signed: bool, *, zero: bool = False) -> np.ndarray:
    """Words of every magnitude below 2^bits, with the ends; 0 only where `zero`."""
    top = 2**bits - 1
    words = np.minimum(np.exp2(rng.uniform(0, bits, BATCH)).astype(np.int64), top)
    words[:3] = (1, top, 1 - zero)
    return words * rng.choice((-1, 1), BATCH) if signed else words


def _shared(session: Session, words: np.ndarray, places: int, bound: int) -> Secret:
    return session.secret(session.input(words, owner=0, bound=bound).share, Scale(bits=places), bound)


def error_line(row: Row, places: int, points: int = POINTS) -> str:
    """The largest errors over all points, and what an element costs."""
    rng, worst_unit, worst_relative = np.random.default_rng(1), 0.0, 0.0
    for _ in range(points // BATCH):
        words = [drawn(rng, bits, row.signed, zero=row.zero) for bits in row.bits]

        def program(session: Session, words: list[np.ndarray] = words) -> Secret:
            shared = [
                _shared(session, x, places, 2**bits - 1) for x, bits in zip(words, row.bits, strict=True)
            ]
            return row.secret(*shared)

        runs = run_parties(program, timeout_s=PATIENCE_S)
        want = row.oracle(*(x / 2.0**places for x in words))
        error = np.abs(runs[0].result - want)
        large = np.abs(want) > 2.0 ** (RELATIVE_BITS - places)
        worst_unit = max(worst_unit, float(error[~large].max(initial=0.0)) * 2**places)
        worst_relative = max(worst_relative, float((error[large] / np.abs(want[large])).max(initial=0.0)))
    cost = runs[0].traffic
    relative = f"2^{np.log2(worst_relative):.1f}" if worst_relative else "-"
    most = max(run.traffic.bytes_sent for run in runs) / BATCH
    return (
        f"| {row.name} | {places} | {row.domain} | {worst_unit:.2f} | {relative} "
        f"| {cost.rounds - len(row.bits)} | {most:.0f} |"
    )


def cost_lines() -> list[str]:
    """Declared costs, which a test compares with what the channel counts."""
    lines = []
    for name, cost in COSTS.items():
        if name in views.FACTS:
            continue
        for bits in FACTS.get(name, (None,)):
            made = cost(ELEMENTS) if bits is None else cost(ELEMENTS, bits)
            if name == "and":
                made = cost(ELEMENTS // 64)
            sent = " / ".join(f"{sent / ELEMENTS:.3g}" for sent in made.sent)
            lines.append(f"| {name} | {bits or '-'} | {made.rounds} | {sent} |")
    return lines


def view_section() -> list[str]:
    """What each party receives."""
    return [
        "## Views: bytes an element that each party receives, and from whom",
        "",
        "Of bit primitives 62 planes. Every word is masked by a stream that its receiver does not have, or",
        "is one of two components that it is meant to hold: what each is made of stands in",
        "[protocols.md](protocols.md); that they are uniform is measured by tests/security/test_views.py.",
        "",
        "| primitive | P0 | P1 | P2 |",
        "|---|---|---|---|",
        *views.lines(),
    ]


def main() -> None:
    errors = [error_line(row, places) for places, rows in ROWS.items() for row in rows]
    TARGET.write_text(
        "\n".join(
            [
                "# Tables",
                "",
                "Made by `make tables`; do not edit. Three parties, replicated.",
                "",
                f"## Functions: the largest error of {POINTS:,} random points of every magnitude",
                "",
                f"Results of up to 2^{RELATIVE_BITS} units in the last place (ulp): error in units;",
                "of larger ones: relative. Bytes are those of the party that sends most, an element.",
                "",
                "| function | fraction bits | domain | error (ulp) | relative error | rounds | bytes |",
                "|---|---|---|---|---|---|---|",
                *errors,
                "",
                "## Primitives: rounds, and bytes an element that P0 / P1 / P2 send",
                "",
                "For `separable` the words that are dealt, in turns where the vector is long, as here.",
                "",
                "| primitive | bits | rounds | bytes |",
                "|---|---|---|---|",
                *cost_lines(),
                "",
                *view_section(),
                "",
            ]
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
