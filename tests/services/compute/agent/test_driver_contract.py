"""What every compute driver keeps: the same tests for the simulated host and for a real one."""

import io
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from compute_sites import Site, open_site

from nacre.kernel import ids
from nacre.kernel.errors import BadRequest, Conflict, NotFound
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt

State, Power = rpc.ServerState, rpc.Power


@pytest.fixture(scope="module", params=["simulated", "libvirt"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with open_site(request.param) as site:
        yield site


@pytest.fixture(autouse=True)
def _end_guests(site: Site) -> Iterator[None]:
    """Let no guest of one test run beside the next."""
    yield
    for server_id in site.driver.inspect():
        site.driver.remove(server_id)


def test_ensure_makes_a_running_server(site: Site) -> None:
    nic = site.make_nic()
    spec = site.build(vcpus=2, memory_mb=48, nics=(nic,))
    seen = site.look(spec.id)
    assert (seen.state, seen.vcpus, seen.memory_mb) == (State.RUNNING, 2, 48)
    assert seen.nics == (nic.port_id,)
    assert seen.started_at is not None
    assert site.driver.inspect().keys() >= {spec.id}


def test_ensure_twice_changes_nothing(site: Site) -> None:
    spec = site.build()
    before = site.look(spec.id)
    site.do(site.driver.ensure, spec)
    assert site.look(spec.id) == before


@pytest.mark.parametrize("power", list(Power))
def test_ensure_reaches_every_power_state_from_nothing(site: Site, power: Power) -> None:
    spec = site.build(power=power)
    assert site.look(spec.id).state == power.value


def test_ensure_walks_from_state_to_state(site: Site) -> None:
    spec = site.build()
    for power in (Power.PAUSED, Power.RUNNING, Power.SUSPENDED, Power.RUNNING, Power.PAUSED, Power.SUSPENDED):
        spec = msgspec.structs.replace(spec, power=power, revision=spec.revision + 1)
        site.do(site.driver.ensure, spec)
        assert site.look(spec.id).state == power.value


def test_remove_leaves_nothing_and_may_be_repeated(site: Site) -> None:
    spec = site.build(config_drive={"openstack/latest/meta_data.json": b"{}"}, ephemeral_gb=1, swap_mb=8)
    assert site.leftovers(spec.id)
    for _ in range(2):
        assert site.driver.remove(spec.id) is None
        assert site.driver.inspect([spec.id]) == {}
        assert site.leftovers(spec.id) == []
    suspended = site.build(power=Power.SUSPENDED)
    site.driver.remove(suspended.id)
    assert site.leftovers(suspended.id) == []


def test_questions_about_a_server_that_is_not_there(site: Site) -> None:
    stranger = ids.new_id()
    assert site.driver.inspect([stranger]) == {}
    for question in (
        lambda: site.driver.console_log(stranger, None),
        lambda: site.driver.console(stranger, rpc.ConsoleType.VNC),
        lambda: site.driver.diagnostics(stranger),
        lambda: site.driver.pause(stranger),
        lambda: site.driver.stop(stranger, 0, Attempt()),
    ):
        with pytest.raises(NotFound):
            question()


def test_stop_and_start(site: Site) -> None:
    spec = site.build()
    for _ in range(2):
        site.do(site.driver.stop, spec.id, 0.2)  # does not obey, so the plug is pulled
        assert site.look(spec.id).state is State.SHUTDOWN
    for _ in range(2):
        site.do(site.driver.start, spec)
        assert site.look(spec.id).state is State.RUNNING


def test_start_uses_the_present_spec(site: Site) -> None:
    spec = site.build(memory_mb=32)
    site.do(site.driver.stop, spec.id, 0)
    larger = msgspec.structs.replace(spec, memory_mb=64, revision=2)
    site.do(site.driver.start, larger)
    assert site.look(spec.id).memory_mb == 64


def test_pause_and_unpause(site: Site) -> None:
    spec = site.build()
    for _ in range(2):
        site.driver.pause(spec.id)
        assert site.look(spec.id).state is State.PAUSED
    for _ in range(2):
        site.driver.unpause(spec.id)
        assert site.look(spec.id).state is State.RUNNING


def test_suspend_and_resume(site: Site) -> None:
    spec = site.build()
    for _ in range(2):
        site.driver.suspend(spec.id)
        assert site.look(spec.id).state is State.SUSPENDED
    for _ in range(2):
        site.do(site.driver.resume, spec)
        assert site.look(spec.id).state is State.RUNNING
    site.driver.suspend(spec.id)
    site.do(site.driver.stop, spec.id, 0)  # its memory is forgotten
    assert site.look(spec.id).state is State.SHUTDOWN


def test_what_a_server_that_is_off_refuses(site: Site) -> None:
    spec = site.build(power=Power.SHUTDOWN)
    for call in (
        lambda: site.driver.pause(spec.id),
        lambda: site.driver.unpause(spec.id),
        lambda: site.driver.suspend(spec.id),
        lambda: site.driver.resume(spec, Attempt()),
        lambda: site.driver.console(spec.id, rpc.ConsoleType.VNC),
        lambda: site.driver.diagnostics(spec.id),
        lambda: site.driver.set_password(spec.id, "root", "s3cret"),
    ):
        with pytest.raises(Conflict):
            call()


@pytest.mark.parametrize("before", [Power.RUNNING, Power.PAUSED, Power.SHUTDOWN, Power.SUSPENDED])
def test_hard_reboot_works_from_any_state(site: Site, before: Power) -> None:
    spec = site.build(power=before)
    site.do(site.driver.reboot, msgspec.structs.replace(spec, power=Power.RUNNING), rpc.RebootType.HARD, 0.0)
    assert site.look(spec.id).state is State.RUNNING


def test_soft_reboot_of_a_guest_that_does_not_hear_becomes_hard(site: Site) -> None:
    spec = site.build()
    before = site.look(spec.id).started_at
    site.do(site.driver.reboot, spec, rpc.RebootType.SOFT, 0.2)
    seen = site.look(spec.id)
    assert seen.state is State.RUNNING
    assert seen.started_at != before


def test_network_cards_come_and_go(site: Site) -> None:
    for power in (Power.RUNNING, Power.SHUTDOWN):
        first, second = site.make_nic(), site.make_nic()
        spec = site.build(power=power, nics=(first,))
        for _ in range(2):
            site.do(site.driver.attach_nic, spec.id, second)
            assert set(site.look(spec.id).nics) == {first.port_id, second.port_id}
        if site.needs_an_operating_system_to_unplug(power):
            continue
        for _ in range(2):
            site.do(site.driver.detach_nic, spec.id, first.port_id)
            assert site.look(spec.id).nics == (second.port_id,)


def test_volumes_come_and_go(site: Site) -> None:
    for power in (Power.RUNNING, Power.SHUTDOWN):
        spec = site.build(power=power)
        first, second = site.make_volume(), site.make_volume(device="/dev/vdf")
        for _ in range(2):
            site.do(site.driver.attach_volume, spec.id, first)
            site.do(site.driver.attach_volume, spec.id, second)
            assert site.look(spec.id).volumes == {first.volume_id: "vdb", second.volume_id: "vdf"}
        if site.needs_an_operating_system_to_unplug(power):
            continue
        for _ in range(2):
            site.do(site.driver.detach_volume, spec.id, first.volume_id)
            assert site.look(spec.id).volumes == {second.volume_id: "vdf"}


def test_what_was_plugged_is_there_after_a_reboot(site: Site) -> None:
    spec = site.build()
    nic, volume = site.make_nic(), site.make_volume()
    site.do(site.driver.attach_nic, spec.id, nic)
    site.do(site.driver.attach_volume, spec.id, volume)
    spec = msgspec.structs.replace(spec, nics=(nic,), volumes=(volume,))
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    seen = site.look(spec.id)
    assert (seen.nics, seen.volumes) == ((nic.port_id,), {volume.volume_id: "vdb"})


def test_ensure_plugs_into_a_running_server(site: Site) -> None:
    first, second = site.make_nic(), site.make_nic()
    volume = site.make_volume()
    spec = site.build(nics=(first,))
    started_at = site.look(spec.id).started_at
    spec = msgspec.structs.replace(spec, nics=(first, second), volumes=(volume,), revision=2)
    site.do(site.driver.ensure, spec)
    seen = site.look(spec.id)
    assert (seen.nics, list(seen.volumes)) == ((first.port_id, second.port_id), [volume.volume_id])
    assert seen.started_at == started_at


def test_a_server_may_boot_from_a_volume(site: Site) -> None:
    volume = site.make_volume(boot_index=0)
    spec = site.build(image=None, volumes=(volume,))
    assert site.look(spec.id).volumes == {volume.volume_id: "vda"}


def test_a_server_without_anything_to_boot_is_refused(site: Site) -> None:
    with pytest.raises(BadRequest):
        site.driver.ensure(site.make_spec(image=None), Attempt())


def test_rebuild_makes_a_new_root_disk(site: Site) -> None:
    spec = site.build()
    started_at = site.look(spec.id).started_at
    spec = msgspec.structs.replace(spec, root_generation=2, revision=2)
    site.do(site.driver.ensure, spec)
    seen = site.look(spec.id)
    assert seen.state is State.RUNNING
    assert seen.started_at != started_at


def test_extending_a_volume_that_is_not_there(site: Site) -> None:
    spec = site.build()
    volume = site.make_volume()
    with pytest.raises(NotFound):
        site.driver.extend_volume(spec.id, volume.volume_id, 1)
    site.do(site.driver.attach_volume, spec.id, volume)
    site.driver.extend_volume(spec.id, volume.volume_id, 1)


def test_the_console_shows_what_the_guest_wrote(site: Site) -> None:
    spec = site.build()
    text = site.console(spec.id, site.greeting)
    assert text.splitlines(keepends=True)[-1].startswith(site.driver.console_log(spec.id, 1))
    assert site.driver.console_log(spec.id, 0) == ""


def test_the_screen_is_served_on_a_socket(site: Site) -> None:
    spec = site.build()
    console = site.driver.console(spec.id, rpc.ConsoleType.VNC)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(console.path)
        stream = connection.makefile("rwb", buffering=0)
        assert stream.read(12) == b"RFB 003.008\n"
        stream.write(b"RFB 003.008\n")
        assert exactly(stream, 2) == b"\x01\x01"  # one way to authenticate: none
        stream.write(b"\x01")
        assert exactly(stream, 4) == b"\0\0\0\0"
        stream.write(b"\x01")
        width, height, _pixels, length = struct.unpack(">HH16sI", exactly(stream, 24))
        assert spec.id in exactly(stream, length).decode()
        stream.write(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        kind, rectangles = struct.unpack(">BxH", exactly(stream, 4))
        assert kind == 0
        assert rectangles >= 1


def exactly(stream: io.RawIOBase, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = stream.read(length - len(found))
        assert more
        found += more
    return found


def test_the_serial_console_is_there(site: Site) -> None:
    spec = site.build()
    path = Path(site.driver.console(spec.id, rpc.ConsoleType.SERIAL).path)
    assert path.is_char_device() or path.is_socket()


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
@pytest.mark.parametrize("power", [Power.RUNNING, Power.PAUSED, Power.SHUTDOWN, Power.SUSPENDED])
def test_a_snapshot_is_one_whole_file(site: Site, tmp_path: Path, power: Power, disk_format: str) -> None:
    spec = site.build(power=power)
    target = tmp_path / f"image.{disk_format}"
    for _ in range(2):
        site.do(site.driver.snapshot, spec.id, target, disk_format, False)
        assert target.stat().st_size > 0
    assert list(tmp_path.iterdir()) == [target]
    assert site.look(spec.id).state == power.value


def test_diagnostics(site: Site) -> None:
    nic, volume = site.make_nic(), site.make_volume()
    spec = site.build(vcpus=2, nics=(nic,), volumes=(volume,), config_drive={"a": b"b"})
    found = site.driver.diagnostics(spec.id)
    assert (found.state, len(found.cpus), found.config_drive) == (State.RUNNING, 2, True)
    assert [use.mac_address for use in found.nics] == [nic.mac_address]
    assert {"vda", site.look(spec.id).volumes[volume.volume_id]} <= {use.device for use in found.disks}


def test_the_host_says_what_it_has(site: Site) -> None:
    before = site.driver.host_status("here")
    assert (before.host, before.cpu_info.arch) == ("here", "x86_64")
    assert min(before.vcpus, before.memory_mb, before.disk_gb) > 0
    assert "COMPUTE_NODE" in before.traits
    site.build(memory_mb=48)
    site.build(power=Power.SHUTDOWN)
    after = site.driver.host_status("here")
    assert (after.servers - before.servers, after.running_servers - before.running_servers) == (2, 1)
    assert after.memory_used_mb - before.memory_used_mb == 48


def test_a_new_driver_finds_the_servers_again(site: Site) -> None:
    running = site.build(nics=(site.make_nic(),), volumes=(site.make_volume(),))
    others = [site.build(power=power) for power in (Power.PAUSED, Power.SHUTDOWN, Power.SUSPENDED)]
    ids_here = [running.id, *(spec.id for spec in others)]
    before = site.driver.inspect(ids_here)
    site.reopen()
    assert site.driver.inspect(ids_here) == before
    site.do(site.driver.ensure, running)
    assert site.look(running.id) == before[running.id]


def test_sweep_touches_no_server(site: Site) -> None:
    spec = site.build(power=Power.SHUTDOWN)
    site.driver.sweep(unused_seconds=0)
    site.do(site.driver.start, spec)
    assert site.look(spec.id).state is State.RUNNING
