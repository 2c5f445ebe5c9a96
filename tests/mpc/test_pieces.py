"""Long vectors go in pieces: same results, declared costs, turns that even out, errors that end all."""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from benchmarks.links import linked_parties
from mpc.errors import ProtocolAbort
from mpc.protocols import branches
from mpc.protocols.base import Cost
from mpc.protocols.replicated.protocol import COSTS
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties

ELEMENTS = 1000
CASES = {
    "mul": (COSTS["mul"], lambda p, x: p.mul(x, x)),
    "truncate": (COSTS["truncate"], lambda p, x: p.truncate(x, 3)),
    "a2b": (lambda count: COSTS["a2b"](count, 12), lambda p, x: p.a2b(x, 12)),
    "sign": (lambda count: COSTS["sign"](count, 12), lambda p, x: p.sign(x, 12)),
    "sign_bits": (lambda count: COSTS["sign_bits"](count, 12), lambda p, x: p.sign_bits(x, 12)),
    "is_zero": (lambda count: COSTS["is_zero"](count, 12), lambda p, x: p.is_zero(x, 12)),
    "b2a": (COSTS["b2a"], lambda p, x: p.b2a(p.public(torch.full((1, 16), -1)), ELEMENTS)),
}
LONG = 10_000_000
TWO_GIB = 2 << 30


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branches, "SHORTEST", 256)
    monkeypatch.setattr(branches, "PIECE", 128)


@given(elements=st.integers(0, 5000), parties=st.integers(2, 5))
def test_pieces_cover_a_vector_once_and_end_at_words(elements: int, parties: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branches, "SHORTEST", 256)
        patch.setattr(branches, "PIECE", 128)
        cuts = list(branches.cut(elements, parties))
    assert [place for cut in cuts for place in range(cut.start, cut.stop)] == list(range(elements))
    assert all(cut.start % 64 == 0 for cut in cuts)
    assert all(cut.stop - cut.start <= max(128, 256 if len(cuts) == 1 else 0) for cut in cuts)


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("name", CASES)
def test_a_vector_in_pieces_takes_what_is_declared(name: str) -> None:
    declared, body = CASES[name]

    def program(session: Session) -> None:
        body(session.protocol, session.protocol.public(torch.arange(ELEMENTS)))

    parties = run_parties(program, ledgers=OnceLedger)
    measured = Cost(max(p.traffic.rounds for p in parties), tuple(p.traffic.bytes_sent for p in parties))
    assert measured == declared(ELEMENTS)


@pytest.mark.usefixtures("short_pieces")
def test_turns_even_out_what_the_parties_send() -> None:
    one, twelve = COSTS["sign"](64, 40), COSTS["sign"](12 * 64, 40)
    assert len(set(one.sent)) > 1
    assert len(set(twelve.sent)) == 1
    assert (twelve.rounds, sum(twelve.sent)) == (one.rounds, 12 * sum(one.sent))


@pytest.mark.usefixtures("short_pieces")
@settings(max_examples=max(4, settings.default.max_examples // 16))
@given(seed=st.integers(0, 2**32))
def test_results_are_those_of_the_clear(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-200, 200, (2, 10, 77)) / 4  # exact, with equal ones among them

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0), session.input(y, owner=1)
        less, product = session.gather(lambda: a < b, lambda: a * b)
        return less, product, mpc.abs(a), a == b, mpc.maximum(a, b)

    less, product, magnitude, same, most = run_parties(program, ledgers=OnceLedger)[0].result
    assert np.array_equal(less, x < y)
    assert np.array_equal(same, x == y)
    assert np.abs(product - x * y).max() <= 2.0**-9
    assert np.abs(magnitude - np.abs(x)).max() <= 2.0**-16
    assert np.abs(most - np.maximum(x, y)).max() <= 2.0**-16


@pytest.mark.usefixtures("short_pieces")
def test_an_error_in_one_piece_ends_all_parties() -> None:
    def program(session: Session) -> None:
        def body(piece: slice) -> None:
            if piece.start and session.party == 1:
                raise ZeroDivisionError
            session.protocol.sign(session.protocol.public(torch.arange(piece.stop - piece.start)), 20)

        branches.pieces(session.runtime, ELEMENTS, body)

    with pytest.raises((ProtocolAbort, ZeroDivisionError)):
        run_parties(program, timeout_s=10)


def _long(session: Session) -> tuple[Any, ...]:
    words = np.random.default_rng(1).uniform(-10, 10, LONG)
    most = 10 << 16
    return session.input(words, owner=0, bound=most), session.input(words[::-1].copy(), owner=1, bound=most)


def _work(x: Any, y: Any) -> None:
    for _ in range(2):
        total = (x * y).sum(), (x < y).sum()
        del total
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if peak > TWO_GIB:
        raise MemoryError(f"{peak / 2**30:.2f} GiB")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: resident memory is counted in KiB there")
def test_ten_million_products_and_comparisons_stay_below_two_gib(tmp_path: Path) -> None:
    with linked_parties(tmp_path / "box") as parties:
        parties.ready(_long, _work)
        parties.go()


def test_a_thread_of_the_program_is_refused() -> None:
    """Two threads at one place would mask two words alike."""

    def program(session: Session) -> None:
        x = session.input(np.array([3]), owner=0, bound=8)
        caught: list[BaseException] = []

        def work() -> None:
            try:
                (x * x).sum()
            except ProtocolAbort as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        (error,) = caught
        assert "session.gather" in str(error.remedy)  # type: ignore[attr-defined]

    run_parties(program)
