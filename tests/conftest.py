"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The machine may be shared: a slow example is no failure, and no test asserts a time.
settings.register_profile("triune", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("triune")
