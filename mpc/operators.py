"""Operators of a secret tensor that `mpc.functions` computes: it stands above, and is found at first use."""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

from mpc.bits import no_truth


def numpy_names() -> Any:
    """What numpy's names and these operators are."""
    return importlib.import_module("mpc.functions.numpy_names")


class FunctionOperators:
    """`**`, `abs`, and `& | ^ ~` of masks, for `SecretTensor`."""

    def __pow__(self, exponent: Any) -> Any:
        """`mpc.power`."""
        return numpy_names().raised(self, exponent)

    def __rpow__(self, base: Any) -> Any:
        return numpy_names().raised(base, self)

    def __abs__(self) -> Any:
        """`mpc.abs`."""
        return numpy_names().absolute(self)

    def __pos__(self) -> Any:
        return self

    def __and__(self, other: Any) -> Any:
        """Of masks of 0 and 1: one product. `RangeError` for other words."""
        return numpy_names().conjunction(self, other)

    def __rand__(self, other: Any) -> Any:
        return self & other

    def __or__(self, other: Any) -> Any:
        """As `&`."""
        return numpy_names().disjunction(self, other)

    def __ror__(self, other: Any) -> Any:
        return self | other

    def __xor__(self, other: Any) -> Any:
        """As `&`."""
        return numpy_names().exclusive(self, other)

    def __rxor__(self, other: Any) -> Any:
        return self ^ other

    def __invert__(self) -> Any:
        """Of a mask of 0 and 1: 1 less it. No message. `RangeError` for other words."""
        return numpy_names().negation(self)

    def __contains__(self, item: object) -> NoReturn:
        no_truth("Whether something is in the words")
