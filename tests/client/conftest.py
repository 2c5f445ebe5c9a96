"""An analyst in the hospitals' data space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from parties.client import Space, connect

HOLDERS = ("ada", "bert", "cleo", "dora")


@pytest.fixture(scope="module")
def space(hospitals: Any) -> Iterator[Space]:
    with connect(hospitals.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)
        yield made


@pytest.fixture(scope="module")
def gbsg(space: Space) -> Any:
    return space.dataset("gbsg2", holders=HOLDERS)
