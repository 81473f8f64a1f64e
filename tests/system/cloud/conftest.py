"""A real cloud of its own for these tests: QEMU guests, namespaces, packets."""

import subprocess

import pytest

from real_clients import OpenStack, RunningCloud, client_environment, free_port, nacre


def traces():
    """What a cloud could leave on the machine: namespaces, links, firewall tables."""
    namespaces = {line.split()[0] for line in output("ip", "netns", "list").splitlines()}
    links = {line.split(": ")[1].split("@")[0] for line in output("ip", "-o", "link").splitlines()}
    return namespaces, links, set(output("nft", "list", "tables").splitlines())


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def real_cloud(tmp_path_factory):
    """A real cloud; when it is purged, the machine is as it was."""
    state = tmp_path_factory.mktemp("real") / "state"
    before = traces()
    try:
        nacre("up", "--real", "--detach", "--state", state, "--ports", f"single:{free_port()}")
        yield RunningCloud(state)
    finally:
        nacre("down", "--purge", "--state", state)
        assert not state.exists()
        assert traces() == before
        left = subprocess.run(["pgrep", "-f", str(state)], capture_output=True, text=True, check=False).stdout
        assert left == ""


@pytest.fixture(scope="module")
def openstack(real_cloud):
    """The demo user's `openstack` command."""
    return OpenStack(client_environment() / "openstack", real_cloud.state, "nacre")


@pytest.fixture(scope="module")
def openstack_admin(real_cloud):
    """The administrator's `openstack` command."""
    return OpenStack(client_environment() / "openstack", real_cloud.state, "nacre-admin")
