"""For every test: a hypothesis profile, one torch thread, quiet logs; and nodes that run in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
import torch
from hypothesis import HealthCheck, settings

from tests.helping import Hospitals, running_hospitals

# No deadline: machines are shared, and a slow example is not a wrong one. Failures print how to replay them.
settings.register_profile(
    "house", deadline=None, max_examples=50, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("house"), max_examples=1000)
settings.load_profile("house")

# Without a GPU Triton's kernels run in its interpreter; it looks at this when they are defined.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Parties are threads here; more threads a party only take turns on the same cores.
torch.set_num_threads(1)

# As in a node: unconfigured, structlog would print what nodes of this process say among a test's output.
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, structlog.processors.JSONRenderer()],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
)


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    """Four hospitals whose nodes run in this process, with the deadlines that nodes have."""
    with running_hospitals(tmp_path_factory.mktemp("hospitals") / "box") as made:
        yield made
