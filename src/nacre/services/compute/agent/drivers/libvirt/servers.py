"""One server's life under libvirt: made, started, stopped, paused, put to sleep, removed.

Each function asks libvirt what is so, does what is missing, and may be called again at any point.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

import libvirt

from nacre.kernel.errors import Conflict, NotFound, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later, Observed
from nacre.services.compute.agent.drivers.libvirt import cgroups
from nacre.services.compute.agent.drivers.libvirt.connection import Connection, meanings
from nacre.services.compute.agent.drivers.libvirt.devices import Devices
from nacre.services.compute.agent.drivers.libvirt.disks import Disks
from nacre.services.compute.agent.drivers.libvirt.domains import (
    Host,
    Plugged,
    describe,
    device_of,
    domain_name,
    vnc_socket,
)

log = logging.getLogger(__name__)

State = rpc.ServerState
GRACE_SECONDS = 60.0
LOOK_SECONDS = 5.0  # how often a wait looks although no event came
ASK_AGAIN_SECONDS = 10.0  # a guest that boots or is busy does not hear the first time

STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: State.RUNNING,
    libvirt.VIR_DOMAIN_RUNNING: State.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: State.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: State.RUNNING,  # it is on its way down, and still there
    libvirt.VIR_DOMAIN_PAUSED: State.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: State.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: State.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: State.CRASHED,
}
CRASHED = (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED)
REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "the guest powered itself off",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "switched off",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "the guest's process ended unexpectedly",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "the guest's process could not be started or ended unexpectedly",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "the guest was gone when its daemon came back",
}
POWERED = (State.RUNNING, State.PAUSED)
ARRIVES = (libvirt.VIR_DOMAIN_PAUSED_MIGRATION, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP)


class Servers:
    """All servers of a host."""

    def __init__(self, connection: Connection, disks: Disks, devices: Devices, host: Host) -> None:
        self._connection, self._disks, self._devices, self._host = connection, disks, devices, host
        self._lock = threading.Lock()
        self._resets: Counter[str] = Counter()
        self._reboots: dict[str, int] = {}  # server id -> resets seen when it was asked to reboot
        self._asked: dict[str, float] = {}  # server id -> when its guest was last asked (monotonic)

    # --- looking ---

    @property
    def connection(self) -> "libvirt.virConnect":
        """The daemon; Unavailable while it is away."""
        return self._connection.get()

    def find(self, server_id: str) -> "libvirt.virDomain | None":
        connection = self._connection.get()
        try:
            return connection.lookupByUUIDString(server_id)
        except libvirt.libvirtError as error:
            if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG):
                return None
            raise Unavailable("The hypervisor does not answer.", detail=f"libvirt: {error}") from error

    def get(self, server_id: str) -> "libvirt.virDomain":
        domain = self.find(server_id)
        if domain is None:
            raise NotFound(f"Server {server_id} does not exist on this host.")
        return domain

    def running(self, server_id: str) -> "libvirt.virDomain":
        domain = self.get(server_id)
        state = self.state(domain)
        if state not in POWERED:
            raise Conflict(f"Server {server_id} is {state}.")
        return domain

    def state(self, domain: "libvirt.virDomain") -> rpc.ServerState:
        return self._state_and_reason(domain)[0]

    def _state_and_reason(self, domain: "libvirt.virDomain") -> tuple[rpc.ServerState, str]:
        with meanings("The hypervisor does not tell the server's state."):
            number, reason = domain.state()
            if number == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_CRASHED:
                return State.CRASHED, "the guest crashed"
            if number == libvirt.VIR_DOMAIN_PAUSED and reason in ARRIVES:
                return State.ARRIVING, "stands still for its migration"
            if number != libvirt.VIR_DOMAIN_SHUTOFF:
                return STATES[number], ""
            if domain.hasManagedSaveImage():
                return State.SUSPENDED, ""
            return (State.CRASHED if reason in CRASHED else State.SHUTDOWN), REASONS.get(reason, "")

    def inspect(self, server_ids: Collection[str] | None) -> dict[str, Observed]:
        if server_ids is None:
            with meanings("The hypervisor does not list its servers."):
                domains = self._connection.get().listAllDomains()
        else:
            domains = [domain for server_id in server_ids if (domain := self.find(server_id)) is not None]
        seen = {}
        for domain in domains:
            if domain.name() == domain_name(domain.UUIDString()):
                with suppress(NotFound):  # removed just now
                    seen[domain.UUIDString()] = self._observe(domain)
        return seen

    def _observe(self, domain: "libvirt.virDomain") -> Observed:
        state, reason = self._state_and_reason(domain)
        with meanings("The hypervisor does not describe the server."):
            plugged = Plugged.read(domain.XMLDesc())
            _state, memory_kib, _used, vcpus, _cpu_time = domain.info()
        return Observed(
            state,
            name=domain.name(),
            reason=reason,
            vcpus=vcpus,
            memory_mb=memory_kib // 1024,
            nics=tuple(plugged.nics),
            volumes={volume_id: device_of(disk) for volume_id, disk in plugged.volumes.items()},
            started_at=self._started_at(domain) if state in POWERED else None,
        )

    def _started_at(self, domain: "libvirt.virDomain") -> datetime | None:
        pid_file = self._devices.private.directory / "run" / "qemu" / f"{domain.name()}.pid"
        try:
            return datetime.fromtimestamp(pid_file.stat().st_mtime, UTC)
        except OSError:
            return None

    # --- making ---

    def ensure(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        self._disks.restore_base(spec, attempt.tell)
        domain = self.find(spec.id)
        state = self.state(domain) if domain is not None else State.MISSING
        if state in POWERED and self._rebuilds(spec):
            assert domain is not None
            self._destroy(domain)
            state = State.SHUTDOWN
        if state in POWERED:
            assert domain is not None
            later = self._devices.match(domain, spec, attempt)
            return later if later is not None else self._power(spec, attempt)
        if state is State.SUSPENDED and spec.power in (rpc.Power.SUSPENDED, rpc.Power.RUNNING):
            return self._power(spec, attempt)
        if state is State.SUSPENDED and domain is not None:
            self._forget_memory(domain)
        self._define(spec, attempt)
        return self._power(spec, attempt)

    def remove(self, server_id: str) -> Done:
        domain = self.find(server_id)
        if domain is not None:
            self._destroy(domain)
            with meanings(f"Server {server_id} cannot be removed."), suppress_missing():
                domain.undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                )
        cgroups.clear(domain_name(server_id))
        self._disks.remove(server_id)
        vnc_socket(self._host, server_id).unlink(missing_ok=True)
        log_of_guest = self._devices.private.directory / "log" / "qemu" / f"{domain_name(server_id)}.log"
        for path in (log_of_guest, log_of_guest.with_suffix(".log.0")):
            path.unlink(missing_ok=True)
        with self._lock:
            self._resets.pop(server_id, None)
            self._reboots.pop(server_id, None)
            self._asked.pop(server_id, None)
        return None

    def _rebuilds(self, spec: rpc.ServerSpec) -> bool:
        made = self._disks.files(spec.id).made()
        return spec.image is not None and spec.root_generation > made.root_generation

    def _define(self, spec: rpc.ServerSpec, attempt: Attempt) -> "libvirt.virDomain":
        """Make the files and the definition of a server that does not run."""
        files = self._disks.ensure(spec, attempt.tell)
        with meanings(f"The hypervisor does not accept server {spec.id}."):
            return self._connection.get().defineXMLFlags(describe(spec, files, self._host), 0)

    # --- power ---

    def _power(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        """Bring a defined server into the power state that its spec names."""
        domain = self.get(spec.id)
        state = self.state(domain)
        wanted = spec.power
        if wanted is rpc.Power.SHUTDOWN:
            return self.stop(spec.id, GRACE_SECONDS, attempt)
        if state not in POWERED and not (wanted is rpc.Power.SUSPENDED and state is State.SUSPENDED):
            later = self._boot(domain, spec, attempt, paused=wanted is rpc.Power.PAUSED)
            if later is not None:
                return later
        if wanted is rpc.Power.RUNNING:
            self.unpause(spec.id)
        elif wanted is rpc.Power.PAUSED:
            self.pause(spec.id)
        else:
            self.suspend(spec.id)
        return None

    def _boot(
        self, domain: "libvirt.virDomain", spec: rpc.ServerSpec, attempt: Attempt, *, paused: bool = False
    ) -> Done:
        """Start the process; a suspended server goes on where it was."""
        later = self._devices.await_taps(spec.nics, attempt)
        if later is not None:
            return later
        vnc_socket(self._host, spec.id).unlink(missing_ok=True)
        with meanings(f"Server {spec.id} does not start."):
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)
        return None

    def start(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        domain = self.get(spec.id)
        state = self.state(domain)
        if state is State.PAUSED:
            self.unpause(spec.id)
        elif state is not State.RUNNING:
            if state is not State.SUSPENDED:
                domain = self._define(spec, attempt)
            return self._boot(domain, spec, attempt)
        return None

    def stop(self, server_id: str, timeout_seconds: float, attempt: Attempt) -> Done:
        domain = self.get(server_id)
        state = self.state(domain)
        if state is State.RUNNING and attempt.waited_seconds < timeout_seconds:
            self._ask(domain, "shutdown", again=attempt.number > 1)
            remaining = timeout_seconds - attempt.waited_seconds
            return Later(min(remaining, LOOK_SECONDS), "waiting for the guest to power off")
        if state is State.SUSPENDED:
            self._forget_memory(domain)
        elif state in POWERED or state is State.CRASHED:
            self._destroy(domain)
        return None

    def reboot(
        self, spec: rpc.ServerSpec, kind: rpc.RebootType, timeout_seconds: float, attempt: Attempt
    ) -> Done:
        domain = self.find(spec.id) if kind is rpc.RebootType.HARD else self.get(spec.id)
        if domain is None:  # undefined behind our back; its disk is still there, or this is refused
            return self._boot(self._define(spec, attempt), spec, attempt)
        if kind is rpc.RebootType.SOFT and self.state(domain) is State.RUNNING:
            with self._lock:
                if attempt.number == 1:
                    self._reboots[spec.id] = self._resets[spec.id]
                if self._resets[spec.id] > self._reboots.setdefault(spec.id, self._resets[spec.id]):
                    return None
            if attempt.waited_seconds < timeout_seconds:
                self._ask(domain, "reboot", again=attempt.number > 1)
                remaining = timeout_seconds - attempt.waited_seconds
                return Later(min(remaining, LOOK_SECONDS), "waiting for the guest to reboot")
            log.info("Server %s did not reboot in %g s when asked; resetting it", spec.id, timeout_seconds)
        if self.state(domain) is State.SUSPENDED:
            self._forget_memory(domain)
        self._destroy(domain)
        return self._boot(self._define(spec, attempt), spec, attempt)

    def note_reset(self, server_id: str) -> None:
        """The guest was seen to boot again."""
        with self._lock:
            self._resets[server_id] += 1

    def pause(self, server_id: str) -> None:
        domain = self.running(server_id)
        if self.state(domain) is State.RUNNING:
            with meanings(f"Server {server_id} cannot be paused."):
                domain.suspend()

    def unpause(self, server_id: str) -> None:
        domain = self.running(server_id)
        if self.state(domain) is State.PAUSED:
            with meanings(f"Server {server_id} cannot go on."):
                domain.resume()

    def suspend(self, server_id: str) -> Done:
        domain = self.get(server_id)
        if self.state(domain) is not State.SUSPENDED:
            domain = self.running(server_id)
            with meanings(f"Server {server_id} cannot be suspended."):
                domain.managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING)
        return None

    def resume(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        domain = self.get(spec.id)
        state = self.state(domain)
        if state is State.RUNNING:
            return None
        if state is not State.SUSPENDED:
            raise Conflict(f"Server {spec.id} is {state}.")
        return self._boot(domain, spec, attempt)

    def _ask(self, domain: "libvirt.virDomain", what: str, *, again: bool) -> None:
        """Have the guest agent do it; where none answers, press the power button.

        libvirt's own choice is the agent alone where its channel exists, and a guest without the agent would
        hear nothing.
        """
        now = time.monotonic()
        if again and now - self._asked.get(domain.UUIDString(), 0.0) < ASK_AGAIN_SECONDS:
            return
        self._asked[domain.UUIDString()] = now
        both = {
            "shutdown": (
                domain.shutdownFlags,
                libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
                libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
            ),
            "reboot": (
                domain.reboot,
                libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT,
                libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
            ),
        }
        function, by_agent, by_button = both[what]
        try:
            function(by_agent)
        except libvirt.libvirtError:
            with meanings(f"The guest cannot be asked for a {what}."):
                function(by_button)

    def _destroy(self, domain: "libvirt.virDomain") -> None:
        """End the process if there is one."""
        with meanings("The server cannot be switched off."), suppress_missing():
            domain.destroy()

    def _forget_memory(self, domain: "libvirt.virDomain") -> None:
        with meanings("The suspended memory cannot be removed."), suppress_missing():
            domain.managedSaveRemove()


class suppress_missing:  # noqa: N801 - reads like contextlib's suppress
    """Let it pass that something is not there or does not run any more."""

    CODES = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, libvirt.libvirtError) and error.get_error_code() in self.CODES
