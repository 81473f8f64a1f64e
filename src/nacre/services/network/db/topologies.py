"""Which networks and routers were made ready for which projects."""

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.network.db.tables import auto_topologies


class Topology(msgspec.Struct, frozen=True):
    """A project's ready-made network and router."""

    project_id: str
    network_id: str
    router_id: str


def find(tx: Transaction, project_id: str) -> Topology | None:
    """Return what was made for a project, or None."""
    return tx.find(select(auto_topologies).where(auto_topologies.c.project_id == project_id), Topology)


def claim(tx: Transaction, project_id: str, network_id: str, router_id: str) -> bool:
    """Note what was made for a project; False when something was already."""
    return tx.insert_if_absent(auto_topologies, Topology(project_id, network_id, router_id))


def forget(tx: Transaction, project_id: str) -> None:
    """Drop what is known of a project's ready-made network."""
    tx.delete(auto_topologies, project_id)


def forget_network(tx: Transaction, network_id: str) -> None:
    """Drop what is known of a ready-made network that its owner deleted."""
    tx.delete(auto_topologies, auto_topologies.c.network_id == network_id)
