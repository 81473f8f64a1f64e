"""The compute agent of one host: serves ``compute.<host>``, keeps its servers as they should be, reports.

To read on: `commands` (accept, order, do once), `verbs` (what each command means), `watch` (what is so), and
``drivers/base.py`` (what a driver does).  This file only ties them together and answers the questions.

Stopping the agent, by `stop` or by force, touches no guest.  What it was asked and has not finished is on the
host's disk and is taken up again at the next start.
"""

import logging
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from nacre.kernel.bus import Bus, Method, Subscription
from nacre.kernel.clock import Clock
from nacre.kernel.errors import NacreError, RemoteFailure, Unavailable
from nacre.kernel.pool import blocking
from nacre.services.compute import rpc
from nacre.services.compute.agent.commands import OWN, Commands, fault_of
from nacre.services.compute.agent.drivers.base import Driver
from nacre.services.compute.agent.lanes import Lanes
from nacre.services.compute.agent.movements import Movements
from nacre.services.compute.agent.options import AgentOptions
from nacre.services.compute.agent.passages import Doors, Identity
from nacre.services.compute.agent.records import Records
from nacre.services.compute.agent.screens import Screens
from nacre.services.compute.agent.snapshots import Snapshots
from nacre.services.compute.agent.transfers import HttpTransfers, Transfers
from nacre.services.compute.agent.verbs import Verbs
from nacre.services.compute.agent.watch import LOOK, Watch

log = logging.getLogger(__name__)

VERSION = metadata.version("nacre")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST_PAUSE_SECONDS = 30.0

ACCEPTED: tuple[Method[Any, Any], ...] = (
    rpc.ENSURE_SERVER, rpc.REMOVE_SERVER, rpc.START, rpc.STOP, rpc.REBOOT, rpc.PAUSE, rpc.UNPAUSE,
    rpc.SUSPEND, rpc.RESUME, rpc.SNAPSHOT, rpc.EXPECT_SERVER, rpc.SEND_SERVER,
)  # fmt: skip
AWAITED: tuple[Method[Any, Any], ...] = (
    rpc.ATTACH_NIC, rpc.DETACH_NIC, rpc.ATTACH_VOLUME, rpc.DETACH_VOLUME, rpc.EXTEND_VOLUME,
)  # fmt: skip


