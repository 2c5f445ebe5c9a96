"""What is public of a secret, and what may not be asked of it: the base of `SecretTensor`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

from mpc.bits import no_truth
from mpc.encoding import Scale
from mpc.errors import NotSupported
from mpc.protocols.base import Protocol


class PublicFacts:
    """Shape, scale and bound of shares; asking for their words raises."""

    protocol: Protocol[Any]
    share: Any
    scale: Scale
    bound: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; `()` for a number."""
        return self.protocol.shape(self.share)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, scale={self.scale}, bound={self.bound})"

    # --- what may not be asked --------------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        no_truth("The truth value")

    def __int__(self) -> NoReturn:
        no_truth("The integer value")

    def __float__(self) -> NoReturn:
        no_truth("The value")

    def __index__(self) -> NoReturn:
        no_truth("The index value")

    def __contains__(self, item: object) -> NoReturn:
        no_truth("Whether something is in the words")

    if not TYPE_CHECKING:  # for whom a tensor would then be an array

        def __array__(self, *_: Any, **__: Any) -> NoReturn:
            raise NotSupported("numpy cannot hold a secret.", remedy="Release it, or use mpc.stack.")

    def __reduce__(self) -> NoReturn:
        raise NotSupported("A secret tensor does not leave its process.", remedy="Release it as a result.")
