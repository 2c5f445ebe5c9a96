"""Every secret in what a program returns, however it is held."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from mpc.bits import SecretBits
from mpc.errors import NotSupported
from mpc.tensor import SecretTensor

Secret = SecretTensor | SecretBits


def each_secret(value: Any, fn: Callable[[Secret], Any]) -> Any:
    """The same value with `fn` of every secret in it, always in the same order.

    Mappings become dicts; lists, tuples, named tuples and data classes stay what they are. `NotSupported` for
    another object that holds a secret.
    """
    if isinstance(value, Secret):
        return fn(value)
    if isinstance(value, Mapping):
        return {key: each_secret(item, fn) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [each_secret(item, fn) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _each_field(value, fn)
    if _holds_secrets(value):
        raise NotSupported(
            f"A result holds secrets inside of a {type(value).__name__}, which nobody opens.",
            remedy="Return its tensors, as in a tuple, a dict or a data class.",
        )
    return value


def _each_field(value: Any, fn: Callable[[Secret], Any]) -> Any:
    """A data class with `fn` of what its fields hold; one that holds no secret stays itself."""
    held = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    made = {name: each_secret(item, fn) for name, item in held.items()}
    if all(made[name] is item for name, item in held.items()):
        return value
    copied = copy.copy(value)
    for name, item in made.items():
        object.__setattr__(copied, name, item)
    return copied


def _holds_secrets(value: Any) -> bool:
    """Whether an object has a secret for an attribute, or in a list, tuple or dict that is one."""
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return False
    for held in vars(value).values():
        within = held.values() if isinstance(held, Mapping) else held
        if any(
            isinstance(item, Secret)
            for item in (within if isinstance(held, list | tuple | Mapping) else [held])
        ):
            return True
    return False
