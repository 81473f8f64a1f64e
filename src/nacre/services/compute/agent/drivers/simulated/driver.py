"""The simulated driver: keeps the contract of ``drivers/base.py`` without doing anything in the world.

Calls that take time in the world (`build_seconds`, `shutdown_seconds`) answer `Later` here too, so the code
above meets the same waits; no thread waits and nothing is polled.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from nacre.kernel.clock import Clock
from nacre.kernel.errors import BadRequest, Conflict, NotFound
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Driver, Events, Later, Observed
from nacre.services.compute.agent.drivers.devices import next_device
from nacre.services.compute.agent.drivers.simulated import disks
from nacre.services.compute.agent.drivers.simulated.consoles import Consoles
from nacre.services.compute.agent.drivers.simulated.gates import Gate
from nacre.services.compute.agent.drivers.simulated.machines import Machine, Machines, console_lines
from nacre.services.compute.agent.drivers.simulated.moves import SimulatedMoves
from nacre.services.compute.agent.drivers.simulated.options import Failure, SimulatedOptions

State = rpc.ServerState
POWERED = (State.RUNNING, State.PAUSED)

STATE_OF = {
    rpc.Power.RUNNING: State.RUNNING,
    rpc.Power.PAUSED: State.PAUSED,
    rpc.Power.SHUTDOWN: State.SHUTDOWN,
    rpc.Power.SUSPENDED: State.SUSPENDED,
}

TRAITS = (
    "COMPUTE_IMAGE_TYPE_ISO", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_NODE", "COMPUTE_VOLUME_EXTEND", "COMPUTE_VOLUME_MULTI_ATTACH",
    "HW_CPU_X86_SSE42", "HW_CPU_X86_AVX2",
)  # fmt: skip


class SimulatedDriver(Driver):
    """A host whose servers are only remembered."""

    name = "simulated"

    def __init__(
        self, state_dir: Path, options: SimulatedOptions | None = None, *, clock: Clock | None = None
    ) -> None:
        self.options = options or SimulatedOptions()
        self._clock = clock or Clock()
        self._machines = Machines(state_dir / "machines")
        self._files = state_dir / "files"
        self._consoles = Consoles(state_dir / "consoles", lambda server_id: self.console_log(server_id, None))
        self._gates = Gate(self.options, self._machines)
        self._gate = self._gates.pass_or_fail
        self.moves = SimulatedMoves(self.options, self._machines, self._gates)

    # --- what happens in the world, for whoever tries things out ---

    def fail(self, failure: Failure) -> None:
        """Have calls fail from now on."""
        self._gates.fail(failure)

    def heal(self) -> None:
        """Have nothing fail any more."""
        self._gates.heal()

    def set_away(self, away: bool) -> None:
        """Have the hypervisor be away, or come back."""
        self._gates.set_away(away)

    def guest_powers_off(self, server_id: str) -> None:
        """What happens when somebody types ``poweroff`` in the guest."""
        self._happen(server_id, State.SHUTDOWN, "the guest powered itself off")

    def guest_crashes(self, server_id: str) -> None:
        self._happen(server_id, State.CRASHED, "the guest crashed")

    def lose(self, server_id: str) -> None:
        """What happens when somebody undefines the server behind our back; nobody hears of it."""
        self._machines.change(server_id, lambda _machine: None)

    def lose_disk(self, server_id: str) -> None:
        """What happens when somebody deletes the server's disk."""
        self._change(server_id, disk_lost=True)

    def leave_files(self, server_id: str) -> None:
        """What is left when a server's definition is gone and its files are not."""
        (self._files / server_id).mkdir(parents=True, exist_ok=True)

    def _happen(self, server_id: str, state: State, reason: str) -> None:
        self._change(server_id, state=state, reason=reason)
        self._gates.tell(server_id, reason)

    # --- the host ---

    def open(self, events: Events) -> None:
        self._gates.events = events
        self._gate("open", "")
        self._machines.load()

    def close(self) -> None:
        self._gates.events = None
        self._consoles.close()

    def host_status(self, host: str) -> rpc.HostStatus:
        self._gate("host_status", "")
        options, machines = self.options, self._machines.all().values()
        powered = [machine for machine in machines if machine.state in POWERED]
        return rpc.HostStatus(
            host=host,
            hypervisor_hostname=host,
            hypervisor_type="simulated",
            hypervisor_version=1_000_000,
            virt_type="simulated",
            vcpus=options.vcpus,
            memory_mb=options.memory_mb,
            disk_gb=options.disk_gb,
            memory_used_mb=sum(machine.memory_mb for machine in powered),
            disk_free_gb=max(0, options.disk_gb - sum(machine.root_gb for machine in machines)),
            cpu_info=rpc.CpuInfo(
                arch=options.arch,
                model="simulated",
                vendor="nacre",
                features=options.cpu_features,
                cores=options.vcpus,
            ),
            traits=tuple(sorted({*TRAITS, *options.traits})),
            supported=((options.arch, "simulated", "hvm"),),
            servers=len(machines),
            running_servers=len(powered),
        )

    def sweep(self, *, unused_seconds: float) -> list[str]:
        return []

    def examine(self, known: Collection[rpc.ServerSpec]) -> list[rpc.Found]:
        self._gate("examine", "")
        machines, stray = self._machines.all(), []
        if self._files.is_dir():
            stray = [path.name for path in sorted(self._files.iterdir())]
        return [
            *(
                rpc.Found(kind=rpc.Trouble.DISK_MISSING, server_id=spec.id, text="Its disk is gone.")
                for spec in known
                if spec.id in machines and machines[spec.id].disk_lost
            ),
            *(
                rpc.Found(kind=rpc.Trouble.FILES_STRAY, server_id=each, text="Files are here, and no server.")
                for each in stray
                if each not in machines
            ),
        ]

    # --- questions ---

    def inspect(self, server_ids: Collection[str] | None = None) -> dict[str, Observed]:
        self._gate("inspect", "")
        machines = self._machines.all()
        wanted = machines.keys() if server_ids is None else server_ids
        return {
            server_id: Observed(
                machine.state,
                name=f"server-{server_id}",
                reason=machine.reason,
                vcpus=machine.vcpus,
                memory_mb=machine.memory_mb,
                nics=machine.nics,
                volumes=machine.volumes,
                started_at=machine.started_at if machine.state in POWERED else None,
            )
            for server_id in wanted
            if (machine := machines.get(server_id)) is not None
        }

    def console_log(self, server_id: str, length: int | None) -> str:
        machine = self._get(server_id)
        lines = console_lines(machine, self._clock.now(), self.options.boot_seconds)
        if length is not None:
            lines = lines[-length:] if length > 0 else []
        return "\n".join(lines) + ("\n" if lines else "")

    def console(self, server_id: str, kind: rpc.ConsoleType) -> rpc.Console:
        self._running(server_id, "has no console")
        return rpc.Console(host="", type=kind, path=str(self._consoles.path(server_id, kind)))

    def diagnostics(self, server_id: str) -> rpc.Diagnostics:
        machine = self._running(server_id, "has nothing to measure")
        assert machine.started_at is not None
        seconds = (self._clock.now() - machine.started_at).total_seconds()
        return rpc.Diagnostics(
            state=machine.state,
            driver=self.name,
            hypervisor="simulated",
            uptime_seconds=int(seconds),
            config_drive=machine.config_drive,
            cpus=tuple(rpc.CpuUse(time_ns=int(seconds * 1e7)) for _ in range(machine.vcpus)),
            nics=tuple(rpc.NicUse(mac_address=mac) for mac in machine.macs),
            disks=tuple(rpc.DiskUse(device=device) for device in ("vda", *machine.volumes.values())),
            memory_mb=machine.memory_mb,
            memory_used_mb=machine.memory_mb // 4,
        )

    # --- the server as a whole ---

    def ensure(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        self._gate("ensure", spec.id, spec.name)
        machine = self._machines.get(spec.id)
        remaining = self.options.build_seconds - attempt.waited_seconds
        if machine is None and remaining > 0:
            return Later(remaining, "fetching the image")
        state = STATE_OF[spec.power]
        if machine is None or machine.state is not state:
            self._settle(spec, state)
        elif machine.state not in POWERED or machine.root_generation != spec.root_generation:
            self._settle(spec, state, boots=True)
        self._change(
            spec.id,
            name=spec.name,
            nics=tuple(nic.port_id for nic in spec.nics),
            macs=tuple(nic.mac_address for nic in spec.nics),
            volumes=self._devices(spec),
        )
        return None

    def remove(self, server_id: str) -> Done:
        self._gate("remove", server_id)
        self._machines.change(server_id, lambda _machine: None)
        if (self._files / server_id).exists():
            (self._files / server_id).rmdir()
        self._consoles.remove(server_id)
        return None

    # --- power ---

    def start(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        self._gate("start", spec.id, spec.name)
        machine = self._get(spec.id)
        if machine.state is not State.RUNNING:
            self._settle(spec, State.RUNNING)
        return None

    def stop(self, server_id: str, timeout_seconds: float, attempt: Attempt) -> Done:
        self._gate("stop", server_id)
        machine = self._get(server_id)
        if machine.state is State.RUNNING and timeout_seconds > 0:
            asked_at = machine.stop_asked_at or self._clock.now()
            self._change(server_id, stop_asked_at=asked_at)
            gone = (self._clock.now() - asked_at).total_seconds()
            remaining = min(self.options.shutdown_seconds, timeout_seconds) - gone
            if remaining > 0:
                return Later(remaining, "waiting for the guest to power off")
        if machine.state is not State.SHUTDOWN:
            self._change(server_id, state=State.SHUTDOWN, reason="")
        return None

    def reboot(
        self, spec: rpc.ServerSpec, kind: rpc.RebootType, timeout_seconds: float, attempt: Attempt
    ) -> Done:
        self._gate("reboot", spec.id, spec.name)
        machine = self._machines.get(spec.id) if kind is rpc.RebootType.HARD else self._get(spec.id)
        if machine is not None and machine.disk_lost:
            raise Conflict(f"The disk of server {spec.id} is gone.")
        if machine is not None and kind is rpc.RebootType.SOFT and machine.state is State.RUNNING:
            remaining = min(self.options.shutdown_seconds, timeout_seconds) - attempt.waited_seconds
            if remaining > 0:
                return Later(remaining, "waiting for the guest to reboot")
            self._change(spec.id, started_at=self._clock.now(), stop_asked_at=None)
        else:
            self._settle(spec, State.RUNNING, boots=True)
        return None

    def pause(self, server_id: str) -> None:
        self._gate("pause", server_id)
        self._expect(server_id, *POWERED)
        self._change(server_id, state=State.PAUSED)

    def unpause(self, server_id: str) -> None:
        self._gate("unpause", server_id)
        self._expect(server_id, *POWERED)
        self._change(server_id, state=State.RUNNING)

    def suspend(self, server_id: str) -> Done:
        self._gate("suspend", server_id)
        self._expect(server_id, *POWERED, State.SUSPENDED)
        self._change(server_id, state=State.SUSPENDED)
        return None

    def resume(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        self._gate("resume", spec.id, spec.name)
        self._expect(spec.id, State.SUSPENDED, State.RUNNING)
        self._change(spec.id, state=State.RUNNING)
        return None

    # --- parts ---

    def attach_nic(self, server_id: str, nic: rpc.NicSpec, attempt: Attempt) -> Done:
        self._gate("attach_nic", server_id)
        machine = self._get(server_id)
        if nic.port_id not in machine.nics:
            self._change(server_id, nics=(*machine.nics, nic.port_id), macs=(*machine.macs, nic.mac_address))
        return None

    def detach_nic(self, server_id: str, port_id: str, attempt: Attempt) -> Done:
        self._gate("detach_nic", server_id)
        machine = self._get(server_id)
        kept = [n for n, plugged in enumerate(machine.nics) if plugged != port_id]
        self._change(
            server_id,
            nics=tuple(machine.nics[n] for n in kept),
            macs=tuple(machine.macs[n] for n in kept),
        )
        return None

    def attach_volume(self, server_id: str, volume: rpc.VolumeSpec, attempt: Attempt) -> Done:
        self._gate("attach_volume", server_id)
        machine = self._get(server_id)
        if volume.volume_id not in machine.volumes:
            device = next_device(volume.device, {"vda", *machine.volumes.values()})
            self._change(server_id, volumes={**machine.volumes, volume.volume_id: device})
        return None

    def detach_volume(self, server_id: str, volume_id: str, attempt: Attempt) -> Done:
        self._gate("detach_volume", server_id)
        volumes = dict(self._get(server_id).volumes)
        volumes.pop(volume_id, None)
        self._change(server_id, volumes=volumes)
        return None

    def extend_volume(self, server_id: str, volume_id: str, size_gb: int) -> None:
        self._gate("extend_volume", server_id)
        if volume_id not in self._get(server_id).volumes:
            raise NotFound(f"Volume {volume_id} is not attached to server {server_id}.")

    # --- inside ---

    def snapshot(
        self, server_id: str, target: Path, disk_format: str, quiesce: bool, attempt: Attempt
    ) -> Done:
        self._gate("snapshot", server_id)
        remaining = self.options.snapshot_seconds - attempt.waited_seconds
        if remaining > 0:
            return Later(remaining, "copying the disk")
        disks.write(target, disk_format, self._get(server_id).root_gb)
        return None

    def set_password(self, server_id: str, user: str, password: str) -> None:
        self._gate("set_password", server_id)
        machine = self._running(server_id, "has no guest to ask")
        self._change(server_id, passwords_set=machine.passwords_set + 1)

    # --- within ---

    def _settle(self, spec: rpc.ServerSpec, state: State, *, boots: bool = False) -> None:
        """Bring a machine into a state with today's spec."""
        if spec.image is None and not any(volume.boot_index == 0 for volume in spec.volumes):
            raise BadRequest("The server has nothing to boot from: no image and no volume with boot index 0.")
        now = self._clock.now()

        def make(machine: Machine | None) -> Machine:
            goes_on = machine is not None and machine.state in (*POWERED, State.SUSPENDED) and not boots
            return Machine(
                id=spec.id,
                name=spec.name,
                hostname=spec.hostname,
                state=state,
                vcpus=spec.vcpus,
                memory_mb=spec.memory_mb,
                root_gb=spec.root_gb,
                image_id=spec.image.image_id if spec.image else None,
                root_generation=spec.root_generation,
                nics=tuple(nic.port_id for nic in spec.nics),
                macs=tuple(nic.mac_address for nic in spec.nics),
                volumes=self._devices(spec),
                config_drive=spec.config_drive is not None,
                started_at=(
                    machine.started_at
                    if machine and (goes_on or state is State.SHUTDOWN)
                    else None
                    if state is State.SHUTDOWN
                    else now
                ),  # fmt: skip
            )

        self._machines.change(spec.id, make)

    def _devices(self, spec: rpc.ServerSpec) -> dict[str, str]:
        machine = self._machines.get(spec.id)
        before = machine.volumes if machine is not None else {}
        devices: dict[str, str] = {}
        for volume in spec.volumes:
            taken = {*devices.values()} if volume.boot_index == 0 else {"vda", *devices.values()}
            wish = "vda" if volume.boot_index == 0 else before.get(volume.volume_id) or volume.device
            devices[volume.volume_id] = next_device(wish, taken)
        return devices

    def _get(self, server_id: str) -> Machine:
        machine = self._machines.get(server_id)
        if machine is None:
            raise NotFound(f"Server {server_id} does not exist on this host.")
        return machine

    def _running(self, server_id: str, lack: str) -> Machine:
        machine = self._get(server_id)
        if machine.state not in POWERED:
            raise Conflict(f"Server {server_id} is {machine.state} and {lack}.")
        return machine

    def _expect(self, server_id: str, *states: State) -> None:
        machine = self._get(server_id)
        if machine.state not in states:
            raise Conflict(f"Server {server_id} is {machine.state}.")

    def _change(self, server_id: str, **fields: object) -> None:
        change: Callable[[Machine | None], Machine | None] = lambda machine: (  # noqa: E731
            None if machine is None else msgspec.structs.replace(machine, **fields)
        )
        self._machines.change(server_id, change)
