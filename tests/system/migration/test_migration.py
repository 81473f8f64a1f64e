"""A real guest goes from one host to the other while it answers pings, and is the same guest afterwards.

One guest serves all tests, in the order in which they stand here.
"""

import logging
import subprocess
from collections.abc import Iterator

import msgspec
import pytest
from two_hosts import Pings, TwoHosts, wait

from nacre.services.compute import rpc

log = logging.getLogger(__name__)

State, LIVE, COLD = rpc.ServerState, rpc.Manner.LIVE, rpc.Manner.COLD
DIGESTS = "sha256sum /run/pattern /root/on-disk"


@pytest.fixture(scope="module")
def server(hosts: TwoHosts) -> Iterator[rpc.ServerSpec]:
    """A guest on the first host that has booted."""
    spec = hosts.make_spec(nics=(hosts.make_nic(),))
    outcome = hosts.do(hosts.one, rpc.ENSURE_SERVER, spec=spec)
    assert outcome.fault is None, outcome.fault
    asked = rpc.ConsoleLogRequest(server_id=spec.id)
    wait(lambda: "noise is ready" in hosts.call(hosts.one, rpc.CONSOLE_LOG, asked).output)
    return spec


def test_it_moves_while_it_answers(hosts: TwoHosts, server: rpc.ServerSpec) -> None:
    digests = hosts.one.run_in_guest(server.id, DIGESTS)
    uptime = float(hosts.one.run_in_guest(server.id, "cut -d' ' -f1 /proc/uptime"))
    pings = Pings(hosts.two.netns)
    wait(lambda: len(pings.answers) > 10)
    outcome = hosts.move(hosts.one, hosts.two, server, LIVE)
    assert outcome.fault is None, outcome.fault
    there = len(pings.answers)
    wait(lambda: len(pings.answers) > there + 20)
    pings.end()
    assert hosts.state(hosts.two, server.id) is State.RUNNING
    assert hosts.state(hosts.one, server.id) is State.MISSING
    assert hosts.two.run_in_guest(server.id, DIGESTS) == digests
    assert float(hosts.two.run_in_guest(server.id, "cut -d' ' -f1 /proc/uptime")) > uptime
    log.info(
        "lost %d of %d pings, longest silence %.2f s", pings.lost, max(pings.answers), pings.longest_silence
    )
    assert pings.lost * pings.EVERY_SECONDS < 5.0  # a guest that did not arrive loses all that follow
    assert pings.twice == 0


def test_it_stays_if_that_is_wanted_after_all(hosts: TwoHosts, server: rpc.ServerSpec) -> None:
    """It is on the second host now, and on its way back when somebody aborts that."""
    assert hosts.do(hosts.one, rpc.REMOVE_SERVER, server_id=server.id).fault is None  # what was left there
    assert list(hosts.one.directory.rglob(f"*{server.id}*")) == []
    digests = hosts.two.run_in_guest(server.id, DIGESTS)
    hosts.slow_down(hosts.two, server.id, 2)
    hosts.begin(hosts.two, hosts.one, server, "to-be-aborted")

    def total_bytes() -> int:
        status = hosts.two.agent.watch.log.get(server.id)
        return status.move.memory_total_bytes + status.move.disk_total_bytes if status and status.move else 0

    wait(lambda: total_bytes() > 16 << 20)
    hosts.call(hosts.two, rpc.ABORT_SENDING, rpc.MoveRequest(server_id=server.id))
    fault = hosts.control.outcome("to-be-aborted").fault
    assert fault is not None
    assert fault.message == "The migration was aborted."
    assert hosts.state(hosts.two, server.id) is State.RUNNING
    wait(lambda: hosts.state(hosts.one, server.id) is State.MISSING)
    assert hosts.two.run_in_guest(server.id, DIGESTS) == digests
    assert hosts.do(hosts.one, rpc.REMOVE_SERVER, server_id=server.id).fault is None


def test_it_stays_if_the_other_host_goes_away(hosts: TwoHosts, server: rpc.ServerSpec) -> None:
    hosts.slow_down(hosts.two, server.id, 2)
    hosts.begin(hosts.two, hosts.one, server, "to-be-broken")
    hosts.one.agent._movements.is_over(server.id)  # what a dying agent does: its doors close
    assert hosts.control.outcome("to-be-broken").fault is not None
    assert hosts.state(hosts.two, server.id) is State.RUNNING
    assert hosts.do(hosts.one, rpc.REMOVE_SERVER, server_id=server.id).fault is None
    wait(lambda: hosts.state(hosts.one, server.id) is State.MISSING)
    assert list(hosts.one.directory.rglob(f"*{server.id}*")) == []


def test_it_can_be_forced(hosts: TwoHosts, server: rpc.ServerSpec) -> None:
    """Its processors stand still, and over there they go on."""
    digests = hosts.two.run_in_guest(server.id, DIGESTS)
    hosts.slow_down(hosts.two, server.id, 40)
    hosts.begin(hosts.two, hosts.one, server, "to-be-forced")
    hosts.call(hosts.two, rpc.FORCE_SENDING, rpc.MoveRequest(server_id=server.id))
    assert hosts.control.outcome("to-be-forced").fault is None
    assert hosts.state(hosts.one, server.id) is State.RUNNING
    assert hosts.one.run_in_guest(server.id, DIGESTS) == digests
    assert hosts.do(hosts.two, rpc.REMOVE_SERVER, server_id=server.id).fault is None
    adopted = hosts.do(hosts.one, rpc.ENSURE_SERVER, spec=server)
    assert adopted.fault is None


def test_its_disks_are_copied_when_it_is_off(hosts: TwoHosts, server: rpc.ServerSpec) -> None:
    digest = hosts.one.run_in_guest(server.id, "sha256sum /root/on-disk")
    assert hosts.do(hosts.one, rpc.STOP, server_id=server.id, timeout_seconds=60.0).fault is None
    outcome = hosts.move(hosts.one, hosts.two, server, COLD)
    assert outcome.fault is None, outcome.fault
    assert hosts.state(hosts.one, server.id) is State.SHUTDOWN
    larger = msgspec.structs.replace(server, revision=server.revision + 1, memory_mb=192, root_gb=2)
    assert hosts.do(hosts.two, rpc.ENSURE_SERVER, spec=larger).fault is None
    wait(lambda: _answers(hosts, server.id))
    assert hosts.two.run_in_guest(server.id, "sha256sum /root/on-disk") == digest
    for host in (hosts.one, hosts.two):
        assert hosts.do(host, rpc.REMOVE_SERVER, server_id=server.id).fault is None
        assert list(host.directory.rglob(f"*{server.id}*")) == []


def _answers(hosts: TwoHosts, server_id: str) -> bool:
    """Tell whether the agent in the guest does."""
    try:
        hosts.two.ask_guest(server_id, {"execute": "guest-ping"})
    except subprocess.CalledProcessError:
        return False
    return True
