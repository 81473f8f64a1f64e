"""Guests that really boot, in a network of their own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.cloud import guest_images

sys.path.insert(0, str(Path(__file__).parent))
from lab import Lab  # noqa: E402

if os.geteuid() != 0:
    pytest.skip("network namespaces need root", allow_module_level=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A namespace with DHCP and metadata."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.open()
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="session")
def tiny_image() -> Path:
    """The tiny image as today's recipe makes it."""
    return guest_images.ensure_tiny(guest_images.cache_directory(), print)


@pytest.fixture(scope="session")
def debian_image() -> Path:
    """The Debian image as today's recipe makes it."""
    return guest_images.ensure_debian(guest_images.cache_directory(), print)
