"""The network agent of one host: asks what should be, makes it so, says what is.

One thread does all of it, in turns (`run_once`): fetch what changed, apply it, look from time to time whether
it is still so, report.  Wakes only end the pause between two turns, so a hundred of them cost one turn.
To read on: `view` (what should be), `apply` (in which order it is made so), `drivers/base.py` (what a driver
promises).

Stopping the agent, by `stop` or by force, touches no packet: what the driver made stays.  A new agent
asks for the whole view, compares it with what exists, and changes what differs.
"""

import logging
import threading
from pathlib import Path
from queue import SimpleQueue

from nacre.kernel.bus import Bus, Subscription
from nacre.kernel.clock import Clock, isoformat
from nacre.kernel.errors import NacreError, Unavailable
from nacre.kernel.pool import blocking
from nacre.services.network import rpc
from nacre.services.network.agent.alarm import Alarm
from nacre.services.network.agent.apply import Applier, Key, Statuses
from nacre.services.network.agent.drivers.base import Capabilities, Driver
from nacre.services.network.agent.options import AgentOptions
from nacre.services.network.agent.view import View, saved

log = logging.getLogger(__name__)

MOST_ERRORS_REPORTED = 20
MOST_REPAIRS_KEPT = 500
EXAMINATION_SECONDS = 45.0
SHORTEST_PAUSE_SECONDS = 0.05


class Examiner:
    """Somebody who asked for a look at everything and waits for what it brings."""

    def __init__(self) -> None:
        self._heard = threading.Event()
        self._repairs: list[rpc.Repair] = []

    def hear(self, repairs: list[rpc.Repair]) -> None:
        """Take the answer."""
        self._repairs = repairs
        self._heard.set()

    def wait(self, host: str) -> list[rpc.Repair]:
        """Return the answer; raises Unavailable if it takes too long."""
        with blocking():
            if not self._heard.wait(EXAMINATION_SECONDS):
                raise Unavailable(f"Host {host} takes too long to look at its network.")
        return self._repairs


