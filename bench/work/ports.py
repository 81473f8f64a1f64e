"""Ports: created one by one, and listed by the hundred."""

from collections.abc import Iterator, Sequence

from clouds import Cloud
from drive.session import Session
from work import networks
from work.phase import Phase, Scale, work

BATCH = 50


@work("port-create")
def port_create(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Create a port with an address."""
    session = cloud.session
    network_id = networks.make(session)
    made: list[str] = []

    def run(number: int) -> None:
        made.append(_make(session, network_id))

    def clear() -> None:
        while made:
            session.delete("network", f"/v2.0/ports/{made.pop()}")

    yield [
        Phase(title="create a port", run=run, operations=scale.of(30), after=clear),
        Phase(title="create a port, 8 clients", run=run, clients=8, operations=scale.of(80), after=clear),
    ]
    networks.remove(session, network_id)


@work("ports-list")
def ports_list(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List 500 ports of one network."""
    session, missing = cloud.session, scale.of(500)
    network_id = networks.make(session)
    while missing:
        count = min(BATCH, missing)
        session.post("network", "/v2.0/ports", {"ports": [{"network_id": network_id}] * count})
        missing -= count
    path = f"/v2.0/ports?network_id={network_id}"
    yield [Phase(title="list 500 ports", run=lambda number: session.get("network", path))]
    for port in session.get("network", path + "&fields=id")["ports"]:
        session.delete("network", f"/v2.0/ports/{port['id']}")
    networks.remove(session, network_id)


def _make(session: Session, network_id: str) -> str:
    port = session.post("network", "/v2.0/ports", {"port": {"network_id": network_id, "name": "bench"}})
    return str(port["port"]["id"])
