"""A whole lab: the ground, what the cloud stands on, and the cloud, started and ended together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacre.cloud import real_mode
from nacre.cloud.lab import infrastructure
from nacre.cloud.lab.bed import Bed
from nacre.cloud.lab.infrastructure import Infrastructure
from nacre.cloud.lab.loopback import Loopback
from nacre.cloud.lab.machines import Ground
from nacre.cloud.lab.switch import Switch
from nacre.kernel.testing.authority import Authority

HOSTS = ("host-1", "host-2", "host-3")


@dataclass(frozen=True)
class Lab:
    """One that is laid out; `bed.start()` starts it."""

    bed: Bed
    infrastructure: Infrastructure

    @property
    def ground(self) -> Ground:
        """Where its machines stand."""
        return self.bed.ground


@contextmanager
def laid_out(
    where: Path,
    *,
    engine: str = "postgresql",
    hosts: Sequence[str] = HOSTS,
    tls: bool = False,
    **options: Any,
) -> Iterator[Lab]:
    """Lay a lab out, with its database and broker running; in the end nothing is left of it but files.

    With `tls` an authority of its own vouches for the APIs' one address and for the broker.
    The other options are those of Bed.
    """
    with ExitStack() as stack:
        ground = make_ground()
        stack.callback(ground.remove)
        authority = None
        if tls:
            (where / "tls").mkdir(mode=0o700)
            authority = Authority(where / "tls", "the lab's authority")
        running = infrastructure.running(ground, engine=engine, hosts=hosts, authority=authority)
        below = stack.enter_context(running)
        sections = dict(options.pop("sections", {}))
        sections["bus"] = {**below.broker.management(), **sections.get("bus", {})}
        bed = Bed(
            where,
            database_url=below.database_url,
            broker_url=below.broker.url,
            realm=below.realm,
            host_broker_url=below.host_broker_url,
            hosts=hosts,
            sections=sections,
            ground=ground,
            authority=authority,
            **options,
        )
        stack.callback(bed.close)
        yield Lab(bed, below)


def make_ground() -> Ground:
    """Return the best ground that this user and this kernel allow."""
    return Switch() if os.geteuid() == 0 and real_mode.has_namespaces() else Loopback()
