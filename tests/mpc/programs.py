"""How tests run a program as all parties, and over which protocols.

Functions are made of a protocol's primitives alone, and `tests.mpc.protocol_contract` holds every protocol to
those. So a generic suite of functions runs over the quick protocols; `test_crypten` has one case a function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpc.protocols.table import PROTOCOLS
from mpc.randomness import OnceLedger
from mpc.simulation import PartyRun, run_parties

#: All but those that start processes and have dozens of rounds a comparison.
QUICK = [name for name in PROTOCOLS if name != "crypten"]
everywhere = pytest.mark.parametrize("protocol", QUICK)


def runs(program: Any, protocol: str = "replicated") -> list[PartyRun]:
    """What each party ended with; no stream is drawn twice."""
    return run_parties(program, protocol=protocol, ledgers=OnceLedger)


def release(program: Any, protocol: str = "replicated") -> Any:
    """What the program's result opens to."""
    return runs(program, protocol)[0].result


def same(got: Any, want: Any) -> None:
    """Arrays that are equal, one by one, in shape too."""
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.array_equal(one, other)
