"""Operators of a secret tensor that `mpc.functions` computes, which stands above and fills the table here.

Imports point down: nothing here knows who provides an operator. `mpc.functions.numpy_names` does when it is
loaded, and `mpc.session` loads it, so whoever has a secret has its operators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mpc.errors import NotSupported
from mpc.facts import PublicFacts

#: What is asked for, by name.
NAMES: Final = frozenset(
    {
        "absolute", "conjunction", "disjunction", "divided", "dot", "exclusive", "function", "negation",
        "raised", "ufunc",
    }
)  # fmt: skip
_PROVIDED: Final[dict[str, Callable[..., Any]]] = {}


def provide(**functions: Callable[..., Any]) -> None:
    """Fill the table, with all of `NAMES`."""
    if functions.keys() != NAMES:
        raise TypeError(f"Operators are {sorted(NAMES)}, not {sorted(functions)}.")
    _PROVIDED.update(functions)


def provided(name: str) -> Callable[..., Any]:
    """What an operator is; `NotSupported` if nobody has loaded the functions."""
    if name not in _PROVIDED:
        raise NotSupported(
            f"Nobody provides the operator {name!r}.",
            remedy="Make secrets in a Session, or import mpc.functions.numpy_names first.",
        )
    return _PROVIDED[name]


class FunctionOperators(PublicFacts):
    """`**`, `abs`, `& | ^ ~` of masks and numpy's own functions, for `SecretTensor`."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """`np.maximum(x, y)`, and `array + x`: numpy asks the tensor, the tensor asks `mpc.functions`."""
        return provided("ufunc")(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """`np.sum(x)`, as `__array_ufunc__`."""
        return provided("function")(function, inputs, options)

    def dot(self, other: Any) -> Any:
        """`mpc.dot`, which is numpy's: for matrices the product of matrices. `vecdot` keeps other axes."""
        return provided("dot")(self, other)

    def __pow__(self, exponent: Any) -> Any:
        """`mpc.power`."""
        return provided("raised")(self, exponent)

    def __rpow__(self, base: Any) -> Any:
        """`mpc.power` of public numbers, as `lift` takes them."""
        return provided("raised")(base, self)

    def __abs__(self) -> Any:
        """`mpc.abs`."""
        return provided("absolute")(self)

    def __pos__(self) -> Any:
        return self

    def __and__(self, other: Any) -> Any:
        """Of masks of 0 and 1: one product. `RangeError` for other words."""
        return provided("conjunction")(self, other)

    def __rand__(self, other: Any) -> Any:
        """As `&`."""
        return self & other

    def __or__(self, other: Any) -> Any:
        """As `&`."""
        return provided("disjunction")(self, other)

    def __ror__(self, other: Any) -> Any:
        """As `&`."""
        return self | other

    def __xor__(self, other: Any) -> Any:
        """As `&`."""
        return provided("exclusive")(self, other)

    def __rxor__(self, other: Any) -> Any:
        """As `&`."""
        return self ^ other

    def __invert__(self) -> Any:
        """Of a mask of 0 and 1: 1 less it. No message. `RangeError` for other words."""
        return provided("negation")(self)
