"""A host with an agent, a libvirt of its own, and an image service on loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.cloud import guest_images

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "compute" / "agent"))
from compute_host import ComputeHost, open_host  # noqa: E402


@pytest.fixture(scope="session")
def tiny_image() -> Path:
    """The tiny image of today's packages."""
    return guest_images.build_tiny(guest_images.cache_directory(), print)


@pytest.fixture(scope="module")
def host(tiny_image: Path) -> Iterator[ComputeHost]:
    with open_host(tiny_image) as host:
        yield host
