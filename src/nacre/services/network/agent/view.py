"""What one host should look like, as the agent knows it: the rows of `rpc`, by kind and id.

The view is kept on the host's disk, so that a host that comes up while the control plane is away has
its networks all the same.  What is on the disk may be old, never half: it only fills in until the
control plane answers.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from nacre.services.network import rpc

log = logging.getLogger(__name__)

FILE = "view.msgpack"

Row = TypeVar("Row", rpc.NetworkSpec, rpc.PortSpec, rpc.RouterSpec, rpc.SecurityGroupSpec, rpc.NeighbourSpec)


@dataclass
class Changes(Generic[Row]):
    """What became of the rows of one kind."""

    changed: list[Row] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass
class Difference:
    """What became of the rows of all kinds."""

    networks: Changes[rpc.NetworkSpec]
    ports: Changes[rpc.PortSpec]
    routers: Changes[rpc.RouterSpec]
    security_groups: Changes[rpc.SecurityGroupSpec]
    neighbours: Changes[rpc.NeighbourSpec]


class View:
    """The rows, and the revision that they are of."""

    def __init__(self) -> None:
        self.revision = 0
        self.networks: dict[str, rpc.NetworkSpec] = {}
        self.ports: dict[str, rpc.PortSpec] = {}
        self.routers: dict[str, rpc.RouterSpec] = {}
        self.security_groups: dict[str, rpc.SecurityGroupSpec] = {}
        self.neighbours: dict[str, rpc.NeighbourSpec] = {}

    def merge(self, news: rpc.HostChanges) -> Difference:
        """Take in what changed, and return what is really different from before."""
        gone, full = news.removed, news.full
        difference = Difference(
            networks=_merge(self.networks, news.networks, gone.networks, full=full),
            ports=_merge(self.ports, news.ports, gone.ports, full=full),
            routers=_merge(self.routers, news.routers, gone.routers, full=full),
            security_groups=_merge(
                self.security_groups, news.security_groups, gone.security_groups, full=full
            ),
            neighbours=_merge(self.neighbours, news.neighbours, gone.neighbours, full=full),
        )
        self.revision = news.revision
        return difference

    def as_changes(self) -> rpc.HostChanges:
        """Return the whole view as the control plane would send it."""
        return rpc.HostChanges(
            revision=self.revision,
            full=True,
            networks=tuple(self.networks.values()),
            ports=tuple(self.ports.values()),
            routers=tuple(self.routers.values()),
            security_groups=tuple(self.security_groups.values()),
            neighbours=tuple(self.neighbours.values()),
        )

    def save(self, directory: Path) -> None:
        """Write the view down, as a whole or not at all."""
        temporary = directory / f"{FILE}.new"
        temporary.write_bytes(msgspec.msgpack.encode(self.as_changes()))
        temporary.replace(directory / FILE)


def saved(directory: Path) -> rpc.HostChanges | None:
    """Return the view that was written down; None when there is none that can be read."""
    try:
        return msgspec.msgpack.decode((directory / FILE).read_bytes(), type=rpc.HostChanges)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("the view on the disk cannot be read and is left aside: %s", error)
        return None


def _merge(mine: dict[str, Row], rows: Iterable[Row], removed: Iterable[str], *, full: bool) -> Changes[Row]:
    changes: Changes[Row] = Changes()
    present = set()
    for row in rows:
        present.add(row.id)
        if mine.get(row.id) != row:
            mine[row.id] = row
            changes.changed.append(row)
    gone = mine.keys() - present if full else set(removed) - present
    for row_id in gone:
        if mine.pop(row_id, None) is not None:
            changes.removed.append(row_id)
    return changes
