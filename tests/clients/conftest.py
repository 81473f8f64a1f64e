"""A simulated cloud in a process of its own, and the real `openstack` command."""

import pytest

from real_clients import OpenStack, RunningCloud, client_environment, free_port, nacre


@pytest.fixture(scope="session")
def simulated_cloud(tmp_path_factory):
    """A simulated cloud, as `nacre up --simulated --detach` makes it."""
    state = tmp_path_factory.mktemp("cloud") / "state"
    try:
        nacre("up", "--simulated", "--detach", "--state", state, "--ports", f"single:{free_port()}")
        yield RunningCloud(state)
    finally:
        nacre("down", "--purge", "--state", state)
        assert not state.exists()


@pytest.fixture(scope="session")
def openstack(simulated_cloud):
    """The demo user's `openstack` command."""
    return OpenStack(client_environment() / "openstack", simulated_cloud.state, "nacre")


@pytest.fixture(scope="session")
def openstack_admin(simulated_cloud):
    """The administrator's `openstack` command."""
    return OpenStack(client_environment() / "openstack", simulated_cloud.state, "nacre-admin")
