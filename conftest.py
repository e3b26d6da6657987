"""Hypothesis profiles, and pytest's own fixture for testing plugins; nothing else."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

SLOW_MACHINES = [HealthCheck.too_slow]  # the runners are shared; a slow example is no fault
settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=SLOW_MACHINES)
settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=SLOW_MACHINES, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
