"""Numbers that a plan names, parsed exactly and within limits.

A plan comes from outside: a short text may stand for a number of a billion digits, so length and exponent
are checked before anything is computed from it.
"""

from __future__ import annotations

import re
from fractions import Fraction

from mpc.errors import PlanInvalid

MAX_NUMBER_CHARACTERS = 40
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
_NUMBER = re.compile(rf"[+-]?(?:{_DECIMAL}|[0-9]+/0*[1-9][0-9]*)")


def exact_number(value: object, what: str) -> Fraction:
    """An integer, a decimal or a fraction `a/b`. `PlanInvalid` for anything else, naming it as `what`."""
    text = _text(value)
    if len(text) > MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
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
