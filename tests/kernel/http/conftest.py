"""A cloud that keeps boxes, for the tests of the edge."""

import pytest
from tests.kernel.http.boxes_service import MANIFEST

from nacre.kernel.testing.cloud import TestCloud


@pytest.fixture
def cloud(tmp_path):
    cloud = TestCloud([MANIFEST], tmp_path)
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    return cloud.user("member")