class NetworkAgent:
    """One host's agent.  Make it, `start` it, `stop` it."""

    def __init__(
        self,
        host: str,
        bus: Bus,
        driver: Driver,
        state_dir: Path,
        *,
        options: AgentOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.host, self.driver = host, driver
        self._bus, self._state_dir = bus, state_dir
        self._options = options or AgentOptions()
        self._clock = clock or Clock()
        self._started_at = self._clock.now()
        self.view = View()
        self._applier = Applier(driver, self.view)
        self._capabilities = Capabilities(words=())
        self._confirmed = False  # whether the view came from the control plane in this life of ours
        self.alarm, self._stopping = Alarm(), threading.Event()
        self._repairs: list[rpc.Repair] = []  # that were not reported yet
        self._examiners: SimpleQueue[Examiner] = SimpleQueue()
        self._reported: dict[Key, Statuses] = {}
        self._due: dict[str, float] = {}
        self._unsaved = False
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name=f"network-{host}", daemon=True)

    # --- life ---

    def prepare(self) -> None:
        """Get the driver ready and listen for wakes, without beginning to work."""
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.driver.start()
        self._capabilities = self.driver.capabilities()
        self._subscription = self._bus.serve(
            rpc.host_topic(self.host), {rpc.WAKE: self._wake, rpc.EXAMINE: self._examine}
        )

    def start(self) -> None:
        """Begin to work; what the driver cannot do without is said at once, by raising."""
        self.prepare()
        self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End the turn under way and let go of the driver.  Touches no packet."""
        self._stopping.set()
        self.alarm.ring()
        if self._subscription is not None:
            self._subscription.close(timeout_seconds)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        self._save()
        self.driver.stop()

    @property
    def trouble(self) -> str:
        """Say why nothing is wired here yet; nothing once the control plane has said what should be."""
        return "" if self._confirmed else "the control plane has not said yet which networks are here"

    @property
    def errors(self) -> list[str]:
        """Say what could not be made so."""
        return [f"{kind} {row_id}: {text}" for (kind, row_id), text in self._applier.errors.items()]

    # --- turns ---

    def run_once(self, *, woken: bool = True) -> None:
        """Do one turn: whatever is due now, and where somebody woke us look what changed."""
        heard = (woken or self._has_to_ask()) and self._fetch()
        if not self._confirmed and not heard:
            self._fill_in()
        examiners = [self._examiners.get() for _ in range(self._examiners.qsize())]
        if self._is_due("reconcile", self._options.reconcile_seconds) or examiners:
            repairs = self.reconcile()
            for examiner in examiners:
                examiner.hear([*repairs, *self._standing(repairs)])
        elif self._applier.errors and self._is_due("retry", self._options.retry_seconds):
            self._applier.retry()
        if self._is_due("report_all", self._options.report_all_seconds):
            self._reported.clear()
            self._applier.touch_all()
        if heard:
            self._report()
        if self._is_due("heartbeat", self._options.heartbeat_seconds):
            self._bus.cast(rpc.TOPIC, rpc.HOST_REPORT, self.report())
        if self._unsaved and self._is_due("save", self._options.save_seconds):
            self._save()

    def reconcile(self) -> list[rpc.Repair]:
        """Compare what is there with what should be, and heal the difference; return what it was."""
        inspection = self.driver.inspect()
        for (kind, row_id), fault in inspection.broken.items():
            log.warning("%s %s: %s; mending it", kind, row_id, fault)
        wanted = {(kind, row_id) for kind, row_id in inspection.broken}
        self._applier.retry(wanted)
        strays = self._applier.sweep(inspection) if self._confirmed else []
        error_of = self._applier.error_of
        repairs = [
            rpc.Repair(kind=kind, id=row_id, fault=fault, error=error_of(kind, row_id))
            for (kind, row_id), fault in inspection.broken.items()
        ]
        fault = "nobody wants it"
        repairs += [
            rpc.Repair(kind=kind, id=row_id, fault=fault, stray=True, error=error_of(kind, row_id))
            for kind, row_id in strays
        ]
        self._repairs = [*self._repairs, *repairs][-MOST_REPAIRS_KEPT:]
        return repairs

    def _standing(self, besides: list[rpc.Repair]) -> list[rpc.Repair]:
        """Return what cannot be made so at present, found by an inspection or not."""
        told = {(repair.kind, repair.id) for repair in besides}
        return [
            rpc.Repair(kind=str(kind), id=row_id, fault="It could not be made so", error=text)
            for (kind, row_id), text in self._applier.errors.items()
            if (kind, row_id) not in told
        ]

    def report(self) -> rpc.HostReport:
        """Say how this host is."""
        can = self._capabilities
        return rpc.HostReport(
            host=self.host,
            revision=self.view.revision,
            driver=self.driver.name,
            started_at=isoformat(self._started_at) or "",
            interval_seconds=self._options.heartbeat_seconds,
            capabilities=can.words,
            missing=can.missing,
            tunnel_ip=can.tunnel_ip,
            physical_networks=can.physical_networks,
            ports=len(self.view.ports),
            networks=len(self.view.networks),
            routers=len(self.view.routers),
            errors=tuple(self.errors[:MOST_ERRORS_REPORTED]),
        )

    # --- how ---

    def _run(self) -> None:
        woken = True
        while not self._stopping.is_set():
            try:
                self.run_once(woken=woken)
                pause = self._options.retry_seconds if self._applier.errors else self._pause()
            except NacreError as error:
                log.warning("%s; trying again", error.detail or error.message)
                pause = self._options.retry_seconds
            except Exception:
                log.exception("a turn of the network agent failed; trying again")
                pause = self._options.retry_seconds
            woken = self.alarm.wait(pause)

    def _has_to_ask(self) -> bool:
        """Tell whether changes are to be asked for although nobody woke us; before a look at everything they are."""
        causes = ("poll", "reconcile", *(("retry",) if self._applier.errors else ()))
        now = self._clock.monotonic()
        return not self._confirmed or any(self._due.get(cause, 0.0) <= now for cause in causes)

    def _pause(self) -> float:
        """Return how long nothing is due."""
        if not self._confirmed:
            return self._options.retry_seconds
        awaited = ("poll", "heartbeat", "reconcile", *(("save",) if self._unsaved else ()))
        ends_at = min(self._due.get(what, 0.0) for what in awaited)
        return max(SHORTEST_PAUSE_SECONDS, ends_at - self._clock.monotonic())

    def _wake(self, wake: rpc.Wake) -> None:
        if wake.revision is not None and wake.revision <= self.view.revision:
            return
        if wake.patience_seconds > 0:
            self.alarm.ring_in(wake.patience_seconds)
        else:
            self.alarm.ring()

    def _examine(self, _message: rpc.Examine) -> rpc.Examined:
        """Have the next turn look at everything, and wait for what it finds."""
        examiner = Examiner()
        self._examiners.put(examiner)
        self.alarm.ring()
        return rpc.Examined(host=self.host, repairs=tuple(examiner.wait(self.host)))

    def _fetch(self) -> bool:
        """Ask for changes and apply them; False when the control plane does not answer."""
        request = rpc.HostChangesRequest(
            host=self.host, since_revision=self.view.revision if self._confirmed else 0
        )
        try:
            news = self._bus.call(rpc.TOPIC, rpc.HOST_CHANGES, request)
            self._due["poll"] = self._clock.monotonic() + self._options.poll_seconds
        except NacreError as error:
            log.debug("no changes from the control plane: %s", error.detail or error.message)
            return False
        first = not self._confirmed
        if not news.full and (first or news.revision < self.view.revision):
            # The control plane has forgotten something; only a whole view may take anything away.
            log.warning(
                "revision %s came as a part, after %s; asking for all", news.revision, self.view.revision
            )
            self._confirmed = False
            return False
        self._confirmed = True
        self._take_in(news)
        if first:
            self._applier.sweep(self.driver.inspect())
        return True

    def _fill_in(self) -> None:
        """While the control plane is away, go by the view on the disk."""
        view = saved(self._state_dir) if self.view.revision == 0 else None
        if view is not None:
            log.warning("the control plane does not answer; going by the view of revision %s", view.revision)
            self._take_in(view)

    def _take_in(self, news: rpc.HostChanges) -> None:
        before = self.view.revision
        difference = self.view.merge(news)
        failed_before = bool(self._applier.errors)
        self._applier.apply(difference)
        if not failed_before:
            self._due["retry"] = self._clock.monotonic() + self._options.retry_seconds
        self._unsaved |= self._confirmed and self.view.revision != before

    def _report(self) -> None:
        """Tell what is different from what was last heard.  What is not heard now is told next time."""
        touched = sorted(self._applier.touched)
        ports: list[rpc.PortStatus] = []
        routers: list[rpc.RouterStatus] = []
        present = {key: self._applier.statuses(key) for key in touched}
        for key, statuses in present.items():
            heard = self._reported.get(key, Statuses())
            ports += [each for each in statuses.ports if each not in heard.ports]
            routers += [each for each in statuses.routers if each not in heard.routers]
        if ports or routers or self._repairs:
            report = rpc.PortReport(
                host=self.host,
                revision=self.view.revision,
                ports=tuple(ports),
                routers=tuple(routers),
                repairs=tuple(self._repairs),
            )
            self._bus.call(rpc.TOPIC, rpc.PORT_REPORT, report)
            self._repairs = []
        self._applier.touched.clear()
        for key, statuses in present.items():
            if any(statuses):
                self._reported[key] = statuses
            else:
                self._reported.pop(key, None)

    def _is_due(self, what: str, seconds: float) -> bool:
        now = self._clock.monotonic()
        if what not in self._due and what in ("reconcile", "report_all"):
            self._due[what] = now + seconds  # the first turn does both anyway
        if self._due.get(what, 0.0) > now:
            return False
        self._due[what] = now + seconds
        return True

    def _save(self) -> None:
        if self._unsaved:
            self.view.save(self._state_dir)
            self._unsaved = False
