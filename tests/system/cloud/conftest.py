"""A real cloud of its own for each file of tests: QEMU guests, namespaces, packets."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from traces import Traces  # noqa: E402

from nacre.cloud.client import CloudClient  # noqa: E402
from nacre.cloud.state import StateDirectory  # noqa: E402
from real_clients import OpenStack, RunningCloud, client_environment, free_port, nacre  # noqa: E402

if os.geteuid() != 0:
    pytest.skip("real mode needs root", allow_module_level=True)


@pytest.fixture(scope="module")
def state():
    """A directory for a real cloud, which is purged after the tests; then nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="nacre-") as short:  # there will be sockets in it
        state = Path(short) / "state"
        yield state
        traces = Traces(state)
        assert traces.look(), "nobody knows what a cloud leaves"
        nacre("down", "--purge", "--state", state)
        assert traces.look() == []


@pytest.fixture(scope="module")
def real_cloud(state):
    """A real cloud in the background."""
    nacre("up", "--real", "--detach", "--state", state, "--ports", f"single:{free_port()}")
    return RunningCloud(state)


@pytest.fixture(scope="module")
def openstack(real_cloud):
    """The demo user's `openstack` command."""
    return OpenStack(client_environment() / "openstack", real_cloud.state, "nacre")


@pytest.fixture(scope="module")
def demo(real_cloud):
    """The demo user, with a quicker client for what is asked again and again."""
    password = StateDirectory(real_cloud.state).secrets().demo_password
    return CloudClient(real_cloud.running["auth_url"], "demo", password, "demo")
