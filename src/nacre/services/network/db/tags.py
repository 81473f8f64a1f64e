"""Which tables hold things that can be tagged."""

from nacre.kernel.db import Transaction
from nacre.services.network.db import standard, tables

TABLES = {
    "networks": tables.networks,
    "subnets": tables.subnets,
    "ports": tables.ports,
    "routers": tables.routers,
    "floatingips": tables.floating_ips,
    "security_groups": tables.security_groups,
    "subnetpools": tables.subnet_pools,
}


def revise(tx: Transaction, collection: str, id: str) -> None:
    """Count up the revision of a thing whose tags changed."""
    standard.revise(tx, TABLES[collection], id, {})
