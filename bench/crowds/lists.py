"""Lists of a full cloud: pages of servers at the beginning, in the middle and at the end; ports; candidates."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from clouds.crowd import Crowd
from drive.session import Session
from figures import processes
from figures.processes import Processes

REPEATS = 5
STRIDE = 1000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one list took, each time."""

    title: str
    things: int
    wall_ms: float
    cpu_ms: float


def measure(cloud: Crowd, project: Session) -> Iterator[Answer]:
    """Ask for everything."""
    markers = _markers(cloud.session)
    middle, last = markers[len(markers) // 2], markers[-1]
    everybody = "/servers/detail?all_tenants=1"
    for limit in (100, 1000):
        page = f"{everybody}&limit={limit}"
        yield _ask(cloud, cloud.session, f"all projects, first {limit:,}", "compute", page)
        yield _ask(
            cloud,
            cloud.session,
            f"all projects, {limit:,} from the middle",
            "compute",
            f"{page}&marker={middle}",
        )
    yield _ask(
        cloud,
        cloud.session,
        "all projects, the last page",
        "compute",
        f"{everybody}&limit=1000&marker={last}",
    )
    for limit in (100, 1000):
        yield _ask(
            cloud, project, f"one project, first {limit:,}", "compute", f"/servers/detail?limit={limit}"
        )
    yield _ask(
        cloud, project, "ports of one project", "network", f"/v2.0/ports?project_id={project.project_id}"
    )
    yield _ask(cloud, cloud.session, "1,000 ports of all projects", "network", "/v2.0/ports?limit=1000")
    candidates = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64"
    yield _ask(cloud, cloud.session, "allocation candidates", "placement", candidates)
    yield _ask(cloud, cloud.session, "10 allocation candidates", "placement", f"{candidates}&limit=10")
    yield _ask(cloud, cloud.session, "hypervisors", "compute", "/os-hypervisors/detail")


def _markers(session: Session) -> list[str]:
    """Return the last server of each page but the last."""
    found: list[str] = []
    while True:
        more = f"&marker={found[-1]}" if found else ""
        page = session.get("compute", f"/servers?all_tenants=1&limit={STRIDE}{more}")["servers"]
        if len(page) < STRIDE:
            return found or [page[len(page) // 2]["id"]]
        found.append(page[-1]["id"])


def _ask(cloud: Crowd, session: Session, title: str, service: str, path: str) -> Answer:
    answer = session.get(service, path)  # once unmeasured, as any list has been asked for before
    things = max((len(value) for value in answer.values() if isinstance(value, list)), default=0)
    found = Processes(cloud.leaders())
    before, began = found.cpu_seconds(), time.perf_counter()
    for _ in range(REPEATS):
        session.get(service, path)
    lasted = time.perf_counter() - began
    used = processes.used(before, found.cpu_seconds())
    return Answer(title=title, things=things, wall_ms=1000 * lasted / REPEATS, cpu_ms=1000 * used / REPEATS)
