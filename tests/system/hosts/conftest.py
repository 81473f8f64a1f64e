"""A cloud of two hosts: `nacre up` on one machine, two agents on the other, a broker between them."""

import ctypes
import os
import secrets
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("network namespaces need root", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parent))
from machines import Machine, World  # noqa: E402

from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from nacre.kernel.bus.amqp_names import host_permissions
from nacre.kernel.testing import daemons
from nacre.kernel.testing.brokers import PROGRAM, Broker
from nacre.services.network.agent.drivers.linux import namespaces

REALM, PORT = "cloud", 8080
KINDS = ("network", "compute")
HOSTS = ("host-1", "host-2")


@pytest.fixture(scope="module")
def world():
    """Where the tests of a file are: a namespace with a wire to every machine."""
    world = World()
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(namespaces.path(world.namespace), os.O_RDONLY)
    try:
        step_into(there)
        yield world
    finally:
        step_into(home)
        os.close(home)
        os.close(there)
        world.remove()


def step_into(descriptor):
    """Move this thread, and what it starts from now on, to another network namespace."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, namespaces.CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot change the network namespace")


@pytest.fixture(scope="module")
def machines(world):
    """Two machines with nothing on them; afterwards nothing is left of them."""
    with tempfile.TemporaryDirectory(prefix="nxh-") as short, ExitStack() as cleaning:
        made = [Machine(number, name, Path(short, name)) for number, name in enumerate(HOSTS, 1)]
        for machine in made:
            cleaning.callback(machine.purge)
            machine.build(world)
        yield made


@pytest.fixture(scope="module")
def broker_between(machines):
    """A broker on the first machine; the second has an account that may do what a host may."""
    if not PROGRAM.exists():
        pytest.skip("no RabbitMQ is installed (Debian's package rabbitmq-server)")
    with daemons.private_directory("rabbitmq") as (directory, user):
        accounts = {HOSTS[1]: host_permissions(REALM, HOSTS[1], KINDS)}
        broker = Broker(directory, user, accounts, address=machines[0].address)
        try:
            machines[0].run(broker.start)
            yield broker
        finally:
            broker.kill()


@pytest.fixture(scope="module")
def cloud(machines, broker_between):
    """The administrator of the cloud that runs on both."""
    one, two = machines
    secret = secrets.token_urlsafe(16)
    one.configure(
        cloud={"listen": one.address, "ports": f"single:{PORT}"},
        bus={"url": broker_between.url, "realm": REALM},
        compute={"metadata_secret": secret},
    )
    two.configure(
        bus={"url": broker_between.url_of(two.name), "realm": REALM},
        compute={"metadata_secret": secret},
        agent={"metadata_url": f"http://{one.address}:{PORT}/metadata"},
    )
    one.start("up", ready="the cloud is ready")
    for kind in KINDS:
        two.start("agent", kind, ready=f"the {kind} agent of {two.name} runs")
    state = StateDirectory(one.state)
    admin = CloudClient(state.running().auth_url, "admin", state.secrets().admin_password, "admin")
    admin.wait(
        lambda: {
            each["name"] for each in admin.get("placement", "/resource_providers")["resource_providers"]
        },
        lambda known: known >= {*HOSTS},
    )
    return admin
