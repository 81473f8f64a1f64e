"""Networks with a subnet each."""

import itertools
from collections.abc import Iterator, Sequence

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, work


@work("network-create")
def network_create(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Create a network and a subnet on it; the pair counts as one."""
    session, made, numbers = cloud.session, [], itertools.count()

    def run(number: int) -> None:
        made.append(make(session, next(numbers)))

    def clear() -> None:
        while made:
            remove(session, made.pop())

    title = "create a network with a subnet"
    yield [
        Phase(title=title, run=run, operations=scale.of(20), after=clear),
        Phase(title=f"{title}, 8 clients", run=run, clients=8, operations=scale.of(48), after=clear),
    ]


def make(session: Session, number: int = 0) -> str:
    """Make a network with room for 65,000 ports; return its id."""
    network = session.post("network", "/v2.0/networks", {"network": {"name": f"bench-{number}"}})["network"]
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{64 + number % 128}.0.0/16"}
    session.post("network", "/v2.0/subnets", {"subnet": subnet})
    return str(network["id"])


def remove(session: Session, network_id: str) -> None:
    """Remove a network with its subnets."""
    session.delete("network", f"/v2.0/networks/{network_id}")
