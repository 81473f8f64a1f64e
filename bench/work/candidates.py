"""Allocation candidates: what a scheduler asks before each server."""

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, with_clients, work

PATH = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64"
INVENTORIES = {"VCPU": {"total": 64}, "MEMORY_MB": {"total": 262144}, "DISK_GB": {"total": 2000}}


@work("candidates")
def candidates(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Ask where there is only the cloud's one host."""
    session = cloud.session
    yield with_clients("allocation candidates, 1 provider", lambda number: session.get("placement", PATH), 1)


@work("candidates-1000")
def candidates_1000(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Ask where a thousand more could be chosen, for all of them and for ten."""
    session = cloud.session
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: _provider(session), range(scale.of(1000))))
    yield [
        Phase(
            title="allocation candidates, 1,000 providers", run=lambda number: session.get("placement", PATH)
        ),
        Phase(
            title="10 allocation candidates of 1,000",
            run=lambda number: session.get("placement", f"{PATH}&limit=10"),
        ),
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: session.delete("placement", f"/resource_providers/{one}"), made))


def _provider(session: Session) -> str:
    name = str(uuid.uuid4())
    session.post("placement", "/resource_providers", {"name": f"bench-{name}", "uuid": name})
    body = {"resource_provider_generation": 0, "inventories": INVENTORIES}
    session.put("placement", f"/resource_providers/{name}/inventories", body)
    return name
