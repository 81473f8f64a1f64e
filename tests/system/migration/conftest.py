"""Two hosts with real guests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.cloud import guest_images

sys.path.insert(0, str(Path(__file__).parent))
from two_hosts import TwoHosts, open_hosts  # noqa: E402


@pytest.fixture(scope="module")
def hosts() -> Iterator[TwoHosts]:
    image = guest_images.build_tiny(guest_images.cache_directory(), print)
    with open_hosts(image) as hosts:
        yield hosts
