"""What is to go wrong on a simulated host: every call of the driver comes through here first."""

import threading
from collections import Counter

from nacre.kernel.errors import Conflict, Unavailable
from nacre.services.compute.agent.drivers.base import Events
from nacre.services.compute.agent.drivers.simulated.machines import Machines
from nacre.services.compute.agent.drivers.simulated.options import Failure, SimulatedOptions


class Gate:
    """Lets calls pass, or has them fail as somebody wanted."""

    def __init__(self, options: SimulatedOptions, machines: Machines) -> None:
        self._machines = machines
        self._lock = threading.Lock()
        self._failures = list(options.failures)
        self._failed: Counter[Failure] = Counter()
        self._away = False
        self.events: Events | None = None

    def fail(self, failure: Failure) -> None:
        """Have calls fail from now on."""
        with self._lock:
            self._failures.append(failure)

    def heal(self) -> None:
        """Have nothing fail any more."""
        with self._lock:
            self._failures.clear()
        self.set_away(False)

    def set_away(self, away: bool) -> None:
        """Have the hypervisor be away, or come back."""
        self._away = away
        if self.events is not None:
            self.events.host_changed()

    def tell(self, server_id: str, reason: str = "") -> None:
        """Say that something happened to a server."""
        if self.events is not None:
            self.events.server_changed(server_id, reason)

    def pass_or_fail(self, verb: str, server_id: str, name: str = "") -> None:
        """Fail where somebody wanted that."""
        if self._away:
            raise Unavailable("The simulated hypervisor is away.")
        if not self._failures:
            return
        machine = self._machines.get(server_id)
        names = (server_id, name or (machine.name if machine else ""))
        with self._lock:
            for failure in self._failures:
                if failure.verb != verb or not any(failure.server in text for text in names):
                    continue
                if failure.times is not None and self._failed[failure] >= failure.times:
                    continue
                self._failed[failure] += 1
                raise (Unavailable if failure.outage else Conflict)(failure.message)
