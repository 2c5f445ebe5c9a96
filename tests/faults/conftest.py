"""Nodes of this process with short deadlines, and an analyst among them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from parties.client import Space, connect
from tests.faults.troubles import BRISK, ROUND_S
from tests.helping import HOLDERS, Hospitals, running_hospitals, until


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    with running_hospitals(tmp_path_factory.mktemp("troubled") / "box", BRISK, ROUND_S) as made:
        yield made


@pytest.fixture
def space(box: Hospitals) -> Iterator[Space]:
    with connect(box.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)  # waits until all are attached everywhere
        until(lambda: all(node.wait_ready() for node in box.nodes.values()))
        yield made
