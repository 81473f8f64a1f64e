"""A guest with an operating system, from the image service to its removal, asked for over the bus.

One guest serves all tests of this file, in the order in which they stand here: booting is what takes the
time.
"""

import subprocess
from collections.abc import Iterator

import pytest
from compute_host import ComputeHost

from nacre.kernel import errors, ids
from nacre.services.compute import rpc

State = rpc.ServerState
BOOTED = "tiny: boot finished"


@pytest.fixture(scope="module")
def server(host: ComputeHost) -> Iterator[rpc.ServerSpec]:
    """A server that has booted."""
    spec = host.make_spec(nics=(host.make_nic(),))
    assert host.control.ensure(spec).fault is None
    host.await_console(spec.id, BOOTED)
    yield spec
    assert host.control.do(rpc.REMOVE_SERVER, spec.id).fault is None
    assert not list(host.directory.rglob(f"*{spec.id}*"))


def ask(server: rpc.ServerSpec) -> dict[str, str]:
    return {"command_id": ids.new_id(), "server_id": server.id}


def agent_says(host: ComputeHost, server: rpc.ServerSpec, command: str) -> str:
    """Ask the guest's agent directly, as an operator would."""
    return subprocess.run(
        ["virsh", "-c", host.driver.private.uri, "qemu-agent-command", f"server-{server.id}", command],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_it_read_its_config_drive(host: ComputeHost, server: rpc.ServerSpec) -> None:
    assert "host name pearl" in host.console(server.id)
    assert len(host.console(server.id)) > len(
        host.control.send(rpc.CONSOLE_LOG, rpc.ConsoleLogRequest(server_id=server.id, length=2)).output
    )


def test_its_password_can_be_set(host: ComputeHost, server: rpc.ServerSpec) -> None:
    host.wait(lambda: host.control.send(rpc.DIAGNOSTICS, rpc.DiagnosticsRequest(server_id=server.id)).cpus)
    host.control.send(rpc.SET_PASSWORD, rpc.SetPassword(password="s3cret", **ask(server)))


def test_network_cards_are_plugged_and_unplugged(host: ComputeHost, server: rpc.ServerSpec) -> None:
    nic = host.make_nic()
    status = host.control.send(rpc.ATTACH_NIC, rpc.AttachNic(nic=nic, **ask(server)))
    assert nic.port_id in status.nics
    host.wait(
        lambda: nic.mac_address in agent_says(host, server, '{"execute": "guest-network-get-interfaces"}')
    )
    status = host.control.send(rpc.DETACH_NIC, rpc.DetachNic(port_id=nic.port_id, **ask(server)))
    assert status.nics == (server.nics[0].port_id,)


def test_volumes_are_plugged_grown_and_unplugged(host: ComputeHost, server: rpc.ServerSpec) -> None:
    path = host.directory / "volume.raw"
    path.write_bytes(b"\0" * (16 << 20))
    connection = {"type": "file", "path": str(path), "format": "raw"}
    volume = rpc.VolumeSpec(volume_id=ids.new_id(), connection=connection)
    status = host.control.send(rpc.ATTACH_VOLUME, rpc.AttachVolume(volume=volume, **ask(server)))
    assert status.volumes == {volume.volume_id: "vdc"}  # after the root disk and the config drive
    message = rpc.ExtendVolume(volume_id=volume.volume_id, size_gb=1, **ask(server))
    host.control.send(rpc.EXTEND_VOLUME, message)
    assert path.stat().st_size == 1 << 30
    message = rpc.DetachVolume(volume_id=volume.volume_id, **ask(server))
    assert host.control.send(rpc.DETACH_VOLUME, message).volumes == {}


def test_a_snapshot_with_frozen_file_systems_is_sent(host: ComputeHost, server: rpc.ServerSpec) -> None:
    url, headers = host.images.door("snapshot.qcow2")
    outcome = host.control.do(
        rpc.SNAPSHOT,
        server.id,
        image_id="snapshot",
        upload=rpc.Upload(url=url, headers=headers),
        quiesce=True,
    )
    assert outcome.fault is None
    sent = host.directory / "snapshot.qcow2"
    assert outcome.result["size_bytes"] == sent.stat().st_size
    subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", str(sent)], check=True)
    refused = rpc.Upload(url=url, headers={"X-Ticket": "a wrong one"})
    outcome = host.control.do(rpc.SNAPSHOT, server.id, image_id="snapshot", upload=refused)
    assert outcome.fault is not None
    assert not outcome.fault.retry


def test_it_goes_on_after_suspension(host: ComputeHost, server: rpc.ServerSpec) -> None:
    assert host.control.do(rpc.SUSPEND, server.id).fault is None
    assert host.control.inspect(server.id).state is State.SUSPENDED
    assert host.control.do(rpc.RESUME, server.id).fault is None
    assert host.control.inspect(server.id).state is State.RUNNING
    agent_says(host, server, '{"execute": "guest-ping"}')


def test_it_survives_a_restart_of_the_agent(host: ComputeHost, server: rpc.ServerSpec) -> None:
    started_at = host.control.inspect(server.id).started_at
    epoch = host.agent.watch.log.epoch
    host.agent.stop()
    with pytest.raises(errors.Unavailable):
        host.control.inspect(server.id)
    host.start_agent()
    host.control.wait(lambda: host.control.hosts[-1].epoch != epoch and not host.control.hosts[-1].fault)
    status = host.control.inspect(server.id)
    assert (status.state, status.started_at) == (State.RUNNING, started_at)
    assert status.applied_revision == server.revision


def test_a_soft_reboot_is_the_guests_own(host: ComputeHost, server: rpc.ServerSpec) -> None:
    started_at = host.control.inspect(server.id).started_at
    boots = host.console(server.id).count(BOOTED)  # none: suspending ended the process, and its log with it
    outcome = host.control.do(rpc.REBOOT, server.id, timeout_seconds=120.0)
    assert outcome.fault is None
    assert host.control.inspect(server.id).started_at == started_at  # the same process
    host.await_console(server.id, BOOTED, times=boots + 1)


def test_a_guest_that_powers_itself_off_is_reported_at_once(
    host: ComputeHost, server: rpc.ServerSpec
) -> None:
    domain = f"server-{server.id}"
    subprocess.run(["virsh", "-c", host.driver.private.uri, "shutdown", domain, "--mode", "acpi"], check=True)
    host.control.wait(
        lambda: any(
            r.status.id == server.id
            and r.status.state is State.SHUTDOWN
            and r.status.power is rpc.Power.SHUTDOWN
            for r in host.control.reports
        )
    )
    assert host.control.do(rpc.START, server.id).fault is None
    host.await_console(server.id, BOOTED)


def test_a_stop_lets_the_guest_finish(host: ComputeHost, server: rpc.ServerSpec) -> None:
    outcome = host.control.do(rpc.STOP, server.id, timeout_seconds=120.0)
    assert outcome.fault is None
    status = host.control.inspect(server.id)
    assert (status.state, status.reason) == (State.SHUTDOWN, "the guest powered itself off")
    assert "Power down" in host.console(server.id)


def test_a_snapshot_boots(host: ComputeHost, server: rpc.ServerSpec) -> None:
    copy = host.make_spec(image=host.image("snapshot.qcow2"))
    assert host.control.ensure(copy).fault is None
    host.await_console(copy.id, BOOTED)
    assert host.control.do(rpc.REMOVE_SERVER, copy.id).fault is None
