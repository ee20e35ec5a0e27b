"""Settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# Machines are noisy: no test may fail for being slow. In CI the examples are the same every time,
# so that a red run is about the change; elsewhere they differ, and new ones are found.
settings.register_profile(
    "tinyhil",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("tinyhil")
