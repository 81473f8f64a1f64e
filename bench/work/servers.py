"""Servers: one, fifty at once, and lists of many."""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clouds import Cloud
from drive.session import Session
from work import flavors, images, networks, projects
from work.phase import Phase, Scale, work

LOOKS = (0.02, 0.04, 0.08, 0.16)  # seconds between looks at a server; the last for ever
LIST_LOOK_SECONDS = 0.25
BATCH = 50
PAGE = 1000
DELETERS = 8
PATIENCE_SECONDS = 300.0


@work("server-boot")
def server_boot(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Boot one server to ACTIVE and look until it is."""
    session = cloud.session
    template, network_id = _template(session)
    name = _name()

    def run(number: int) -> None:
        server = session.post("compute", "/servers", {"server": {**template, "name": name}})["server"]
        _wait_until_active(session, server["id"])

    yield [
        Phase(
            title="boot one server to ACTIVE",
            run=run,
            operations=scale.of(3),
            unit="server",
            after=lambda: _delete(session, name),
        )
    ]
    networks.remove(session, network_id)


@work("servers-boot")
def servers_boot(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Boot fifty with as many requests at the same time; delete them."""
    session, count = cloud.session, scale.of(50)
    template, network_id = _template(session)
    name = _name()

    def one(number: int) -> None:
        session.post("compute", "/servers", {"server": {**template, "name": f"{name}-{number}"}})

    def boot(number: int) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(one, range(count)))
        _wait_for_active(session, name, count)

    yield [
        Phase(title="boot 50 servers at once", run=boot, operations=1, things=count, unit="server"),
        Phase(
            title="delete 50 servers",
            run=lambda number: _delete(session, name),
            operations=1,
            things=count,
            unit="server",
        ),
    ]
    networks.remove(session, network_id)


@work("servers-detail-100")
def servers_detail_100(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List 100 servers with all that they say."""
    yield [_detail(cloud, scale, 100)]


@work("servers-detail-1000")
def servers_detail_1000(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List 1,000 servers with all that they say, where that many can be had in little time."""
    yield [_detail(cloud, scale, 1000)] if cloud.boots_thousands else []


def _detail(cloud: Cloud, scale: Scale, count: int) -> Phase:
    """Fill a project of its own; the servers stay, since making them takes the peer minutes."""
    session = projects.session_in(cloud, f"bench-{count}-servers")
    fill(session, scale.of(count))
    path = f"/servers/detail?limit={count}"
    return Phase(
        title=f"GET /servers/detail, {count:,} servers", run=lambda number: session.get("compute", path)
    )


def fill(session: Session, count: int, batch: int = BATCH) -> None:
    """Boot servers until the project has so many."""
    there = 0
    for server in everything(session):
        if server["status"] == "ACTIVE":
            there += 1
        else:  # left from a run that was cut short
            session.delete("compute", f"/servers/{server['id']}")
    if there >= count:
        return
    template, _ = _template(session)
    while there < count:
        name, more = _name(), min(batch, count - there)
        body = {**template, "name": name, "min_count": more, "max_count": more}
        session.post("compute", "/servers", {"server": body})
        _wait_for_active(session, name, more)
        there += more


def everything(session: Session) -> Iterator[dict[str, Any]]:
    """Go through all servers of a project with their details, page by page."""
    marker = ""
    while True:
        query = f"limit={PAGE}" + (f"&marker={marker}" if marker else "")
        page = session.get("compute", f"/servers/detail?{query}")["servers"]
        yield from page
        if len(page) < PAGE:
            return
        marker = page[-1]["id"]


def _template(session: Session) -> tuple[dict[str, object], str]:
    """Return what all servers of a work have in common, and their network."""
    network_id = networks.make(session)
    template = {
        "imageRef": images.bootable(session),
        "flavorRef": flavors.tiny(session),
        "networks": [{"uuid": network_id}],
    }
    return template, network_id


def _name() -> str:
    return f"bench-{uuid.uuid4().hex[:8]}"


def _wait_until_active(session: Session, server_id: str) -> None:
    looks = iter(LOOKS)
    pause = 0.0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        server = session.get("compute", f"/servers/{server_id}")["server"]
        if server["status"] == "ACTIVE":
            return
        if server["status"] == "ERROR":
            raise RuntimeError(server.get("fault"))
        pause = next(looks, pause)
        time.sleep(pause)
    raise TimeoutError(f"server {server_id} is still {server['status']}")


def _wait_for_active(session: Session, name: str, count: int) -> None:
    """Return when so many servers whose names begin so are ACTIVE."""
    looks = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(_list(session, name, "ACTIVE")) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all {count} servers {name} are ACTIVE")
        looks += 1
        if looks % 10 == 0 and (failed := _list(session, name, "ERROR")):
            one = session.get("compute", f"/servers/{failed[0]}")["server"]
            raise RuntimeError(f"{len(failed)} servers in ERROR, such as {failed[0]}: {one.get('fault')}")
        time.sleep(LIST_LOOK_SECONDS)


def _list(session: Session, name: str, status: str = "") -> list[str]:
    query = f"limit=1000&name={name}" + (f"&status={status}" if status else "")
    return [server["id"] for server in session.get("compute", f"/servers?{query}")["servers"]]


def _delete(session: Session, name: str) -> None:
    """Delete the servers whose names begin so; return when they are gone."""
    with ThreadPoolExecutor(DELETERS) as pool:
        list(pool.map(lambda one: session.delete("compute", f"/servers/{one}"), _list(session, name)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := _list(session, name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} servers are not gone")
        time.sleep(LIST_LOOK_SECONDS)
