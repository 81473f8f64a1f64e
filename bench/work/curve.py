"""What is asked of a cloud at every size, to see what grows with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clouds import Cloud
from work import candidates, ports, servers, tokens
from work.phase import Phase, Scale

ENOUGH = 4000  # servers in all, that their CPU can be told from nothing


@contextmanager
def curve(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Ask for one, for a page and for all of them, and do what should not care how many there are."""
    session = cloud.session
    server_id = session.get("compute", "/servers?limit=1")["servers"][0]["id"]
    count = sum(1 for _ in servers.everything(session))
    with (
        tokens.token_validation(cloud, scale) as validation,
        candidates.candidates(cloud, scale) as asking,
        ports.port_create(cloud, scale) as creating,
        servers.server_boot(cloud, scale) as booting,
    ):
        yield [
            validation[0],
            asking[0],
            creating[0],
            booting[0],
            Phase(
                title="show one server", run=lambda number: session.get("compute", f"/servers/{server_id}")
            ),
            Phase(
                title="a page of 10 servers with details",
                run=lambda number: session.get("compute", "/servers/detail?limit=10"),
            ),
            Phase(
                title="one server by its name",
                run=lambda number: session.get("compute", "/servers?name=no-such-name"),
            ),
            Phase(
                title="all servers with details, for each of them",
                run=lambda number: sum(1 for _ in servers.everything(session)),
                operations=max(2, ENOUGH // count),
                things=count,
                unit="server",
            ),
        ]
