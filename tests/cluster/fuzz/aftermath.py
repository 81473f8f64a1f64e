"""What must be true once everything is back: of servers at once, of all the rest when the work is done."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from pathlib import Path

from sqlalchemy import exists, false, func, literal, or_, select, table, true

import invariants
from nacre.cloud import doctor
from nacre.cloud.lab.bed import Bed
from nacre.kernel.db import Database
from nacre.kernel.tasks import JobState
from nacre.kernel.tasks.tables import jobs
from nacre.services import NAMES
from nacre.services.compute.db.tables import VmState, servers

SECONDS_TO_HAVE_A_JOB = 10.0
SECONDS_TO_FINISH = 180.0
SECONDS_TO_AGREE = 10.0
LOOK_SECONDS = 0.5
PAGE = 1000
#: Tables that are as long in the end as they were in the beginning; some are about things that no API shows.
ROWS = {
    "network": (
        "networks", "segments", "subnets", "allocation_pools", "ports", "port_bindings", "fixed_ips",
        "port_security_groups", "routers", "floating_ips", "dhcp_servers",
    ),
    "placement": ("providers", "consumers", "allocations"),
    "compute": ("leftovers", "server_nics"),
}  # fmt: skip

#: One statement, because a server rests and its job ends in the same moment.
_WITHOUT_JOB = select(servers.c.name, servers.c.vm_state, servers.c.task_state).where(
    servers.c.deleted == false(),
    or_(servers.c.task_state.is_not(None), servers.c.vm_state == VmState.BUILDING),
    ~exists().where(jobs.c.resource == literal("server/") + servers.c.id, jobs.c.active == true()),
)


class Aftermath:
    """The one who looks at a cloud through its APIs, into its databases and at its hosts."""

    def __init__(self, bed: Bed) -> None:
        self._bed, self._admin = bed, bed.admin()
        url = tomllib.loads(bed.config.read_text())["database"]["url"]
        self._databases = {name: Database(url.replace("{service}", name)) for name in NAMES}

    def close(self) -> None:
        """Let go of the databases."""
        for database in self._databases.values():
            database.close()

    def census(self) -> invariants.Census:
        """Look at everything there is."""
        hosts = {host: self._bed.state_of(host).root / "hosts" / host for host in self._bed.hosts}
        active = invariants.jobs_in(self._databases)
        return invariants.look(self._admin, active, hosts, self._bed.where / "images")

    def counts(self) -> Counter[str]:
        """Return how much there is of what clients can make, in the APIs, in the databases and on the hosts."""
        found: Counter[str] = self.census().names()
        for service, names in ROWS.items():
            for name in names:
                count = select(func.count()).select_from(table(name))
                found[f"rows of {service}.{name}"] = self._databases[service].read(
                    lambda tx, count=count: tx.scalar(count)
                )
        return found

    def abandoned(self) -> list[str]:
        """Return what is in a transitional state though no live job works on it, after some time to find one."""
        deadline = time.monotonic() + SECONDS_TO_HAVE_A_JOB
        while (found := self._abandoned()) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return found

    def _abandoned(self) -> list[str]:
        compute = self._databases["compute"]
        found = [
            f"server {row.name} is {row.vm_state}/{row.task_state}, and no job works on it"
            for row in compute.read(lambda tx: tx.execute(_WITHOUT_JOB).all())
        ]
        now = compute.clock.now()
        return found + [
            f"job {job.id} ({job.kind} of {job.resource}) is held by somebody dead since {job.due_at}"
            for _, job in invariants.jobs_in(self._databases)
            if job.state == JobState.RUNNING and job.due_at < now
        ]

    def unfinished(self) -> list[str]:
        """Return the work that does not come to its end."""
        deadline = time.monotonic() + SECONDS_TO_FINISH
        while (active := invariants.jobs_in(self._databases)) or self._owed():
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        return [
            f"job {job.id} ({job.kind} of {job.resource}, {job.step}) is {job.state}: {job.waits_for or job.error}"
            for _, job in active
        ]

    def _owed(self) -> int:
        """Count what hosts may yet have to remove, for which they are asked again and again."""
        count = select(func.count()).select_from(table("leftovers"))
        return self._databases["compute"].read(lambda tx: tx.scalar(count)) or 0

    def disagreements(self) -> list[str]:
        """Return where two parts of the cloud disagree and stay so."""
        deadline = time.monotonic() + SECONDS_TO_AGREE
        while (found := invariants.problems(self.census())) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return found

    def drift(self) -> list[str]:
        """Have the cloud's own doctor look everywhere; return what is found amiss."""
        doctor.examine(self._admin)
        return [
            f"drift: {each.kind} {each.resource_id} on {each.host}: {each.text} ({each.state})"
            for each in doctor.read(self._admin).findings
            if each.state != "healed"
        ]

    def healed(self) -> Counter[str]:
        """Count the drift that was found and healed, by its kind."""
        return Counter(each.kind for each in doctor.read(self._admin).findings if each.state == "healed")


def logged_errors(bed: Bed) -> list[str]:
    """Return what programs wrote that nobody should ever read: traces of exceptions that nothing foresaw."""
    found = []
    for path in sorted(Path(bed.where / "log").glob("*.log")):
        lines = path.read_text(errors="replace").splitlines()
        found += [
            f"{path.stem}: {lines[number - 1] if number else ''}"
            for number, line in enumerate(lines)
            if line.startswith("Traceback")
        ]
    return found
