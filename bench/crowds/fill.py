"""Fill a cloud with servers from many projects, and say what each took."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clouds.crowd import Crowd
from drive.session import Session
from figures import processes
from figures.processes import Processes
from work import flavors, images, networks, projects

CLIENTS = 4
BATCH = 25
LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Boots:
    """What it took to boot some servers where so many were already."""

    there: int
    count: int
    seconds: float
    cpu_seconds: float

    @property
    def cpu_ms_each(self) -> float:
        """Return the milliseconds of CPU for each, what the cloud does anyhow meanwhile included."""
        return 1000 * self.cpu_seconds / self.count


class Filler:
    """Projects with a network each, which take turns."""

    def __init__(self, cloud: Crowd, count: int) -> None:
        """Make the projects."""
        self._cloud = cloud
        self._there = 0
        image, flavor = images.bootable(cloud.session), flavors.tiny(cloud.session)
        self.sessions: list[Session] = []
        self._templates: list[dict[str, object]] = []
        for number in range(count):
            session = projects.session_in(cloud, f"crowd-{number}")
            wanted = [{"uuid": networks.make(session, number)}]
            self.sessions.append(session)
            self._templates.append(
                {"imageRef": image, "flavorRef": flavor, "networks": wanted, "name": "crowd"}
            )
        self._turn = 0

    def boot(self, count: int) -> Boots:
        """Boot so many more; return when all are ACTIVE."""
        found = Processes(self._cloud.leaders())
        before, began = found.cpu_seconds(), time.perf_counter()
        sizes = [min(BATCH, count - done) for done in range(0, count, BATCH)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self._post, range(self._turn, self._turn + len(sizes)), sizes))
        self._turn += len(sizes)
        self._wait()
        boots = Boots(
            there=self._there,
            count=count,
            seconds=time.perf_counter() - began,
            cpu_seconds=processes.used(before, found.cpu_seconds()),
        )
        self._there += count
        return boots

    def _post(self, turn: int, count: int) -> None:
        number = turn % len(self.sessions)
        body = {**self._templates[number], "min_count": count, "max_count": count}
        self.sessions[number].post("compute", "/servers", {"server": body})

    def _wait(self) -> None:
        """Return when no server is being made; raise if any could not be."""
        session = self._cloud.session
        while _some(session, "BUILD"):
            time.sleep(LOOK_SECONDS)
        if failed := _some(session, "ERROR"):
            raise RuntimeError(f"a server in ERROR: {failed[0].get('fault')}")


def _some(session: Session, status: str) -> Sequence[dict[str, object]]:
    query = f"all_tenants=1&status={status}&limit=1"
    found: Sequence[dict[str, object]] = session.get("compute", f"/servers/detail?{query}")["servers"]
    return found
