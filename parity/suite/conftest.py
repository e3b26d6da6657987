"""Which configurations the suite gates, and the fixtures its tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from parity.errors import ParityError
from parity.pytest_plugin import settings
from parity.suite.records import records
from parity.suite.running import Gates, configs
from parity.waiver_files import read_waivers

SUITE = Path(__file__).parent
NOTHING_TO_GATE = (
    "nothing to gate: give --parity-checkpoint best.pt and --parity-data data.yaml "
    "(or the ini keys parity_checkpoint and parity_data); stored results lie in baselines, or say --parity-baselines DIR"
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for every configuration; latency also of PyTorch itself, so that the runtimes stand together."""
    asked = settings(metafunc.config)
    if "parity_config" in metafunc.fixturenames:
        chosen = configs(asked, backends=asked.backends)
        metafunc.parametrize("parity_config", chosen, ids=[config.id for config in chosen], scope="session")
    if "parity_runtime" in metafunc.fixturenames:
        chosen = configs(asked, backends=("pytorch", *asked.backends))
        metafunc.parametrize("parity_runtime", chosen, ids=[config.id for config in chosen], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """An empty parameter set would be a skip, and a skip is no verdict."""
    asked = settings(config)
    gating = any(item.path.is_relative_to(SUITE) and item.get_closest_marker("parity") for item in items)
    if gating and not (asked.checkpoints and asked.data and asked.backends and asked.sizes):
        raise pytest.UsageError(NOTHING_TO_GATE)
    if gating and asked.waivers:
        refuse_wrong_waivers(asked.waivers)


def refuse_wrong_waivers(path: Path) -> None:
    """A waiver that says too little is said before anything is run."""
    try:
        read_waivers(path, today=datetime.now(UTC).date())
    except ParityError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def parity_gates(pytestconfig: pytest.Config) -> Iterator[Gates]:
    """All open gates of this run."""
    with ExitStack() as resources:
        yield Gates(settings(pytestconfig), resources, records(pytestconfig))


@pytest.fixture
def parity_properties(request: pytest.FixtureRequest) -> list[tuple[str, object]]:
    """What a JUnit file says of the test; pytest writes it in its default family too, of which ``record_property`` warns."""
    written: list[tuple[str, object]] = request.node.user_properties
    return written
