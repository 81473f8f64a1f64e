"""Flavors: twenty, as a cloud has."""

from collections.abc import Iterator, Sequence

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, with_clients, work

COUNT = 20


@work("flavors-list")
def flavors_list(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List flavors with all that they say."""
    session = cloud.session
    tiny(session)
    yield with_clients("list flavors", lambda number: session.get("compute", "/flavors/detail"), 1, 8)


def tiny(session: Session) -> str:
    """Return the smallest of twenty flavors, which are made where they are missing."""
    there = {flavor["name"]: flavor["id"] for flavor in session.get("compute", "/flavors")["flavors"]}
    for number in range(COUNT):
        if f"bench.{number}" not in there and (len(there) < COUNT or number == 0):
            flavor = {"name": f"bench.{number}", "vcpus": 1, "ram": 64 * (number + 1), "disk": 0}
            there[flavor["name"]] = session.post("compute", "/flavors", {"flavor": flavor})["flavor"]["id"]
    return str(there["bench.0"])
