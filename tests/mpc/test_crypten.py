"""CrypTen as a protocol: exact, without a generator of its own, and gone when its session is."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import mpc
from mpc.channel import memory_network
from mpc.encoding import INTEGER
from mpc.errors import ConfigError, ProtocolAbort, RangeError
from mpc.protocols.crypten import dealer
from mpc.protocols.crypten.dealer import HEAD_WORDS, Request
from mpc.protocols.crypten.protocol import _product_shape
from mpc.protocols.crypten.shares import CryptenShare
from mpc.protocols.separable import Octaves
from mpc.randomness import FreshKeys, OnceLedger, PairKeys
from mpc.session import Session
from mpc.simulation import run_parties
from tests.security.views import LIMIT, chi2

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("crypten") is None, reason="the extra triune[crypten] is not installed"
)
COUNTS = (2, 3, 5)


def opened(program: Any, parties: int) -> Any:
    return run_parties(program, protocol="crypten", parties=parties, ledgers=OnceLedger, timeout_s=30)[
        0
    ].result


@pytest.mark.parametrize("parties", COUNTS)
def test_integers_are_exact(parties: int) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(-(2**28), 2**28, (2, 60))

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=1 << 28), session.input(y, owner=1, bound=1 << 28)
        square = a.reshape(6, 10)
        return a * b, a < b, a * 0 == 0, a == b, square @ square.T, a.vecdot(b), (a < b) * a, a - 7 * b

    square = x.reshape(6, 10)
    want = (x * y, x < y, x * 0 == 0, x == y, square @ square.T, x @ y, (x < y) * x, x - 7 * y)
    for got, wanted in zip(opened(program, parties), want, strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("parties", COUNTS)
def test_truncation_has_no_large_error(parties: int) -> None:
    """Words of every magnitude up to 2^62, and shifts that differ by element."""
    rng = np.random.default_rng(2)
    x = np.exp2(rng.uniform(0, 62, 20_000)).astype(np.int64) * rng.choice((-1, 1), 20_000)
    x[:2] = (2**62 - 1, 1 - 2**62)
    shifts = rng.integers(1, 63, x.size)

    def program(session: Session) -> Any:
        share = session.protocol.input(torch.from_numpy(x), x.shape, 0)
        both = [session.protocol.truncate(share, bits) for bits in (16, torch.from_numpy(shifts))]
        return [session.secret(made, INTEGER, 1 << 61) for made in both]

    for got, bits in zip(opened(program, parties), (16, shifts), strict=True):
        floor = x >> bits
        assert np.all((got == floor) | (got == floor + 1))


def test_no_generator_of_torch_is_left() -> None:
    """Every test of this file runs with the generators shut; here, that they are."""
    code = """
import torch
from mpc.protocols.crypten import worker
crypten = worker.load()
worker.shut_generators()
from crypten.common import rng
for draw in (lambda: torch.randint(0, 2, (3,)), lambda: torch.rand(3), lambda: torch.Generator(),
             lambda: torch.empty(3).random_(),
             lambda: rng.generate_kbit_random_tensor((3,), generator=None, bitlength=1),
             lambda: rng.generate_random_ring_element((3,), generator=object())):
    try:
        draw()
    except (worker.GeneratorUsed, KeyError):
        continue
    raise SystemExit("a generator answered")
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False).returncode == 0


def test_a_provider_that_is_not_ours_is_not_reached() -> None:
    """With the dealer's streams fixed to 0 the parties' shares change: the masks come from there."""
    x = np.arange(4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=4)
        return int((a * a).share.words[0])

    class Fixed:
        def keys(self, parties: int) -> list[dict[int, bytes]]:
            return [{peer: bytes(32) for peer in range(parties)} for _ in range(parties)]

    seen = [run_parties(program, protocol="crypten", parties=2, keys=Fixed())[1].result for _ in range(2)]
    fresh = [run_parties(program, protocol="crypten", parties=2)[1].result for _ in range(2)]
    assert seen[0] == seen[1]
    assert len({*seen, *fresh}) == 3


