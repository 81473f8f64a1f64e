"""A worker hangs in the middle of a step; others take the job over, and then it goes on as if nothing had been."""

import threading

import pytest
from tests.services.compute.conftest import eventually

from nacre.kernel.tasks import Runner, leases
from nacre.services.compute.agent.drivers.simulated.options import Failure
from nacre.services.compute.app import nics
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers

PATIENCE_SECONDS = 30.0


class Hang:
    """Stands in for a function of a module, whose first call does not go on until it is told to."""

    def __init__(self, monkeypatch, module, name):
        self._function = getattr(module, name)
        self._asleep, self._awake, self._calls = threading.Event(), threading.Event(), 0
        self.ended = False
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args, **more):
        self._calls += 1
        if self._calls > 1:
            return self._function(*args, **more)
        self._asleep.set()
        assert self._awake.wait(PATIENCE_SECONDS)
        try:
            return self._function(*args, **more)
        finally:
            self.ended = True

    def await_it(self):
        assert self._asleep.wait(PATIENCE_SECONDS)

    def end(self):
        self._awake.set()


@pytest.fixture
def take_over(stocked):
    """Call it to have another process take over what the cloud's own has in hand, as if its leases were over."""
    own = stocked.compute.runner
    other = Runner(
        stocked.compute.db,
        workflows=stocked.compute.manifest.workflows,
        make_context=own.make_context,
        owner="another process",
        clock=stocked.clock,
    )

    def take_over():
        leases.release_leases_of_the_dead(stocked.compute.db, own.owner, "")
        other.start()

    yield take_over
    other.stop()


def nothing_is_left(cloud, server_id):
    claimed = cloud.user("admin").get("placement", f"/allocations/{server_id}").json["allocations"]
    cards = cloud.compute.db.read(nic_rows.of_server, server_id)
    return not (claimed or cards or cloud.network.ports(device_id=server_id))


@pytest.mark.parametrize(("module", "name"), [(nics.network, "create_port"), (choice.placement, "claim")])
def test_what_comes_too_late_for_a_deleted_server(stocked, member, monkeypatch, take_over, module, name):
    network = stocked.network.make_network()
    hang = Hang(monkeypatch, module, name)
    server_id = member.create(wait=None, networks=[{"uuid": network["id"]}])
    hang.await_it()
    member.delete(f"/servers/{server_id}")
    take_over()
    member.await_gone(server_id)
    assert nothing_is_left(stocked, server_id)
    hang.end()
    eventually(lambda: hang.ended, "the end of its step")
    eventually(lambda: nothing_is_left(stocked, server_id), "the removal of what came too late")


def test_ports_that_come_too_late_for_an_attempt(stocked, member, monkeypatch, take_over):
    """The attempt failed in other hands, and a further one made the server."""
    stocked.add_host("host-2")
    network = stocked.network.make_network()
    hang = Hang(monkeypatch, nics.network, "create_port")
    server_id = member.create(wait=None, networks=[{"uuid": network["id"]}])
    hang.await_it()
    host = stocked.compute.db.read(servers.get, server_id).host
    stocked.drivers[host].fail(Failure(verb="ensure"))
    take_over()
    assert member.await_status(server_id, "ACTIVE")
    (port,) = stocked.network.ports()
    assert port["binding:host_id"] != host
    hang.end()
    eventually(lambda: hang.ended, "the port that is late")
    eventually(lambda: stocked.network.ports() == [port], "the end of the port that was late")
    assert [nic.port_id for nic in stocked.compute.db.read(nic_rows.of_server, server_id)] == [port["id"]]
