"""Settings that all tests share."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
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

# A shell that starts the tests in the background (`make test &`) has them ignore SIGINT, nohup has
# them ignore SIGHUP, and every process that they start inherits that; several tests end one with
# these, as Ctrl-C or a closed terminal would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files with the most slow tests first where two workers share the files.

    What is long begins first, so that no worker is left with it alone at the end.
    """
    if hasattr(config, "workerinput"):
        slow = Counter(i.path for i in items if i.get_closest_marker("slow") is not None)
        items.sort(key=lambda item: -slow[item.path])
