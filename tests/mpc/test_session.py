"""Programs, gather, declared openings, outside inputs and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mpc
from mpc.errors import ConfigError, CopyMismatch, InputMismatch, ProtocolAbort, RangeError
from mpc.protocols.replicated.packages import InputPackage, reconstruct, share_input
from mpc.protocols.replicated.shares import ReplicatedShare, result_to_bytes
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties

vectors = hnp.arrays(np.int64, st.integers(0, 50))


def test_the_readme_program() -> None:
    def program(session: Session) -> Any:
        x = session.input(np.array([1.5, 2.0]), owner=0)
        y = session.input(np.array([3.0, 4.0]), owner=1)
        return (x * y).sum()

    assert mpc.simulate(program) == 12.5


def test_eight_independent_comparisons_cost_the_rounds_of_one() -> None:
    x = np.arange(10)

    def program(branches: int) -> Any:
        def run(session: Session) -> Any:
            a = session.input(x, owner=0, bound=10)
            return session.gather(*(lambda k=k: a < k % 5 for k in range(branches)))

        return run

    one, eight = (run_parties(program(n), ledgers=OnceLedger) for n in (1, 8))
    assert eight[0].traffic.rounds == one[0].traffic.rounds
    for k, got in enumerate(eight[0].result):
        assert np.array_equal(got, x < k % 5)


def test_an_error_in_a_branch_ends_the_session() -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([1]), owner=0, bound=2**40)
        return session.gather(lambda: a + 1, lambda: a * a)

    with pytest.raises(RangeError):
        mpc.simulate(program)


def test_openings_are_declared() -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([4, 5]), owner=0, bound=8)
        assert np.array_equal(session.open(a, why="a test"), [4, 5])
        return a

    runs = run_parties(program)
    assert [(o.why, o.elements) for o in runs[2].openings] == [("a test", 2)]


def test_strict_sessions_demand_bounds() -> None:
    with pytest.raises(RangeError, match="bound"):
        run_parties(lambda s: s.input(np.array([1]), owner=0), strict=True)


def test_booleans_are_bounded_by_their_type() -> None:
    def program(session: Session) -> Any:
        flags = session.input([True, False], owner=1)
        assert flags.bound == 1
        return flags

    runs = run_parties(program, strict=True)
    assert np.array_equal(runs[0].result, [1, 0])
    assert runs[0].traffic.rounds == 1


def test_a_bound_of_0_is_a_bound() -> None:
    assert mpc.simulate(lambda s: s.input([0, 0], owner=0, bound=0).sum()) == 0
    with pytest.raises(RangeError, match="bound of 0"):
        mpc.simulate(lambda s: s.input([0, 1], owner=0, bound=0))


def test_an_announced_bound_is_the_largest_of_its_bits() -> None:
    def program(session: Session) -> Any:
        given = ([1, 0], [5], [2**62 - 1], [0])
        assert [session.input(x, owner=1).bound for x in given] == [1, 7, 2**62 - 1, 1]

    run_parties(program)


@pytest.mark.parametrize("owner", [3, 5, -1])
def test_an_owner_is_a_party(owner: int) -> None:
    for run in (mpc.simulate, run_parties):
        with pytest.raises(ConfigError, match=f"Party {owner} is none"):
            run(lambda s: s.input([1], owner=owner))


@pytest.mark.parametrize("first", [False, True])
def test_a_party_hears_of_its_own_error_not_of_what_follows_from_it(first: bool) -> None:
    """One branch waits for messages while another fails: the session is over for both, for one reason."""

    def boom() -> Any:
        raise KeyError("not there")

    def program(session: Session) -> Any:
        a = session.input(np.arange(500), owner=0, bound=500)
        branches = [lambda: mpc.sort(a), boom]
        return session.gather(*(branches[::-1] if first else branches))

    with pytest.raises(KeyError, match="not there"):
        run_parties(program)


def test_the_other_branches_abort_because_of_the_first_error() -> None:
    seen: list[BaseException] = []

    def program(session: Session) -> Any:
        a = session.input(np.arange(5), owner=0, bound=500)

        def waits() -> Any:
            try:
                for _ in range(10**6):
                    a * a
            except ProtocolAbort as error:
                seen.append(error)
                raise

        def fails() -> Any:
            raise KeyError("not there")

        return session.gather(waits, fails)

    with pytest.raises(KeyError):
        run_parties(program)
    assert {type(error.__cause__) for error in seen} == {KeyError}
    assert not any("not there" in str(error) for error in seen)


def test_parties_with_other_parameters_abort() -> None:
    with pytest.raises(ProtocolAbort, match="disagree on the plan"):
        run_parties(lambda s: s.agree(bytes([s.party]) * 32, "the plan"))


def test_both_ends_of_every_edge_hold_the_same_transcript() -> None:
    runs = run_parties(lambda s: s.input(np.arange(9), owner=0, bound=9) < 4)
    for mine in range(3):
        for theirs in range(3):
            if mine != theirs:
                sent = runs[mine].digests[f"party {theirs}"][0]
                assert sent == runs[theirs].digests[f"party {mine}"][1]


@given(vectors, st.sampled_from(["arithmetic", "boolean"]))
def test_an_outside_input_is_any_two_parties_short_of_nothing(words: np.ndarray, domain: str) -> None:
    packages = [
        ReplicatedShare.of(InputPackage.from_bytes(p.party, p.to_bytes(), words.size))
        for p in share_input(words, domain)
    ]
    join = np.bitwise_xor if domain == "boolean" else np.add
    components = [share.own.numpy() for share in packages]
    assert np.array_equal(join(join(components[0], components[1]), components[2]), words)
    for party in range(3):
        assert np.array_equal(packages[party].next, packages[(party + 1) % 3].own)


@pytest.mark.parametrize("change", [b"", b"x"])
def test_a_package_of_the_wrong_size_is_refused(change: bytes) -> None:
    package = share_input(np.arange(5))[1].to_bytes()
    with pytest.raises(ProtocolAbort):
        InputPackage.from_bytes(1, package[:-1] + change * 2, 5)


def test_an_owner_that_sends_two_different_copies_is_named() -> None:
    first, second = share_input(np.arange(5)), share_input(np.arange(5))

    def program(session: Session) -> None:
        package = (second if session.party == 2 else first)[session.party]
        session.protocol.compare_copies({"st-elsewhere": [ReplicatedShare.of(package)], "fine": [_zero()]})

    with pytest.raises(InputMismatch) as abort:
        run_parties(program)
    assert abort.value.culprit == "st-elsewhere"


def _zero() -> ReplicatedShare:
    zero = ReplicatedShare.of(share_input(np.zeros(1, dtype=np.int64))[0]).own * 0
    return ReplicatedShare(zero, zero)


@given(vectors)
def test_results_reconstruct_and_a_changed_copy_aborts(words: np.ndarray) -> None:
    copies = [result_to_bytes(ReplicatedShare.of(package)) for package in share_input(words)]
    assert np.array_equal(reconstruct(copies, words.size), words)
    if words.size:
        changed = bytes([copies[1][0] ^ 1]) + copies[1][1:]
        with pytest.raises(CopyMismatch, match="different copies"):
            reconstruct([copies[0], changed, copies[2]], words.size)
    with pytest.raises(CopyMismatch):
        reconstruct([copies[0], copies[1] + b"12345678", copies[2]], words.size)
