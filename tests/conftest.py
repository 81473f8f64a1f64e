"""How the tests are spread over pytest-xdist's workers."""

import zlib
from pathlib import Path

import pytest

pytest_plugins = ["nacre.kernel.testing.databases"]

HERE = Path(__file__).parent
GUEST_LANES = 2  # files that boot real guests share so many lanes, whatever the number of workers


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file on one worker, for its fixtures; keep files with real guests to a few workers."""
    for item in items:
        file = item.path.relative_to(HERE).as_posix()
        lane = f"guests-{zlib.crc32(file.encode()) % GUEST_LANES}" if file.startswith("system/") else file
        item.add_marker(pytest.mark.xdist_group(lane))
