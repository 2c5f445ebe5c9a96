"""What every protocol of the table keeps: one suite, on the interface alone, beside numpy and exact integers.

A class of tests takes `ProtocolContract` and gives it a fixture `protocol`, the name in the table. Nothing
here knows a protocol: what it promises stands in its `Guarantees`, what it costs in its `costs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import mpc
from mpc.encoding import INTEGER
from mpc.errors import ConfigError, NotSupported, ProtocolAbort
from mpc.protocols.base import Cost, Guarantees
from mpc.protocols.separable import Octaves, Waves
from mpc.protocols.table import protocol_class
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties

WAVES = Waves((1e9, 1e8), (0.0, 1e7), 1 << 60, 1, 30)
OCTAVES = Octaves(22, 27)
SHIFTS = torch.tensor([[20], [34], [48]])
SIZE = 130  # no multiple of a word's bits
Run = Callable[[Any, Any], object]


def words(seed: int = 0, top: int = 2**62) -> np.ndarray:
    """Words of every magnitude below a limit, with the ends."""
    rng = np.random.default_rng(seed)
    made = np.exp2(rng.uniform(0, np.log2(top), SIZE)).astype(np.int64)
    made[:4] = (0, 1, top - 1, top // 2)
    return np.minimum(made, top - 1) * rng.choice((-1, 1), SIZE)


def _square(given: torch.Tensor) -> torch.Tensor:
    return given[:36].reshape(6, 6)


def _row(given: torch.Tensor) -> torch.Tensor:
    return given[:5].reshape(1, -1)


#: Primitives with the facts that their costs depend on, as a rehearsal books them.
CASES: dict[str, list[tuple[tuple[int, ...], Run]]] = {
    "input": [((7, 0), lambda p, x: p.input(torch.zeros(7, dtype=torch.int64), (7,), 0))],
    "reveal": [((SIZE,), lambda p, x: p.reveal(x))],
    "reveal_to": [((SIZE, 0), lambda p, x: p.reveal_to(x, 0))],
    "agree": [((), lambda p, x: p.agree(bytes(32), "a test"))],
    "announce_bound": [((0,), lambda p, x: p.announce_bound(None if p.runtime.party else 5, 0))],
    "compare_copies": [((2,), lambda p, x: p.compare_copies({"a": [x], "b": [x, x]}))],
    "mul": [((SIZE,), lambda p, x: p.mul(x, x))],
    "dot": [((1, SIZE, SIZE), lambda p, x: p.dot(x, x))],
    "matmul": [((36, 36, 36), lambda p, x: p.matmul(*[p.linear(_square, x)] * 2))],
    "mul_truncate": [((SIZE,), lambda p, x: p.mul(x, x, 16))],
    "matmul_truncate": [
        ((1, SIZE, SIZE), lambda p, x: p.dot(x, x, 16)),
        ((36, 36, 36), lambda p, x: p.matmul(*[p.linear(_square, x)] * 2, 16)),
    ],
    "truncate": [
        ((SIZE, 1), lambda p, x: p.truncate(x, 16)),
        ((SIZE, SIZE), lambda p, x: p.truncate(x, torch.full((SIZE,), 16))),
    ],
    "separable": [
        ((SIZE, WAVES.rows, 1), lambda p, x: p.separable(x, WAVES, 30)),
        ((SIZE, OCTAVES.rows, 3), lambda p, x: p.separable(x, OCTAVES, SHIFTS)),
    ],
    "and": [((SIZE,), lambda p, x: p.and_(x, x))],
    "a2b": [((SIZE, 17), lambda p, x: p.a2b(x, 17)), ((SIZE, 1), lambda p, x: p.a2b(x, 1))],
    "b2a": [((320,), lambda p, x: p.b2a(p.linear(_row, x), 320))],
    "sign": [((SIZE, 17), lambda p, x: p.sign(x, 17)), ((SIZE, 62), lambda p, x: p.sign(x, 62))],
    "sign_bits": [((SIZE, 40), lambda p, x: p.sign_bits(x, 40))],
    "is_zero": [((SIZE, 40), lambda p, x: p.is_zero(x, 40))],
    "shuffle": [((SIZE,), lambda p, x: p.shuffle(x, p.draw_shuffle(SIZE)))],
    "unshuffle": [((SIZE,), lambda p, x: p.unshuffle(x, p.draw_shuffle(SIZE)))],
}


class ProtocolContract:
    """The suite. `at` is how many parties compute, None for the usual number."""

    at: int | None = None

    def guarantees(self, protocol: str) -> Guarantees:
        """What the protocol promises."""
        return protocol_class(protocol).guarantees

    def opened(self, program: Callable[[Session], Any], protocol: str) -> Any:
        """What a program's result opens to, the same at every party."""
        runs = run_parties(program, protocol=protocol, parties=self.at, ledgers=OnceLedger)
        for run in runs[1:]:
            for one, other in zip(run.result, runs[0].result, strict=True):
                assert np.array_equal(one, other)
        return runs[0].result

    def shared(self, session: Session, x: np.ndarray, owner: int = 0) -> Any:
        """A share of words, from one of the parties there are."""
        owner %= session.parties
        given = torch.from_numpy(np.ascontiguousarray(x)) if session.party == owner else None
        return session.protocol.input(given, x.shape, owner)

    def whole(self, session: Session, *shares: Any) -> tuple[Any, ...]:
        """Shares of integers as results."""
        return tuple(session.secret(share, INTEGER, 1) for share in shares)

    # --- sharing, opening, what is linear -----------------------------------------------------------

    def test_what_is_shared_opens_as_it_was(self, protocol: str) -> None:
        x = words()

        def program(session: Session) -> Any:
            p, share = session.protocol, self.shared(session, x, owner=1)
            only = p.reveal_to(share, 0)
            assert (only is None) == (session.party != 0)
            assert only is None or np.array_equal(only.numpy(), x)
            assert p.shape(share) == x.shape
            assert np.array_equal(p.open(share, "a test").numpy(), x)
            assert [(opening.why, opening.elements) for opening in session.openings] == [("a test", SIZE)]
            p.compare_copies({"a": [share]})
            assert p.announce_bound(9 if session.party == 0 else None, 0) == 9
            return self.whole(session, share, p.public(torch.from_numpy(x)))

        for got in self.opened(program, protocol):
            assert np.array_equal(got, x)

    def test_an_owner_gives_its_words(self, protocol: str) -> None:
        with pytest.raises(ProtocolAbort, match="must give its words"):
            self.opened(lambda s: s.protocol.input(None, (3,), 0), protocol)

    def test_linear_functions(self, protocol: str) -> None:
        x, y = words(1).reshape(13, 10), words(2).reshape(13, 10)
        factor = torch.from_numpy(words(3)[:10])

        def program(session: Session) -> Any:
            p, a, b = session.protocol, self.shared(session, x), self.shared(session, y, 1)
            return self.whole(
                session,
                p.linear(torch.add, a, b), p.linear(lambda word: (word * factor).sum(0), a),
                p.linear(lambda word: word[2:, ::3].reshape(-1), a), p.add_public(a, factor),
            )  # fmt: skip

        with np.errstate(over="ignore"):
            want = (x + y, (x * factor.numpy()).sum(0), x[2:, ::3].reshape(-1), x + factor.numpy())
        for got, wanted in zip(self.opened(program, protocol), want, strict=True):
            assert np.array_equal(got, wanted)

    # --- products and truncation --------------------------------------------------------------------

    def test_products_wrap_as_the_ring_does(self, protocol: str) -> None:
        x, y = words(4), words(5)

        def program(session: Session) -> Any:
            p, a, b = session.protocol, self.shared(session, x), self.shared(session, y, 1)
            tall, wide = (
                p.linear(lambda word: word.reshape(13, 10), a),
                p.linear(lambda w: w.reshape(10, 13), b),
            )
            rows = p.linear(lambda word: word.reshape(13, 10), b)
            return self.whole(session, p.mul(a, b), p.dot(tall, rows), p.matmul(tall, wide), p.mul(a, a))

        with np.errstate(over="ignore"):
            tall, rows = x.reshape(13, 10), y.reshape(13, 10)
            want = (x * y, (tall * rows).sum(-1), tall @ y.reshape(10, 13), x * x)
        for got, wanted in zip(self.opened(program, protocol), want, strict=True):
            assert np.array_equal(got, wanted)

    def test_truncations_are_within_what_is_guaranteed(self, protocol: str) -> None:
        promised = self.guarantees(protocol)
        x = words(6, 2**promised.truncation_bits)
        small, each = words(7, 2**28), np.random.default_rng(8).integers(1, 63, SIZE)

        def program(session: Session) -> Any:
            p, a, b = session.protocol, self.shared(session, x), self.shared(session, small, 1)
            square = p.linear(lambda word: word.reshape(13, 10), b)
            return self.whole(
                session, p.truncate(a, 16), p.truncate(a, torch.from_numpy(each)), p.mul(b, b, 9),
                p.dot(square, square, 9), p.truncate(a, 62), p.truncate(a, 1),
            )  # fmt: skip

        squares = (small.reshape(13, 10) ** 2).sum(1)
        want = (x >> 16, x >> each, (small**2) >> 9, squares >> 9, x >> 62, x >> 1)
        for got, floor in zip(self.opened(program, protocol), want, strict=True):
            above = got - floor
            assert 1 - promised.truncation_units <= above.min() <= above.max() <= promised.truncation_units

    def test_separable_functions(self, protocol: str) -> None:
        """Sums of waves, 2^64 a turn; and 2^x for x from 1/2 to 14 1/2 octaves of 2^60."""
        x, turn = words(9), 2 * np.pi * 2.0**-64
        octaves = np.linspace(0.5, 14.5, SIZE)

        def program(session: Session) -> Any:
            p, a = session.protocol, self.shared(session, x)
            b = self.shared(session, (octaves * 2.0**60).astype(np.uint64).view(np.int64))
            return self.whole(session, p.separable(a, WAVES, 30), p.separable(b, OCTAVES, SHIFTS))

        waves, powers = self.opened(program, protocol)
        want = WAVES.constant / 2**30 + sum(
            c * np.cos(k * turn * x) + s * np.sin(k * turn * x)
            for k, (c, s) in enumerate(zip(WAVES.cosines, WAVES.sines, strict=True), 1)
        )
        assert np.abs(waves - want).max() <= 2.0**-24 * np.abs(want).max()
        places = OCTAVES.dealt_bits + OCTAVES.part_bits - SHIFTS.numpy()
        exact = np.exp2(octaves - 0.5 + places)
        powers = powers + (OCTAVES.OFFSET >> SHIFTS.numpy())
        assert powers.shape == exact.shape
        assert np.all(np.abs(powers - exact) <= 2 + 2.0**-20 * exact)

    # --- bits and conversions -----------------------------------------------------------------------

    def test_bits_and_conversions(self, protocol: str) -> None:
        x, y = words(10), words(11)

        def program(session: Session) -> Any:
            p = session.protocol
            a, b = (p.a2b(self.shared(session, given), 64) for given in (x, y))
            both = (p.and_(a, b), p.linear(torch.bitwise_xor, a, b), p.xor_public(a, torch.tensor([-1])))
            made = [mpc.SecretBits(p, planes, SIZE) for planes in (a, *both)]
            lowest = p.b2a(p.linear(lambda words: words[:1], a), SIZE)
            return (*made, *self.whole(session, lowest, p.a2b(self.shared(session, x), 1)))[:-1]

        def planes(given: np.ndarray) -> np.ndarray:
            return (given >> np.arange(64)[:, None]) & 1

        want = (planes(x), planes(x & y), planes(x ^ y), 1 - planes(x), x & 1)
        for got, wanted in zip(self.opened(program, protocol), want, strict=True):
            assert np.array_equal(got, wanted)

    @pytest.mark.parametrize("bits", [1, 2, 17, 62])
    def test_comparisons(self, protocol: str, bits: int) -> None:
        x = words(12, 2**bits)

        def program(session: Session) -> Any:
            p, a = session.protocol, self.shared(session, x)
            plane = mpc.SecretBits(p, p.sign_bits(a, bits), SIZE)
            return (*self.whole(session, p.sign(a, bits), p.is_zero(a, bits)), plane[0])

        for got, wanted in zip(self.opened(program, protocol), (x < 0, x == 0, x < 0), strict=True):
            assert np.array_equal(got, wanted)

    def test_comparisons_make_bits_of_any_words(self, protocol: str) -> None:
        """What opens may rest on that, whatever a bound says."""
        x = words(13)

        def program(session: Session) -> Any:
            p, a = session.protocol, self.shared(session, x)
            return self.whole(session, p.sign(a, 5), p.is_zero(a, 5))

        for got in self.opened(program, protocol):
            assert np.isin(got, (0, 1)).all()

    # --- permutations -------------------------------------------------------------------------------

    def test_shuffles_or_a_refusal(self, protocol: str) -> None:
        rows = np.arange(SIZE * 2).reshape(SIZE, 2)

        def program(session: Session) -> Any:
            p, a = session.protocol, self.shared(session, rows)
            drawn = p.draw_shuffle(SIZE)
            mixed = p.shuffle(a, drawn)
            return self.whole(session, mixed, p.unshuffle(mixed, drawn), p.shuffle(a, drawn))

        if not self.guarantees(protocol).permutations:
            with pytest.raises(NotSupported, match="no shuffle"):
                self.opened(program, protocol)
            return
        mixed, back, again = self.opened(program, protocol)
        assert np.array_equal(back, rows)
        assert np.array_equal(mixed, again)
        assert not np.array_equal(mixed, rows)
        assert np.array_equal(mixed[np.argsort(mixed[:, 0])], rows)

    # --- sessions -----------------------------------------------------------------------------------

    def test_branches_give_what_they_give_alone(self, protocol: str) -> None:
        def rounds(count: int) -> int:
            def program(session: Session) -> Any:
                a = session.input(np.arange(-4, 4), owner=0, bound=4)
                return session.gather(*[lambda place=place: a < place for place in range(count)])

            runs = run_parties(program, protocol=protocol, parties=self.at, ledgers=OnceLedger)
            for place, got in enumerate(runs[0].result):
                assert np.array_equal(got, np.arange(-4, 4) < place)
            return max(run.traffic.rounds for run in runs)

        if self.guarantees(protocol).concurrent:
            assert rounds(5) == rounds(1)
        else:
            assert rounds(5) > rounds(1)

    def test_the_first_failure_ends_the_session_everywhere(self, protocol: str) -> None:
        def program(session: Session) -> Any:
            a = session.input(np.arange(4), owner=0, bound=4)
            if session.party == session.parties - 1:
                raise KeyError("a bug")
            return (a * a) * a

        with pytest.raises(KeyError, match="a bug"):
            self.opened(program, protocol)

    def test_parties_that_disagree_abort(self, protocol: str) -> None:
        def program(session: Session) -> Any:
            session.protocol.agree(bytes([session.party]) * 32, "a test")
            return (session.public([1]),)

        if self.guarantees(protocol).parties > 1:
            with pytest.raises(ProtocolAbort, match="disagree on a test"):
                self.opened(program, protocol)

    def test_a_program_runs_by_the_protocols_name(self, protocol: str) -> None:
        def program(session: Session) -> Any:
            x, y = session.input([1.5, 2.0], owner=0), session.input([3.0, 4.0], owner=0)
            return (x * y).sum(), (x < y).sum()

        assert mpc.simulate(program, protocol=protocol, parties=self.at, timeout_s=20.0) == (12.5, 2)
        assert mpc.rehearse(program, protocol, parties=self.at).rounds >= 0

    def test_only_what_is_ready_runs_on_nodes(self, protocol: str) -> None:
        def program(session: Session) -> Any:
            return (session.input([1, 2], owner=0, bound=2),)

        ran = 0
        if not self.guarantees(protocol).node_ready:
            with pytest.raises(ConfigError, match="A node does not run"):
                run_parties(program, protocol=protocol, parties=self.at, strict=True)
        else:
            ran = len(run_parties(program, protocol=protocol, parties=self.at, strict=True))
        assert bool(ran) == self.guarantees(protocol).node_ready

    # --- costs --------------------------------------------------------------------------------------

    def test_costs_are_exact_where_they_are_declared(self, protocol: str) -> None:
        """Every primitive or none; rounds and bytes as the channel counts them."""
        kind, count = protocol_class(protocol), self.at or self.guarantees(protocol).parties
        costs = kind.costs_for(count)
        known = CASES.keys() - (() if kind.guarantees.permutations else {"shuffle", "unshuffle"})
        assert costs.keys() in (set(), known)
        for name in costs:
            for facts, run in CASES[name]:

                def program(session: Session, run: Run = run) -> Any:
                    run(session.protocol, session.protocol.public(torch.arange(SIZE)))

                runs = run_parties(program, protocol=protocol, parties=self.at, ledgers=OnceLedger)
                sent = tuple(run.traffic.bytes_sent for run in runs)
                assert Cost(max(run.traffic.rounds for run in runs), sent) == costs[name](*facts), name