class ComputeAgent:
    """One host's agent.  Make it, `start` it, `stop` it."""

    def __init__(
        self,
        host: str,
        bus: Bus,
        driver: Driver,
        state_dir: Path,
        *,
        options: AgentOptions | None = None,
        transfers: Transfers | None = None,
        clock: Clock | None = None,
        boot_id: str | None = None,
    ) -> None:
        self.host, self.driver = host, driver
        self._bus, self._state_dir = bus, state_dir
        self._options = options or AgentOptions()
        self._clock = clock or Clock()
        self._boot_id = boot_id or BOOT_ID.read_text().strip()
        self._started_at = self._clock.now()
        self._records = Records(state_dir / "records")
        self._lanes = Lanes(workers=self._options.workers, name=f"compute-{host}")
        self._snapshots = Snapshots(state_dir / "snapshots", transfers or HttpTransfers())
        self.watch = Watch(host, bus, driver, self._records, self._lanes, self._clock)
        identity = Identity(state_dir / "identity")
        doors = Doors(identity, self._options.move_address, self._options.move_ports)
        self._screens = Screens(identity, self._options.move_address, self._options.screen_port)
        self._movements = Movements(driver, doors)
        verbs = Verbs(driver, self._records, self._snapshots, self._movements)
        self._commands = Commands(host, verbs, self._records, self._lanes, self.watch, self._clock)
        self._subscription: Subscription | None = None
        self._opened = False
        self.ready = threading.Event()
        """Set once everything here has been looked at; until then questions are answered `Unavailable`."""
        self._trouble: rpc.Fault | None = None
        self._opening: rpc.Fault | None = None  # why the driver could not be opened yet
        self._open_attempts = 0
        self._stopping = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"compute-{host}-heart", daemon=True)

    def start(self) -> None:
        """Take up what was left, serve the bus, and begin the heartbeat.

        A hypervisor that is away does not keep the agent from starting: it says so and tries again.
        """
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._records.load()
        self._snapshots.clear()
        self._lanes.submit(LOOK, self._open)
        handlers: dict[Method[Any, Any], Callable[[Any], Any]] = {
            **{method: self._accepting(method) for method in ACCEPTED},
            **{method: self._awaiting(method) for method in AWAITED},
            rpc.SET_PASSWORD: self._set_password,
            rpc.INSPECT: self._asking(self._inspect),
            rpc.RESYNC: self._asking(self.watch.log.changes),
            rpc.CONSOLE_LOG: self._asking(self._console_log),
            rpc.CONSOLE: self._asking(self._console),
            rpc.DIAGNOSTICS: self._asking(self._diagnostics),
            rpc.DEPARTURE: self._asking(self._movements.departure),
            rpc.FORCE_SENDING: self._asking(self._movements.force),
            rpc.ABORT_SENDING: self._asking(self._movements.abort),
            rpc.EXAMINE: self._asking(self._examine),
            rpc.HOST_STATUS: lambda _message: self.status(),
        }
        self._subscription = self._bus.serve(rpc.host_topic(self.host), handlers)
        self._heart.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Answer nothing more, end the running driver calls, let go of the driver.  Touches no guest."""
        self._stopping.set()
        if self._subscription is not None:
            self._subscription.close(timeout_seconds)
        self._movements.close()
        self._screens.close()
        self._lanes.close(timeout_seconds)
        self.driver.close()
        if self._heart.is_alive() and self._heart is not threading.current_thread():
            self._heart.join(timeout_seconds)

    def status(self) -> rpc.HostStatus:
        """Say what this host is and has, and how the agent is."""
        try:
            with blocking():
                status = self.driver.host_status(self.host)
        except NacreError as error:
            self._trouble = self._opening or fault_of(error)
            status = rpc.HostStatus(
                host=self.host,
                hypervisor_hostname=self.host,
                hypervisor_type=self.driver.name,
                hypervisor_version=0,
                virt_type="",
                vcpus=0,
                memory_mb=0,
                disk_gb=0,
                cpu_info=rpc.CpuInfo(arch=""),
            )
        else:
            self._trouble = self._opening
        return msgspec.structs.replace(
            status,
            host_ip=self._options.move_address,
            busy=self._lanes.length(),
            agent_version=VERSION,
            agent_started_at=self._started_at,
            reported_at=self._clock.now(),
            fault=self._trouble,
            epoch=self.watch.log.epoch,
            change=self.watch.log.change,
        )

    @property
    def trouble(self) -> str:
        """Say why this host is not ready for servers, as far as it is known; nothing if it is."""
        if self.ready.is_set() and self._trouble is None:
            return ""
        fault = self._opening or self._trouble
        if fault is None:
            return "the hypervisor is still being started"
        return f"{fault.message} {fault.detail}".strip()

    # --- starting ---

    def _open(self) -> float | None:
        """Open the driver and take up the work; again after a pause while the hypervisor is away.

        Whatever else goes wrong may pass too (a full disk, say): this host is of no use to anybody before.
        """
        try:
            self._take_up()
        except Exception as error:  # noqa: BLE001 - told with each heartbeat until it has passed
            self._open_attempts += 1
            if isinstance(error, NacreError):
                self._opening, unforeseen = fault_of(error), None
            else:
                detail = f"{type(error).__name__}: {error}"
                meant = RemoteFailure("The hypervisor cannot be used.", detail=detail)
                self._opening, unforeseen = fault_of(meant), error
            log.error("Not ready for servers: %s", self.trouble, exc_info=unforeseen)
            return min(LONGEST_PAUSE_SECONDS, 2.0**self._open_attempts)
        self._opening = None
        return None

    def _take_up(self) -> None:
        self.driver.open(self.watch)
        if not self._opened:
            to_start = self._servers_to_start()
            self._commands.resume()
            self._resume_after_boot(
                to_start
            )  # before looking: what is off now was not switched off by its guest
            self._opened = True
        self.watch.observe(None)
        self._commands.open()
        self.ready.set()
        self._report_host()

    def _servers_to_start(self) -> tuple[str, ...]:
        """Return the servers that ran when the machine was restarted, and are still to run here.

        Raises Unavailable while nobody can tell: a server that was evacuated meanwhile must not run twice.
        """
        remembered = self._state_dir / "boot_id"
        before = remembered.read_text().strip() if remembered.exists() else self._boot_id
        if before == self._boot_id or not self._options.resume_after_boot:
            return ()
        ran = tuple(
            record.server_id
            for record in self._records.all()
            if record.applied_revision and record.spec and record.spec.power is rpc.Power.RUNNING
        )
        if not ran:
            return ()
        asked = rpc.OwnedServers(host=self.host, server_ids=ran)
        return self._bus.call(rpc.CONTROL_TOPIC, rpc.OWNED_SERVERS, asked).server_ids

    def _resume_after_boot(self, server_ids: tuple[str, ...]) -> None:
        """When the machine itself was restarted, start the servers that ran."""
        for server_id in server_ids:
            log.info("The machine was restarted; starting server %s again", server_id)
            command_id = f"{OWN}boot:{self._boot_id}"
            self._commands.accept(rpc.START, rpc.ServerCommand(command_id=command_id, server_id=server_id))
        # Last: a death before this starts them again, which is harmless.
        (self._state_dir / "boot_id").write_text(self._boot_id + "\n")

    # --- the heart ---

    def _beat(self) -> None:
        options = self._options
        refresh_at = self._clock.monotonic() + options.refresh_seconds
        sweep_at = self._clock.monotonic() + min(60.0, options.sweep_seconds)
        while not self._stopping.wait(options.heartbeat_seconds):
            now = self._clock.monotonic()
            if now >= refresh_at:
                refresh_at = now + options.refresh_seconds
                self.watch.host_changed()
            if now >= sweep_at:
                sweep_at = now + options.sweep_seconds
                self._lanes.submit(LOOK, self._sweep)
            self._report_host()

    def _report_host(self) -> None:
        try:
            self._bus.cast(rpc.CONTROL_TOPIC, rpc.HOST_REPORT, rpc.HostReport(status=self.status()))
        except NacreError as error:
            log.warning("Cannot report host %s now: %s", self.host, error)
        except Exception:  # the heart must go on beating, or the host is thought to be down for good
            log.exception("Cannot say how host %s is", self.host)

    def _sweep(self) -> None:
        if not self._opened:
            return
        for words in self.driver.sweep(unused_seconds=self._options.unused_image_seconds):
            log.info("Swept: %s", words)

    # --- what the bus asks ---

    def _accepting(self, method: Method[Any, Any]) -> Callable[[Any], rpc.Accepted]:
        return lambda message: self._commands.accept(method, message)

    def _awaiting(self, method: Method[Any, Any]) -> Callable[[Any], rpc.ServerStatus]:
        def ask(message: Any) -> rpc.ServerStatus:
            self._expect_ready()  # or a command that has ended would be answered for a server not yet looked at
            return self._commands.accept_and_wait(method, message, self._options.short_command_seconds)

        return ask

    def _asking(self, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def ask(message: Any) -> Any:
            self._expect_ready()  # an empty answer would mean that no server is here
            with blocking():
                return answer(message)

        return ask

    def _expect_ready(self) -> None:
        if not self.ready.is_set():
            raise Unavailable(f"Host {self.host} is starting.")

    def _set_password(self, message: rpc.SetPassword) -> rpc.Nothing:
        self._commands.run_once(
            message.server_id,
            lambda: self.driver.set_password(message.server_id, message.user, message.password),
            self._options.short_command_seconds,
        )
        return rpc.Nothing()

    def _inspect(self, message: rpc.Inspect) -> rpc.Inspected:
        servers = self.watch.observe(message.server_ids)
        return rpc.Inspected(
            host=self.host, epoch=self.watch.log.epoch, change=self.watch.log.change, servers=tuple(servers)
        )

    def _examine(self, _message: rpc.Nothing) -> rpc.Examined:
        known = [record.spec for record in self._records.all() if record.spec and not record.pending]
        # A server that somebody works on may look like anything for a moment.
        at_work = {record.server_id for record in self._records.all() if record.pending}
        troubles = [each for each in self.driver.examine(known) if each.server_id not in at_work]
        return rpc.Examined(host=self.host, troubles=tuple(troubles))

    def _console_log(self, message: rpc.ConsoleLogRequest) -> rpc.ConsoleLog:
        self.watch.known(message.server_id)
        return rpc.ConsoleLog(output=self.driver.console_log(message.server_id, message.length))

    def _console(self, message: rpc.ConsoleRequest) -> rpc.Console:
        self.watch.known(message.server_id)
        console = self.driver.console(message.server_id, message.type)
        console = msgspec.structs.replace(console, host=self.host)
        is_elsewhere = self._bus.between_processes and message.type is rpc.ConsoleType.VNC
        return self._screens.lend(console) if is_elsewhere else console

    def _diagnostics(self, message: rpc.DiagnosticsRequest) -> rpc.Diagnostics:
        self.watch.known(message.server_id)
        return self.driver.diagnostics(message.server_id)
