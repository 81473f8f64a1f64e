"""What every driver keeps when servers come and go: the same tests for simulated hosts and for real ones.

Two sites stand for two hosts.  The guests of the real ones are boot sectors; what a guest with memory and an
operating system makes of it is for tests/system/migration.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from compute_sites import Site, open_site

from nacre.kernel.errors import BadRequest, Conflict, NacreError, NotFound, RemoteFailure
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Later
from nacre.services.compute.agent.drivers.moves import Readiness
from nacre.services.compute.agent.passages import Doors, Identity, Way

State, LIVE, COLD = rpc.ServerState, rpc.Manner.LIVE, rpc.Manner.COLD


class Pair:
    """Two hosts with doors between them."""

    def __init__(self, here: Site, there: Site) -> None:
        self.here, self.there = here, there
        self.mine = Identity(here.state_dir / "identity")
        self.doors = Doors(Identity(there.state_dir / "identity"), "127.0.0.1", (0, 0))

    def build(self, **fields: Any) -> rpc.ServerSpec:
        """Build a server here, and plug its cards there too, as the network agent does."""
        spec = self.here.build(**fields)
        for nic in spec.nics:
            self.there.make_tap(nic.tap_device)
        self.there.shelf.images |= self.here.shelf.images
        return spec

    def expect(self, spec: rpc.ServerSpec, manner: rpc.Manner, passport: dict[str, Any] | None = None) -> Way:
        if passport is None:
            passport = self.here.driver.moves.depart(spec.id, manner)
        ready = self.there.driver.moves.expect(spec, manner, passport, Attempt())
        assert isinstance(ready, Readiness)
        address, port = self.doors.open(spec.id, self.mine.certificate, ready.channels)
        arrival = rpc.Arrival(
            address=address, port=port, certificate=self.doors.identity.certificate, passport=ready.passport
        )
        return Way(self.mine, arrival)

    def send(self, spec: rpc.ServerSpec, manner: rpc.Manner, way: Way) -> None:
        self.here.do(self.here.driver.moves.send, spec.id, manner, way)
        self.doors.close(spec.id)

    def states(self, spec: rpc.ServerSpec) -> tuple[State | None, State | None]:
        found = [site.driver.inspect([spec.id]).get(spec.id) for site in (self.here, self.there)]
        return tuple(seen.state if seen else None for seen in found)  # type: ignore[return-value]


@pytest.fixture(scope="module", params=["simulated", "libvirt"])
def sites(request: pytest.FixtureRequest) -> Iterator[tuple[Site, Site]]:
    with open_site(request.param) as here, open_site(request.param) as there:
        yield here, there


@pytest.fixture
def pair(sites: tuple[Site, Site]) -> Iterator[Pair]:
    pair = Pair(*sites)
    yield pair
    pair.doors.close_all()
    for site in sites:
        for server_id in site.driver.inspect():
            site.driver.remove(server_id)


@pytest.mark.parametrize("power", [rpc.Power.RUNNING, rpc.Power.PAUSED])
def test_a_live_server_is_there_and_no_longer_here(pair: Pair, power: rpc.Power) -> None:
    spec = pair.build(power=power, nics=(pair.here.make_nic(),), config_drive={"a": b"b"}, swap_mb=8)
    pair.send(spec, LIVE, pair.expect(spec, LIVE))
    assert pair.states(spec) == (None, State(power.value))
    pair.there.do(pair.there.driver.ensure, spec)  # adopting it changes nothing
    assert pair.states(spec) == (None, State(power.value))
    assert pair.there.look(spec.id).nics == (spec.nics[0].port_id,)
    assert pair.here.driver.remove(spec.id) is None
    assert _files(pair.here, spec) == []
    pair.there.do(pair.there.driver.stop, spec.id, 0.0)
    pair.there.do(pair.there.driver.start, spec)  # from its disk, which is here whole
    pair.there.driver.remove(spec.id)
    assert _files(pair.there, spec) == []


def test_a_cold_server_is_copied(pair: Pair) -> None:
    off = rpc.Power.SHUTDOWN
    spec = pair.build(power=off, config_drive={"a": b"b"}, ephemeral_gb=1)
    pair.send(spec, COLD, pair.expect(spec, COLD))
    larger = msgspec.structs.replace(spec, revision=2, root_gb=2, memory_mb=48, power=rpc.Power.RUNNING)
    pair.there.do(pair.there.driver.ensure, larger)
    assert pair.states(spec) == (State.SHUTDOWN, State.RUNNING)
    assert pair.there.look(spec.id).memory_mb == 48
    pair.there.console(spec.id, pair.there.greeting)
    pair.there.driver.remove(spec.id)
    assert pair.states(spec) == (State.SHUTDOWN, None)
    pair.here.do(pair.here.driver.start, spec)  # it can always go on where it was


def test_what_was_written_travels(pair: Pair) -> None:
    """The copy stands on the base image of the other host, and has what the guest wrote."""
    if not pair.here.real:
        pytest.skip("simulated disks hold nothing")
    spec = pair.build(power=rpc.Power.SHUTDOWN)
    root = pair.here.state_dir / "servers" / spec.id / "root.qcow2"
    _qemu_io(root, "write -P 0x5a 512k 64k")
    pair.send(spec, COLD, pair.expect(spec, COLD))
    copied = pair.there.state_dir / "servers" / spec.id / "root.qcow2"
    _qemu_io(copied, "read -P 0x5a 512k 64k")
    described = subprocess.run(
        ["qemu-img", "info", copied], check=True, capture_output=True, text=True
    ).stdout
    assert str(pair.there.state_dir) in described
    assert str(pair.here.state_dir) not in described


def _qemu_io(path: Any, command: str) -> None:
    done = subprocess.run(
        ["qemu-io", "-f", "qcow2", "-c", command, path], check=True, capture_output=True, text=True
    )
    assert "verification failed" not in done.stdout


def test_expecting_twice_and_then_nobody(pair: Pair) -> None:
    spec = pair.build()
    pair.expect(spec, LIVE)
    pair.expect(spec, LIVE)
    assert pair.there.driver.remove(spec.id) is None
    assert _files(pair.there, spec) == []
    assert pair.states(spec) == (State.RUNNING, None)


def test_a_closed_door_leaves_the_server_where_it_is(pair: Pair) -> None:
    spec = pair.build()
    way = pair.expect(spec, LIVE)
    pair.doors.close(spec.id)
    with pytest.raises(NacreError):
        pair.here.do(pair.here.driver.moves.send, spec.id, LIVE, way)
    assert pair.states(spec) == (State.RUNNING, None)
    pair.send(spec, LIVE, pair.expect(spec, LIVE))  # and later it goes
    assert pair.states(spec) == (None, State.RUNNING)


def test_who_cannot_go(pair: Pair) -> None:
    spec = pair.build(power=rpc.Power.SHUTDOWN)
    with pytest.raises(Conflict):
        pair.here.driver.moves.depart(spec.id, LIVE)
    for stranger in ("11111111-2222-3333-4444-555555555555",):
        with pytest.raises(NotFound):
            pair.here.driver.moves.depart(stranger, COLD)
        with pytest.raises(Conflict):
            pair.here.driver.moves.force(stranger)
        pair.here.driver.moves.abort(stranger)


def test_a_guest_of_another_kind_cannot_come(pair: Pair) -> None:
    spec = pair.build()
    passport = pair.here.driver.moves.depart(spec.id, LIVE)
    passport |= {"virt_type": "kvm", "arch": "riscv64"}
    with pytest.raises((BadRequest, RemoteFailure)):
        pair.there.driver.moves.expect(spec, LIVE, passport, Attempt())
    with contextlib.suppress(NotFound):
        pair.there.driver.remove(spec.id)


def test_sending_may_take_time(pair: Pair) -> None:
    """Whoever asks until it is done gets there, and is told how far it is."""
    spec = pair.build()
    way = pair.expect(spec, LIVE)
    send = pair.here.driver.moves.send
    answer = send(spec.id, LIVE, way, Attempt())
    assert answer is None or isinstance(answer, Later)
    if isinstance(answer, Later):
        pair.here.do(
            lambda attempt: send(spec.id, LIVE, way, Attempt(attempt.waited_seconds, attempt.number + 1))
        )
    assert pair.states(spec) == (None, State.RUNNING)


def _files(site: Site, spec: rpc.ServerSpec) -> list[Any]:
    """Name the files of a server; processes and control groups of the two sites are on one machine."""
    return list(site.state_dir.rglob(f"*{spec.id}*"))
