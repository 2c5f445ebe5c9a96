"""What a plan says beside columns, read exactly and within limits.

A plan comes from outside: a short text may stand for a number of a billion digits, so length and exponent
are checked before anything is computed from it. Every reader takes the value and what to call it, and raises
`PlanInvalid` for what makes no sense.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from mpc.errors import PlanInvalid

#: Checks a parameter of a plan; its second argument names it in the `PlanInvalid` that it raises.
Reader = Callable[[Any, str], Any]

MAX_NUMBER_CHARACTERS = 40
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
_NUMBER = re.compile(rf"[+-]?(?:{_DECIMAL}|[0-9]+/0*[1-9][0-9]*)")


def exact_number(value: object, what: str) -> Fraction:
    """An integer, a decimal or a fraction `a/b`."""
    text = _text(value)
    if isinstance(value, bool) or len(text) > MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        raise PlanInvalid(
            f"{what} is not a number of at most {MAX_NUMBER_CHARACTERS} characters, exponent below 100.",
            remedy="Write it as an integer or a decimal.",
        )
    return Fraction(text)


def _text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # an integer beyond Python's limit on digits
        return ""


def whole_number(least: int, most: int) -> Reader:
    """An integer from `least` to `most`."""

    def read(value: object, what: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise PlanInvalid(
                f"{what} must be from {least} to {most}.", remedy="Give a whole number between them."
            )
        return value

    return read


def list_of(one: Reader, most: int) -> Reader:
    """One to `most` items that `one` reads."""

    def read(value: object, what: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= most:
            raise PlanInvalid(f"{what} must be a list of 1 to {most}.", remedy="Give a list.")
        return tuple(one(item, what) for item in value)

    return read


def growing(least: int, most: int) -> Reader:
    """`least` to `most` exact numbers, each above the one before."""
    numbers = list_of(exact_number, most)

    def read(value: object, what: str) -> tuple[Fraction, ...]:
        made: tuple[Fraction, ...] = numbers(value, what)
        if len(made) < least or any(a >= b for a, b in pairwise(made)):
            raise PlanInvalid(f"{what} must grow, and be at least {least}.", remedy="Sort them.")
        return made

    return read
