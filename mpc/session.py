"""One party's view of one computation: inputs, declared openings, overlapping branches.

A program is a function of a session. It returns secrets; the runner releases them. The same program
runs in `mpc.simulate`, where all parties are threads of one process, and on nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from mpc import checks
from mpc.bits import SecretBits
from mpc.bounds import magnitude
from mpc.channel import Channel, Traffic
from mpc.encoding import MAX_MAGNITUDE, Scale, as_numbers, decode, encode, scale_of, whole_bound
from mpc.errors import ConfigError, RangeError
from mpc.functions import numpy_names
from mpc.kernels import Kernels
from mpc.packing import WORD_BITS
from mpc.protocols.base import Protocol
from mpc.protocols.branches import gather
from mpc.protocols.runtime import Opening, Runtime
from mpc.protocols.table import protocol_class
from mpc.randomness import PairKeys
from mpc.tensor import SecretTensor

Result = TypeVar("Result")
#: Loads the functions that are operators of secrets: a session is where secrets come from.
OPERATORS = numpy_names.OPERATORS


class Session:
    """One party's session. `strict` sessions (nodes) demand a public bound for every input.

    `ConfigError` if the protocol is not ready for nodes, and for one that is not there.
    """

    def __init__(
        self,
        channel: Channel,
        keys: PairKeys,
        protocol: str = "replicated",
        *,
        strict: bool = True,
        kernels: Kernels | None = None,
    ) -> None:
        kind = protocol_class(protocol)
        if strict and not kind.guarantees.node_ready:
            raise ConfigError(
                f"A node does not run the protocol {protocol}: {kind.guarantees.model}.",
                remedy="Use replicated; in this process mpc.simulate runs it.",
            )
        self.runtime = Runtime(channel, keys, kernels)
        self.protocol: Protocol[Any] = kind(self.runtime)
        self.strict = strict

    def __repr__(self) -> str:
        return f"Session(party={self.party}, protocol={self.protocol.guarantees.name!r})"

    @property
    def party(self) -> int:
        """This party's place, from 0; of helpers, after the parties that compute."""
        return self.runtime.party

    @property
    def parties(self) -> int:
        """How many parties compute."""
        return self.protocol.parties

    @property
    def openings(self) -> list[Opening]:
        """What this session has opened on the way, with reasons."""
        return self.runtime.openings

    @property
    def checks(self) -> list[str]:
        """What this session demands of secrets so far, each demand once."""
        return list(dict.fromkeys(check.why for check in checks.made(self.runtime)))

    @property
    def traffic(self) -> Traffic:
        """What this party has sent and received so far."""
        return self.runtime.channel.traffic

    def input(
        self, values: npt.ArrayLike, owner: int, *, scale: Scale | None = None, bound: int | None = None
    ) -> SecretTensor:
        """Share `values` of party `owner`; only the owner's values are used, shape and type are public.

        At `scale`; without one integers are exact and reals have 16 fraction bits. `bound` is a public bound
        on the magnitude of the words; booleans need none. Without one, a simulation announces the bit length
        of the owner's largest word (one more round), and a node refuses. One round, 8 B an element from the
        owner.

        Raises `RangeError` if a value exceeds the bound or has no word (NaN, text, dates, complex numbers),
        and `ConfigError` for an owner that is none of the parties.
        """
        array = as_numbers(values)
        self._require_party(owner)
        scale = scale_of(array) if scale is None else scale
        if bound is None and array.dtype.kind == "b":
            bound = scale.factor
        most = MAX_MAGNITUDE - 1 if bound is None else whole_bound(bound)
        words = encode(array, scale, most) if self._owns(owner) else None
        if bound is None:
            most = self._announce_bound(words, owner)
        tensor = None if words is None else torch.from_numpy(words)
        return self.secret(self.protocol.input(tensor, array.shape, owner), scale, most)

    def _require_party(self, owner: int) -> None:
        # a rehearsal has one party and does not know how many there will be
        if owner < 0 or (self.parties > 1 and owner >= self.parties):
            raise ConfigError(f"Party {owner} is none of the {self.parties}.", remedy="Name one.")

    def _owns(self, owner: int) -> bool:
        return self.parties == 1 or self.party == owner

    def _announce_bound(self, words: npt.NDArray[np.int64] | None, owner: int) -> int:
        if self.strict:
            raise RangeError(
                "An input came without a public bound.", remedy="Give bound=..., from the catalogue's range."
            )
        bits = None if words is None else magnitude(words).bit_length()
        return _largest_of(self.protocol.announce_bound(bits, owner))

    def secret(self, share: Any, scale: Scale, bound: int) -> SecretTensor:
        """A share that came from an outside owner, with its public scale and bound."""
        return SecretTensor(self.protocol, share, scale, bound)

    def bits(self, shares: Sequence[Any], lead: tuple[int, ...]) -> SecretBits:
        """Packed boolean shares of outside owners, flat words of `[*lead, n]` bits each, side by side.

        Each owner's n is a multiple of 64. No message.
        """

        def joined(*words: torch.Tensor) -> torch.Tensor:
            return torch.cat([part.reshape(*lead, -1) for part in words], dim=-1)

        share = self.protocol.linear(joined, *shares)
        return SecretBits(self.protocol, share, self.protocol.shape(share)[-1] * WORD_BITS)

    def public(self, values: npt.ArrayLike, scale: Scale | None = None) -> SecretTensor:
        """Public numbers as a secret tensor of the same shape, rounded to the nearest word. No message.

        At `scale`; without one integers are exact and reals have 16 fraction bits. `RangeError` for what has
        no word.
        """
        array = as_numbers(values)
        scale = scale_of(array) if scale is None else scale
        return SecretTensor.of_public(self.protocol, array, scale)

    def open(self, x: SecretTensor, *, why: str) -> npt.NDArray[np.generic]:
        """A declared opening to all computing parties; stands in `openings` with its reason.

        What was demanded before (`mpc.checks`) is settled first, since x may depend on it: one comparison and
        one flag more, and `RangeError` instead of x if a demand fails. Else one round, 8 B an element.
        """
        checks.require_met(self.runtime)
        return decode(self.protocol.open(x.share, why).cpu().numpy(), x.scale)

    def settle(self) -> SecretTensor | None:
        """1 if any check that nobody has looked at fails, else 0; None if there is none. One comparison.

        Whoever settles checks must suppress by the outcome all that depends on them. In a branch of `gather`
        they are the branch's own. Reveals nothing.
        """
        return checks.settle(self.runtime)

    def require_settled(self) -> None:
        """`ProtocolAbort` if a result is about to leave whose checks nobody has looked at."""
        checks.require_settled(self.runtime)

    def agree(self, digest: bytes, what: str) -> None:
        """Compare a 32-byte digest of public parameters with all parties; `ProtocolAbort` if they differ."""
        self.protocol.agree(digest, what)

    def gather(self, *branches: Callable[[], Result]) -> list[Result]:
        """Run independent branches so that their rounds overlap; results in order.

        Each branch has its own tag path and its own random streams. The first error ends the session. Where
        the protocol's rounds cannot overlap, the branches run one after the other.
        """
        return gather(self.protocol, *branches)


def _largest_of(bits: int) -> int:
    """The largest number of so many bits; not 0, which functions have no use for."""
    return max(1, (1 << bits) - 1)