def test_how_many_parties() -> None:
    for parties in (1, 6):
        with pytest.raises(ConfigError, match="2 to 5 parties"):
            opened(lambda s: s.public(np.ones(1)), parties)
    with pytest.raises(ConfigError, match="takes 3 parties"):
        run_parties(lambda s: s.public(np.ones(1)), parties=2)
    with pytest.raises(ConfigError, match="none of the 2"):
        opened(lambda s: s.input(np.ones(1), owner=2, bound=1 << 20), 2)


def _children() -> set[str]:
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines() if "mpc.protocols.crypten.worker" in line]
    mine = {pid for pid, parent, _ in rows if parent == str(os.getpid())}
    return {pid for pid, parent, _ in rows if parent in mine}


def _gone_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _children()


def test_a_session_leaves_no_process_however_it_ends() -> None:
    opened(lambda s: s.input(np.ones(2), owner=0, bound=1 << 17), 3)
    assert _gone_within(5)

    def fails(session: Session) -> Any:
        a = session.input(np.ones(2), owner=0, bound=1 << 17)
        if session.party == 1:
            raise RangeError("One party fails.")
        return a * a

    with pytest.raises(RangeError, match="One party"):
        opened(fails, 3)
    assert _gone_within(5)


def test_a_worker_that_dies_ends_the_session() -> None:
    def program(session: Session) -> Any:
        a = session.input(np.ones(2), owner=0, bound=1 << 17)
        if session.party == 0:
            for pid in _children():
                os.kill(int(pid), 9)
        return a * a

    with pytest.raises(ProtocolAbort, match="CrypTen process of this party ended"):
        opened(program, 2)


def test_shares_and_failures_show_no_words() -> None:
    assert "424242" not in repr(CryptenShare(torch.tensor([424242])))

    def program(session: Session) -> Any:
        a = session.input(np.full(3, 424242), owner=0, bound=1 << 20)
        return session.protocol._worker("no such thing", a.share.words)  # type: ignore[attr-defined]

    with pytest.raises(ProtocolAbort, match="with KeyError") as caught:
        opened(program, 2)
    assert "424242" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [[99], [-1], [1, 9], [1, -1], [1, 2, -5, 3], [1, 2, 2**31, 2**31], [1, 8] + [2**8] * 8],
)
def test_the_dealer_refuses_what_is_no_request(words: list[int]) -> None:
    with pytest.raises(ProtocolAbort, match="The dealer was asked"):
        Request.from_words(torch.tensor(words + [0] * (HEAD_WORDS - len(words))))


@pytest.mark.parametrize("shifts", [[1, 2, 3], [0], [63], [[1, 2, 3, 4]]])
def test_the_dealer_refuses_shifts_that_are_none(shifts: list[Any]) -> None:
    asked = torch.tensor(shifts)

    def program(session: Session) -> None:
        request = Request("truncate", ((4,), tuple(asked.shape)))
        session.protocol._deals.take(request, [(4,)] * 3, asked)

    with pytest.raises(ProtocolAbort, match="The dealer was asked"):
        run_parties(program, protocol="crypten", parties=2)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("waves", (65, 1, 30)),
        ("waves", (0, 1, 30)),
        ("waves", (3, 3, 30)),
        ("waves", (3, 1)),
        ("octaves", (60,)),
    ],
)
def test_the_dealer_refuses_functions_that_are_none(kind: str, spec: tuple[int, ...]) -> None:
    def program(session: Session) -> None:
        session.protocol._deals.take(Request(kind, ((4,), spec)), [(4,), (1, 4)])

    with pytest.raises(ProtocolAbort, match="a function that is none"):
        run_parties(program, protocol="crypten", parties=2)


X = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]])
N = np.array([[3, -1, 7], [0, 5, -4]])
#: One case a function: what they are made of is held to the contract by `test_protocols`.
FUNCTIONS: dict[str, Any] = {
    "shape": lambda x, n: (n.T, mpc.take(n, [1, 0], 1), mpc.diff(n), mpc.cumulative_sum(n, 1)),
    "products": lambda x, n: (mpc.einsum("ij,kj->ik", n, n), mpc.outer(n[0], n[1]), mpc.vecdot(n, n), x * x),
    "convolution": lambda x, n: (mpc.conv2d(n.reshape(1, 1, 2, 3), n[:, :2].reshape(1, 1, 2, 2)),),
    "order": lambda x, n: (mpc.abs(n), mpc.sign(n), mpc.maximum(n, 1), mpc.clip(x, -1, 1), mpc.argmax(n)),
    "masks": lambda x, n: ((n > 0) & (n < 5), (n > 0) | (n == 0), ~(n != 3), mpc.where(n > 0, x, -x)),
    "truth": lambda x, n: (mpc.any(n), mpc.all(n, 0), mpc.count_nonzero(n), mpc.logical_not(n)),
    "reductions": lambda x, n: (mpc.mean(x, 1), mpc.prod(n, 1), mpc.var(x), mpc.std(x), mpc.max(x, 0)),
    "scans": lambda x, n: (mpc.cumulative_max(n, 1), mpc.cumulative_prod(n, 1), mpc.searchsorted(n[0], n[1])),
    "words": lambda x, n: (
        mpc.popcount(n), mpc.shift_right(n, 1), mpc.most_significant_bit(mpc.abs(n)), mpc.bit_planes(n),
        mpc.from_bit_planes(mpc.bit_planes(n)), x.less_bits(0),
    ),
    "curves": lambda x, n: (mpc.sigmoid(x), mpc.tanh(x), mpc.erf(x), mpc.exp(x)),
    "sums of powers": lambda x, n: (mpc.softmax(x), mpc.logsumexp(x)),
    "quotients": lambda x, n: (x / (n + 8), mpc.reciprocal(x), x / 3, x * 0.3),
    "roots": lambda x, n: (mpc.sqrt(x + 2), mpc.rsqrt(x + 2), mpc.log(x + 2), mpc.power(x + 2, 1.7), n**3),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_what_they_are_in_the_clear(name: str) -> None:
    def program(session: Session) -> Any:
        x, n = session.input(X, owner=0, bound=4 << 16), session.input(N, owner=1 % session.parties, bound=7)
        return FUNCTIONS[name](x, n)

    want = run_parties(program, protocol="cleartext")[0].result
    for got, wanted in zip(opened(program, 2), want, strict=True):
        assert np.shape(got) == np.shape(wanted)
        exact = got.dtype.kind in "iu" if isinstance(got, np.ndarray) else isinstance(got, int)
        assert np.all(np.abs(got - wanted) <= (0 if exact else 4 * 2.0**-16 + 2.0**-20 * np.abs(wanted)))


@pytest.mark.parametrize("parties", COUNTS)
def test_separable_functions(parties: int) -> None:
    """The same as in the clear, and a dealer who knows no coefficient."""
    x = np.array([-7.5, -1.0, 0.0, 0.25, 3.0, 40.0])

    def program(session: Session) -> Any:
        shared = session.input(x, owner=0, bound=41 << 16)
        return mpc.tanh(shared), mpc.exp(shared - 38, most=3.0)

    tanh, exp = opened(program, parties)
    assert np.abs(tanh - np.tanh(x)).max() < 2 * 2.0**-16
    assert (np.abs(exp - np.exp(x - 38)) < 2 * 2.0**-16 + 2.0**-21 * np.exp(x - 38)).all()


def test_requests_come_back_as_they_were() -> None:
    for request in (
        Request("end", ((), ())),
        Request("matmul", ((2, 3), (3, 4))),
        Request("and", ((5,), (5,))),
        Request("waves", ((5,), (17, 2, 29))),
    ):
        assert Request.from_words(request.to_words()) == request


def _received(party: int, run: Any) -> dict[tuple[Any, ...], np.ndarray]:
    """Every message that one of two parties and a dealer takes in a run."""
    channels, seen = memory_network(3, timeout_s=20), {}
    take = channels[party].recv

    def recv(frm: int, tag: Any) -> Any:
        full, payload = take(frm, tag)
        seen[tag.branch, tag.index, tag.primitive, frm] = np.frombuffer(payload, dtype="<i8").copy()
        return full, payload

    channels[party].recv = recv  # type: ignore[method-assign]
    keys = [PairKeys(own) for own in FreshKeys().keys(3)]
    sessions = [Session(*given, "crypten", strict=False) for given in zip(channels, keys, strict=True)]
    _together([lambda session=session: _play(session, run) for session in sessions])
    return seen


def _play(session: Session, run: Any) -> None:
    if session.party == session.parties:
        session.protocol.serve()
        return
    run(session)
    session.protocol.close(completed=True)


def _together(programs: list[Any]) -> None:
    with ThreadPoolExecutor(len(programs)) as pool:
        for done in [pool.submit(program) for program in programs]:
            done.result()


def _uneven(words: np.ndarray) -> bool:
    """Whether words, or single bits that travel as words, are not uniform: once in 10^9 of those that are."""
    if np.isin(words, (0, 1)).all():
        return bool(abs(words.mean() - 0.5) > 3 / np.sqrt(words.size))
    return chi2(words) > LIMIT


def _suspicious(party: int) -> list[str]:
    """Messages whose words are not uniform; two secrets, fresh keys, pooled over runs."""
    pooled: dict[Any, list[np.ndarray]] = {}
    for run in range(12):

        def program(session: Session, value: int = run % 2) -> None:
            x = session.input(np.full(2048, value * 1000), owner=0, bound=1 << 20)
            (x * x).shifted_down(5)
            x.reshape(32, 64) @ x.reshape(64, 32)
            for bits in ("a2b", "sign", "is_zero"):
                getattr(session.protocol, bits)(x.share, 40)
            session.protocol.and_(x.share, x.share)
            session.protocol.separable(x.share, Octaves(22, 27), 30)

        for where, words in _received(party, program).items():
            pooled.setdefault(where, []).append(words)
    return [str(where) for where, parts in pooled.items() if _uneven(np.concatenate(parts))]


@pytest.mark.parametrize("party", [0, 1])
def test_what_a_party_receives_is_uniform(party: int) -> None:
    assert _suspicious(party) == []


def test_the_dealer_receives_sizes_only() -> None:
    def program(session: Session, value: int) -> None:
        x = session.input(np.full(64, value), owner=0, bound=1 << 20)
        (x * x).shifted_down(5)
        assert (x < 5).shape == (64,)

    first, second = (_received(2, lambda s, value=value: program(s, value)) for value in (0, 777))
    assert first.keys() == second.keys()
    assert all(np.array_equal(words, second[where]) for where, words in first.items())
    assert {where[2] for where in first} <= {"deal.ask", "deal.truncate"}


def test_a_missing_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dealer and parties whose first stream is all zeros open x itself."""
    mask = dealer.Step.mask

    def without(self: Any, peer: int, shape: Any, stream: int = 0) -> Any:
        drawn = mask(self, peer, shape, stream)
        return torch.zeros_like(drawn) if self.primitive == "deal.mul" and stream == 0 else drawn

    monkeypatch.setattr(dealer.Step, "mask", without)
    monkeypatch.setattr("mpc.protocols.crypten.protocol.CryptenProtocol._zero", _no_zero)
    assert any(_suspicious(party) for party in (0, 1))


def _no_zero(self: Any, shape: Any, combine: Any) -> Any:
    return torch.zeros(shape, dtype=torch.int64)


def test_shapes_of_triples_are_torchs() -> None:
    assert _product_shape("matmul", (4, 2, 3), (3, 5)) == (4, 2, 5)
    assert math.prod(_product_shape("mul", (0, 3), (0, 3))) == 0
