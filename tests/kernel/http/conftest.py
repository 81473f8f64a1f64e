"""A cloud that keeps boxes, for the tests of the edge."""

import sys
from pathlib import Path

import pytest

from nacre.kernel.testing.cloud import TestCloud

sys.path.insert(0, str(Path(__file__).parent))
from boxes_service import MANIFEST  # noqa: E402


@pytest.fixture
def cloud(tmp_path):
    cloud = TestCloud([MANIFEST], tmp_path)
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    return cloud.user("member")
