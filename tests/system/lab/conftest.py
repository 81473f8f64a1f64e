"""A lab with real hosts: two control nodes behind a proxy, two hosts, all machines of their own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("network namespaces need root", allow_module_level=True)

from nacre.cloud.lab import lab, real_hosts, switch
from nacre.kernel.testing.brokers import PROGRAM
from nacre.services.network.agent.drivers.linux import namespaces
from real_clients import OpenStack, client_environment

CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_passes": 1}
EVERYTHING = (("identity", "placement", "image", "network", "compute"),)
HOSTS = ("host-1", "host-2")


@pytest.fixture(scope="module")
def bed():
    """The lab's cloud; afterwards nothing is left of it."""
    if not PROGRAM.exists() or shutil.which("haproxy") is None:
        pytest.skip("no RabbitMQ or no HAProxy is installed")
    with tempfile.TemporaryDirectory(prefix="nacre-") as short:  # there will be sockets in it
        where = Path(short)
        real_hosts.prepare(where, HOSTS, print)
        sections = {"identity": CHEAP_HASHES}
        with lab.laid_out(where, hosts=HOSTS, split=EVERYTHING, sections=sections, real=True) as made:
            made.bed.start()
            yield made.bed
            made.bed.close()
            assert [machine.name for machine in made.bed.machines if pids(machine.namespace)] == []
        assert switch.present(made.ground.name) == []


def pids(namespace):
    """Return who runs in a namespace."""
    return namespaces.command(["ip", "netns", "pids", namespace]).split()


@pytest.fixture(scope="module")
def openstack(bed):
    """The administrator's `openstack` command, which moves servers."""
    return OpenStack(client_environment() / "openstack", bed.state_of("control-1").root, "nacre-admin")
