"""The agent of a host, asked over the bus as the control plane asks it, with the simulated driver."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from control_of_compute import HOST, PATIENCE_SECONDS, ControlPlane, make_spec

from nacre.kernel import errors, ids
from nacre.services.compute import rpc
from nacre.services.compute.agent import commands
from nacre.services.compute.agent.drivers.simulated import Failure, SimulatedOptions
from nacre.services.compute.agent.main import ComputeAgent
from nacre.services.compute.agent.options import AgentOptions

State = rpc.ServerState


class Warehouse:
    """Takes what snapshots send, and holds what servers fetch."""

    def __init__(self) -> None:
        self.sent: dict[str, bytes] = {}
        self.away = 0  # how many times yet
        self.go_on = threading.Event()
        self.go_on.set()

    def fetch(self, source: rpc.Download):
        raise errors.Unavailable("nothing here")

    def send(self, path: Path, target: rpc.Upload) -> None:
        assert self.go_on.wait(30)
        if self.away:
            self.away -= 1
            raise errors.Unavailable("The image service is away.")
        self.sent[target.url] = path.read_bytes()


def test_a_server_is_built_and_reported(agent: ComputeAgent, control: ControlPlane) -> None:
    spec = make_spec()
    outcome = control.ensure(spec)
    assert outcome.fault is None
    assert outcome.verb == "ensure_server"
    status = control.inspect(spec.id)
    assert (status.state, status.applied_revision, status.task) == (State.RUNNING, 1, None)
    assert control.reports[0].status.state is State.BUILDING
    numbers = [report.status.change for report in control.reports]
    assert numbers == sorted(set(numbers))


def test_a_command_that_arrives_twice_is_done_once(agent: ComputeAgent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    command = rpc.RebootServer(command_id="c-1", server_id=spec.id, type=rpc.RebootType.HARD)
    control.send(rpc.REBOOT, command)
    control.outcome("c-1")
    booted_at = control.inspect(spec.id).started_at
    again = control.send(rpc.REBOOT, command)
    assert again.finished is not None
    assert again.finished.fault is None
    assert control.inspect(spec.id).started_at == booted_at


def test_an_older_revision_is_ignored(agent: ComputeAgent, control: ControlPlane) -> None:
    spec = make_spec(revision=7)
    control.ensure(spec)
    old = msgspec.structs.replace(spec, revision=6, memory_mb=64)
    answer = control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="late", spec=old))
    assert answer.stale
    assert control.inspect(spec.id).revision == 7


def test_an_ensure_overtaken_by_a_stop_does_not_start_the_server(agent, control: ControlPlane) -> None:
    spec = make_spec(revision=1)
    control.ensure(spec)
    control.do(rpc.STOP, spec.id, revision=3)
    late = msgspec.structs.replace(spec, revision=2)
    assert control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="late", spec=late)).stale
    status = control.inspect(spec.id)
    assert (status.state, status.power, status.revision) == (State.SHUTDOWN, rpc.Power.SHUTDOWN, 3)


@pytest.mark.parametrize(
    ("method", "state"),
    [
        (rpc.STOP, State.SHUTDOWN),
        (rpc.PAUSE, State.PAUSED),
        (rpc.SUSPEND, State.SUSPENDED),
        (rpc.REBOOT, State.RUNNING),
    ],
)
def test_power_commands(agent: ComputeAgent, control: ControlPlane, method: Any, state: State) -> None:
    spec = make_spec()
    control.ensure(spec)
    assert control.do(method, spec.id).fault is None
    status = control.inspect(spec.id)
    assert status.state is state
    assert status.power == state.value


def test_a_refusal_is_told_with_its_cause(agent: ComputeAgent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    control.do(rpc.STOP, spec.id)
    outcome = control.do(rpc.PAUSE, spec.id)
    assert outcome.fault is not None
    assert (outcome.fault.meaning, outcome.fault.retry) == ("Conflict", False)
    assert spec.id in outcome.fault.message


def test_a_failed_build_can_be_tried_again(make_agent, control: ControlPlane) -> None:
    make_agent(simulated=SimulatedOptions(failures=(Failure(verb="ensure", times=1),)))
    spec = make_spec()
    outcome = control.ensure(spec)
    assert outcome.fault is not None
    assert not outcome.fault.retry
    status = control.inspect(spec.id)
    assert (status.state, status.fault) == (State.MISSING, outcome.fault)
    assert control.ensure(spec).fault is None
    status = control.inspect(spec.id)
    assert (status.state, status.fault) == (State.RUNNING, None)


def test_an_outage_is_borne(make_agent, control: ControlPlane) -> None:
    make_agent(simulated=SimulatedOptions(failures=(Failure(verb="ensure", times=1, outage=True),)))
    spec = make_spec()
    assert control.ensure(spec).fault is None
    assert any("will be tried again" in report.status.progress for report in control.reports)
    assert control.inspect(spec.id).state is State.RUNNING


def test_an_outage_without_end_is_told(make_agent, control: ControlPlane, monkeypatch) -> None:
    monkeypatch.setattr(commands, "OUTAGES", 2)
    make_agent(simulated=SimulatedOptions(failures=(Failure(verb="ensure", outage=True),)))
    outcome = control.ensure(make_spec())
    assert outcome.fault is not None
    assert outcome.fault.retry


def test_a_removal_does_not_wait_for_the_end_of_an_outage(make_agent, control: ControlPlane) -> None:
    make_agent(simulated=SimulatedOptions(failures=(Failure(verb="ensure", outage=True),)))
    spec = make_spec()
    control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="b", spec=spec))
    control.wait(lambda: any("will be tried again" in r.status.progress for r in control.reports))
    assert control.do(rpc.REMOVE_SERVER, spec.id).fault is None
    fault = control.outcome("b").fault
    assert fault is not None
    assert fault.meaning == "Gone"


def test_a_removed_server_leaves_no_record(agent, control: ControlPlane, tmp_path: Path) -> None:
    spec = make_spec()
    control.ensure(spec)
    assert control.do(rpc.REMOVE_SERVER, spec.id, command_id="r-1").fault is None
    assert not list((tmp_path / "agent" / "records").iterdir())
    assert not list((tmp_path / "simulated" / "machines").iterdir())
    status = control.inspect(spec.id)
    assert status.state is State.MISSING
    assert [outcome.command_id for outcome in status.outcomes][-1] == "r-1"
    assert control.do(rpc.REMOVE_SERVER, spec.id).fault is None  # of one that is gone


def test_a_removal_ends_a_build_that_waits(make_agent, control: ControlPlane) -> None:
    make_agent(simulated=SimulatedOptions(build_seconds=3600))
    spec = make_spec()
    control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="b", spec=spec))
    control.wait(lambda: any(r.status.progress == "fetching the image" for r in control.reports))
    assert control.do(rpc.REMOVE_SERVER, spec.id).fault is None
    fault = control.outcome("b").fault
    assert fault is not None
    assert fault.meaning == "Gone"
    assert control.inspect(spec.id).state is State.MISSING


def test_commands_for_an_unknown_server_are_refused(agent, control: ControlPlane) -> None:
    for method in (rpc.STOP, rpc.REBOOT, rpc.PAUSE):
        with pytest.raises(errors.NotFound):
            control.do(method, ids.new_id())
    with pytest.raises(errors.NotFound):
        control.send(rpc.CONSOLE_LOG, rpc.ConsoleLogRequest(server_id=ids.new_id()))


def test_an_id_that_would_leave_the_directory_is_refused(agent, control: ControlPlane) -> None:
    with pytest.raises(errors.BadRequest):
        control.send(
            rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="c", spec=make_spec(id="../../etc/passwd"))
        )


def test_what_was_accepted_survives_a_restart(make_agent, control: ControlPlane) -> None:
    first = make_agent(simulated=SimulatedOptions(build_seconds=3600))
    spec = make_spec()
    control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="b", spec=spec))
    control.wait(lambda: any(r.status.progress == "fetching the image" for r in control.reports))
    first.stop()
    make_agent()
    assert control.outcome("b").fault is None
    assert control.inspect(spec.id).state is State.RUNNING


def test_a_restarted_agent_finds_its_servers(make_agent, control: ControlPlane) -> None:
    first = make_agent()
    specs = [make_spec() for _ in range(3)]
    for spec in specs:
        control.ensure(spec)
    control.do(rpc.STOP, specs[0].id)
    first.stop()
    make_agent()
    control.wait(lambda: control.hosts and control.hosts[-1].epoch != first.watch.log.epoch)
    changes = control.send(rpc.RESYNC, rpc.Resync(epoch=first.watch.log.epoch, since=99))
    assert changes.full
    assert {status.id: status.state for status in changes.servers} == {
        specs[0].id: State.SHUTDOWN,
        specs[1].id: State.RUNNING,
        specs[2].id: State.RUNNING,
    }


def test_resync_tells_only_what_changed_page_by_page(agent, control: ControlPlane) -> None:
    specs = [make_spec() for _ in range(5)]
    for spec in specs:
        control.ensure(spec)
    first = control.send(rpc.RESYNC, rpc.Resync(limit=2))
    assert (first.full, first.more, len(first.servers)) == (True, True, 2)
    seen = {status.id for status in first.servers}
    page = first
    while page.more:
        page = control.send(
            rpc.RESYNC, rpc.Resync(epoch=page.epoch, since=page.change, limit=2, continued=True)
        )
        assert not page.full
        seen |= {status.id for status in page.servers}
    assert seen == {spec.id for spec in specs}
    control.do(rpc.REMOVE_SERVER, specs[0].id)
    control.do(rpc.PAUSE, specs[1].id)
    later = control.send(rpc.RESYNC, rpc.Resync(epoch=page.epoch, since=page.change))
    assert not later.full
    assert {status.id: status.state for status in later.servers} == {
        specs[0].id: State.MISSING,
        specs[1].id: State.PAUSED,
    }


def test_a_guest_that_powers_itself_off_is_reported_and_stays_off(agent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    agent.driver.guest_powers_off(spec.id)
    control.wait(
        lambda: (
            control.reports[-1].status.state is State.SHUTDOWN
            and control.reports[-1].status.power is rpc.Power.SHUTDOWN
        )
    )


def test_a_crash_is_reported_and_the_server_is_still_wanted(agent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    agent.driver.guest_crashes(spec.id)
    control.wait(lambda: control.reports[-1].status.state is State.CRASHED)
    assert control.reports[-1].status.power is rpc.Power.RUNNING


def test_after_the_machine_was_restarted_servers_run_again(make_agent, control: ControlPlane) -> None:
    first = make_agent(boot_id="monday")
    running, stopped = make_spec(), make_spec()
    control.ensure(running)
    control.ensure(stopped)
    control.do(rpc.STOP, stopped.id)
    first.stop()
    for path in (first.driver._machines._directory).glob("*.json"):  # what a power cut leaves
        machine = json.loads(path.read_bytes()) | {"state": "shutdown"}
        path.write_text(json.dumps(machine))
    make_agent(boot_id="tuesday")
    control.wait(
        lambda: any(
            r.status.id == running.id and r.status.state is State.RUNNING and r.epoch != first.watch.log.epoch
            for r in control.reports
        )
    )
    assert control.inspect(stopped.id).state is State.SHUTDOWN


def test_nics_and_volumes_come_and_go(agent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    nic = rpc.NicSpec(port_id="port-1", tap_device="tap1", mac_address="fa:16:3e:00:00:01")
    volume = rpc.VolumeSpec(volume_id="vol-1", connection={"type": "file", "path": "/x", "format": "raw"})
    ask = {"command_id": ids.new_id(), "server_id": spec.id, "revision": 2}
    status = control.send(rpc.ATTACH_NIC, rpc.AttachNic(nic=nic, **ask))
    assert status.nics == ("port-1",)
    assert (status.revision, status.applied_revision) == (2, 2)
    ask["command_id"] = ids.new_id()
    status = control.send(rpc.ATTACH_VOLUME, rpc.AttachVolume(volume=volume, **ask))
    assert status.volumes == {"vol-1": "vdb"}
    ask["command_id"] = ids.new_id()
    assert control.send(rpc.DETACH_VOLUME, rpc.DetachVolume(volume_id="vol-1", **ask)).volumes == {}
    ask["command_id"] = ids.new_id()
    assert control.send(rpc.DETACH_NIC, rpc.DetachNic(port_id="port-1", **ask)).nics == ()
    ask["command_id"] = ids.new_id()
    with pytest.raises(errors.NotFound):
        control.send(rpc.EXTEND_VOLUME, rpc.ExtendVolume(volume_id="vol-1", size_gb=2, **ask))


def test_a_snapshot_is_sent_and_leaves_no_file(make_agent, control: ControlPlane, tmp_path: Path) -> None:
    warehouse = Warehouse()
    make_agent(transfers=warehouse)
    spec = make_spec()
    control.ensure(spec)
    upload = rpc.Upload(url="http://image/v2/images/i-9/file", headers={"X-Ticket": "s3cret"})
    outcome = control.do(rpc.SNAPSHOT, spec.id, image_id="i-9", upload=upload)
    assert outcome.fault is None
    assert outcome.result["size_bytes"] == len(warehouse.sent[upload.url])
    assert not list((tmp_path / "agent" / "snapshots").rglob("image.*"))


def test_a_snapshot_is_sent_again_when_the_image_service_was_away(make_agent, control: ControlPlane) -> None:
    warehouse = Warehouse()
    warehouse.away = 1
    make_agent(transfers=warehouse)
    spec = make_spec()
    control.ensure(spec)
    upload = rpc.Upload(url="http://image/v2/images/i-9/file")
    outcome = control.do(rpc.SNAPSHOT, spec.id, image_id="i-9", upload=upload)
    assert outcome.fault is None
    assert warehouse.sent[upload.url]


def test_questions_are_answered_while_a_command_runs(make_agent, control: ControlPlane) -> None:
    warehouse = Warehouse()
    make_agent(transfers=warehouse)
    spec = make_spec()
    control.ensure(spec)
    warehouse.go_on.clear()
    upload = rpc.Upload(url="http://image/1")
    control.send(
        rpc.SNAPSHOT, rpc.SnapshotServer(command_id="s", server_id=spec.id, image_id="i", upload=upload)
    )
    control.wait(lambda: control.reports[-1].status.progress.startswith("sending"))
    assert control.inspect(spec.id).task == "snapshot"
    assert control.send(rpc.CONSOLE_LOG, rpc.ConsoleLogRequest(server_id=spec.id)).output
    warehouse.go_on.set()
    assert control.outcome("s").fault is None


def test_secrets_are_not_shown_and_tickets_not_kept(agent, control: ControlPlane, tmp_path: Path) -> None:
    spec = make_spec(config_drive={"openstack/latest/meta_data.json": b'{"admin_pass": "s3cret"}'})
    assert "s3cret" not in repr(rpc.EnsureServer(command_id="c", spec=spec))
    control.ensure(spec)
    record = (tmp_path / "agent" / "records" / f"{spec.id}.json").read_text()
    assert "X-Ticket" not in record
    ask = {"command_id": "p", "server_id": spec.id}
    control.send(rpc.SET_PASSWORD, rpc.SetPassword(password="hunter22", **ask))
    everything = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "hunter22" not in everything


def test_a_hypervisor_that_is_away_does_not_stop_the_agent(agent, control: ControlPlane) -> None:
    spec = make_spec()
    control.ensure(spec)
    agent.driver.set_away(True)
    with pytest.raises(errors.Unavailable):
        control.inspect(spec.id)
    assert control.send(rpc.HOST_STATUS, rpc.Nothing()).fault is not None
    control.send(rpc.STOP, rpc.StopServer(command_id="s", server_id=spec.id))
    control.wait(lambda: any("will be tried again" in r.status.progress for r in control.reports))
    agent.driver.set_away(False)
    assert control.outcome("s").fault is None
    assert control.inspect(spec.id).state is State.SHUTDOWN
    assert control.send(rpc.HOST_STATUS, rpc.Nothing()).fault is None


@pytest.mark.parametrize("outage", [True, False])
def test_an_agent_whose_hypervisor_is_away_at_first_starts_when_it_comes(
    make_agent: Callable[..., ComputeAgent], control: ControlPlane, outage: bool
) -> None:
    agent = make_agent(
        simulated=SimulatedOptions(failures=(Failure(verb="open", times=1, outage=outage),)), wait=False
    )
    spec = make_spec()
    control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id="early", spec=spec))
    if not agent.ready.is_set():
        with pytest.raises(errors.Unavailable):  # and not "missing"
            control.inspect(spec.id)
    assert control.outcome("early").fault is None
    assert control.inspect(spec.id).state is State.RUNNING


def test_an_agent_that_cannot_start_says_why_and_goes_on_trying(
    make_agent: Callable[..., ComputeAgent], control: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "agent" / "boot_id").mkdir(parents=True)  # where a file is to be
    agent = make_agent(options=AgentOptions(heartbeat_seconds=0.02), wait=False)
    control.wait(lambda: control.hosts and control.hosts[-1].fault)
    assert "boot_id" in control.hosts[-1].fault.detail
    assert "boot_id" in agent.trouble
    (tmp_path / "agent" / "boot_id").rmdir()
    assert agent.ready.wait(PATIENCE_SECONDS)
    control.wait(lambda: control.hosts[-1].fault is None)
    assert agent.trouble == ""


def test_heartbeats_tell_what_the_host_has(make_agent, control: ControlPlane) -> None:
    options = AgentOptions(heartbeat_seconds=0.02, move_address="198.51.100.7")
    make_agent(options=options, simulated=SimulatedOptions(vcpus=12))
    control.wait(lambda: len(control.hosts) >= 3)
    assert control.hosts[-1].host_ip == "198.51.100.7"
    status = control.hosts[-1]
    assert (status.host, status.vcpus, status.hypervisor_type) == (HOST, 12, "simulated")
    assert status.agent_version
    control.ensure(make_spec())
    control.wait(lambda: control.hosts[-1].running_servers == 1)


def test_fifty_servers_at_once_need_few_threads(make_agent, control: ControlPlane) -> None:
    before = threading.active_count()
    make_agent(simulated=SimulatedOptions(build_seconds=0.2))
    specs = [make_spec(name=f"web-{n}") for n in range(50)]
    for n, spec in enumerate(specs):
        control.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id=f"b-{n}", spec=spec))
    for n in range(50):
        assert control.outcome(f"b-{n}").fault is None
    assert threading.active_count() - before <= AgentOptions().workers + 10  # and those of the bus
    inspected = control.send(rpc.INSPECT, rpc.Inspect())
    assert {status.state for status in inspected.servers} == {State.RUNNING}
    assert len(inspected.servers) == 50


def test_an_unreadable_record_does_not_stop_the_agent(
    make_agent: Callable[..., ComputeAgent], control: ControlPlane, tmp_path: Path
) -> None:
    first = make_agent()
    spec = make_spec()
    control.ensure(spec)
    first.stop()
    path = tmp_path / "agent" / "records" / f"{spec.id}.json"
    path.write_bytes(path.read_bytes()[:40])
    make_agent()
    assert control.inspect(spec.id).state is State.RUNNING
    assert control.ensure(spec).fault is None
    assert control.do(rpc.REMOVE_SERVER, spec.id).fault is None
