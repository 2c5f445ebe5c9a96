"""What holds for every test: one hypothesis profile, one torch thread."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, settings

# No deadline: machines are shared, and a slow example is not a wrong one. Failures print how to replay them.
settings.register_profile(
    "house", deadline=None, max_examples=50, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("house"), max_examples=1000)
settings.load_profile("house")

# Parties are threads here; more threads a party only take turns on the same cores.
torch.set_num_threads(1)
