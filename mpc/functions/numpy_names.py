"""What numpy's own functions do with a secret tensor: `np.maximum(x, y)`, `np.sum(x)`, `np.cumsum(x)`.

A tensor asks here when numpy asks it (NEP 13 and NEP 18). Signatures and defaults are numpy's: a call is
bound to numpy's own signature, and its options reach the function of `mpc` by name. What is not listed, and
options that it does not have, raise `NotSupported`; operands that do not fit `RangeError`,
axes that are not there `numpy.exceptions.AxisError`. Costs are those of the functions of `mpc`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from inspect import Parameter, Signature, signature
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.exceptions import AxisError

from mpc.errors import NotSupported, RangeError
from mpc.functions import masks, order, products, shape
from mpc.functions.numpy_tables import (
    ACCUMULATED,
    FILLS,
    FUNCTIONS,
    JOINS,
    MOVES,
    NO_MATTER,
    REDUCED,
    UFUNCS,
    Table,
    divided,
    raised,
)
from mpc.functions.unlisted import INSTEAD
from mpc.operators import provide
from mpc.tensor import SecretTensor

# --- what numpy calls -----------------------------------------------------------------------------


def ufunc(asked: np.ufunc, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """One of numpy's elementwise functions, or its `accumulate`, `reduce` or `outer`."""
    name = asked.__name__ if method == "__call__" else f"{asked.__name__}.{method}"
    table, allowed = _METHODS.get(method, (None, ()))
    if table is None or asked not in table:
        raise _not_supported(f"np.{name}", INSTEAD.get(asked, ""))
    kept = {key: value for key, value in options.items() if not _idle(key, value)}
    allowed = ("axis",) if asked is np.vecdot and method == "__call__" else allowed
    for option in kept:
        if option not in allowed:
            raise _no_option(f"np.{name}", option)
    with _typed(f"np.{name}"):
        if method == "outer":
            return table[asked](_spread(inputs[0], np.ndim(inputs[1])), inputs[1])
        if method != "__call__":
            return table[asked](*inputs, **{"axis": 0} | kept)
        if asked.signature is None:
            np.broadcast_shapes(*(np.shape(one) for one in inputs))
        return table[asked](*inputs, **kept)


#: The tables of a ufunc's methods, and the options they take.
_METHODS: Final[Mapping[str, tuple[Table, tuple[str, ...]]]] = MappingProxyType(
    {
        "__call__": (UFUNCS, ()),
        "outer": (UFUNCS, ()),
        "accumulate": (ACCUMULATED, ("axis",)),
        "reduce": (REDUCED, ("axis", "keepdims")),
    }
)
#: Options of ufuncs that say nothing.
_IDLE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "out": None,
        "dtype": None,
        "where": True,
        "casting": "same_kind",
        "order": "K",
        "subok": True,
        "initial": np._NoValue,
        "keepdims": False,
    }
)


def _idle(option: str, value: Any) -> bool:
    return option in _IDLE and _default(value, _IDLE[option])


def _spread(x: Any, count: int) -> Any:
    """`count` axes of length 1 more, behind."""
    return x.reshape(*np.shape(x), *[1] * count) if hasattr(x, "reshape") else x


def function(asked: Callable[..., Any], inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """One of numpy's functions of arrays."""
    name = _name(asked)
    with _typed(name):
        if asked in FUNCTIONS:
            given, kept = _given(asked, inputs, options)
            return FUNCTIONS[asked](*given, **_known(name, FUNCTIONS[asked], kept))
        if asked in MOVES or asked in FILLS:
            return _moved(asked, inputs, options)
        if asked in JOINS:
            return _joined(asked, inputs, options)
    raise _not_supported(name, INSTEAD.get(asked, ""))


def _given(
    asked: Callable[..., Any], inputs: tuple[Any, ...], options: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """What numpy's signature demands, in its order; and the options, by its names, less what says nothing."""
    theirs = _signature(asked)
    given: list[Any] = []
    kept: dict[str, Any] = {}
    for name, value in theirs.bind(*inputs, **options).arguments.items():
        parameter = theirs.parameters[name]
        if parameter.kind is Parameter.VAR_POSITIONAL:
            given += value
        elif parameter.kind is Parameter.VAR_KEYWORD:
            kept |= value
        elif parameter.default is Parameter.empty:
            given.append(value)
        elif not _default(value, parameter.default):
            kept[name] = value
    return given, kept


def _known(name: str, ours: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that count. `NotSupported` for one that the function does not have."""
    known = _signature(ours).parameters
    for option in options:
        if option not in known and option not in NO_MATTER:
            raise _no_option(name, option)
    return {option: value for option, value in options.items() if option in known}


def _default(value: Any, default: Any) -> bool:
    """Whether an option says nothing; a secret, or an array, always says something."""
    return value is default or (isinstance(value, str | bool | int) and bool(value == default))


@cache
def _signature(fn: Callable[..., Any]) -> Signature:
    return signature(fn)


def _moved(asked: Callable[..., Any], inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """numpy moves the places, counted from 1; the elements follow, and 0 stays 0."""
    first, *rest = inputs
    if not isinstance(first, SecretTensor):
        raise NotSupported(f"{_name(asked)} at secret places.", remedy="Places are public: see mpc.Order.")
    places = asked(np.arange(1, first.size + 1).reshape(first.shape), *rest, **options)
    if isinstance(places, list | tuple):
        return type(places)(shape.gathered(first, part - 1) for part in places)
    return shape.gathered(first, np.asarray(places) - 1)


def _joined(asked: Callable[..., Any], inputs: tuple[Any, ...], options: Mapping[str, Any]) -> SecretTensor:
    """numpy joins the places of all elements, which stand one after the other."""
    parts = shape.secrets(*inputs[0])
    ends = np.cumsum([part.size for part in parts])
    places = [
        np.arange(end - part.size, end).reshape(part.shape) for part, end in zip(parts, ends, strict=True)
    ]
    return shape.gathered(shape.concat(parts, None), asked(places, *inputs[1:], **options))


#: What operators of the tensor ask for; here, since numpy's names are such operators.
OPERATORS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "absolute": order.absolute,
        "conjunction": masks.conjunction,
        "disjunction": masks.disjunction,
        "divided": divided,
        "dot": products.dot,
        "exclusive": masks.exclusive,
        "function": function,
        "negation": masks.negation,
        "raised": raised,
        "ufunc": ufunc,
    }
)
provide(**OPERATORS)


# --- errors ---------------------------------------------------------------------------------------


@contextmanager
def _typed(name: str) -> Iterator[None]:
    """What numpy, or Python, says of arguments that do not fit, as an error of `mpc`."""
    try:
        yield
    except AxisError:
        raise
    except (ValueError, IndexError) as error:
        raise RangeError(f"{name}: {error}.", remedy="Compare shapes and places.") from error
    except TypeError as error:
        raise NotSupported(f"{name}: {error}.", remedy="See help(mpc) for what there is.") from error


def _name(asked: Any) -> str:
    return f"{asked.__module__.replace('numpy', 'np')}.{asked.__name__}"


def _no_option(name: str, option: str) -> NotSupported:
    return _not_supported(f"{name} with {option}=", f"Leave out {option}=, and write what it does in steps.")


def _not_supported(name: str, instead: str) -> NotSupported:
    return NotSupported(
        f"{name} is not there for secret tensors.", remedy=instead or "See help(mpc) for what there is."
    )
