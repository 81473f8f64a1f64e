"""A ready-made network for who has none: a network, a subnet for each IP version, and a router that leads out.

It needs a default external network and default subnet pools; without them the request is refused with what is
missing.  Everything is made in one transaction, so there is never half of it.
"""

from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import networks as network_decisions
from nacre.services.network.app import routers as router_decisions
from nacre.services.network.app import subnets as subnet_decisions
from nacre.services.network.app.news import News, write
from nacre.services.network.db import networks, ports, routers, subnet_pools, topologies
from nacre.services.network.errors import AutoAllocationFailure

NAME = "auto_allocated"


class Topology(msgspec.Struct, frozen=True):
    """A project's ready-made network."""

    id: str
    project_id: str


def check(ctx: Context, project_id: str) -> None:
    """Raise AutoAllocationFailure unless `get` would find or make a network."""
    ctx.db.read(_requirements, project_id)


def _requirements(tx: Transaction, project_id: str) -> tuple[str, list[int]]:
    """Return the external network and the IP versions for which there is a default pool."""
    external = networks.default_external(tx)
    if external is None:
        raise AutoAllocationFailure("No default router:external network")
    versions = [version for version in (4, 6) if subnet_pools.default(tx, version)]
    if not versions:
        raise AutoAllocationFailure("No default subnetpools defined")
    return external.id, versions


def get(ctx: Context, project_id: str) -> Topology:
    """Return a project's ready-made network, made now if need be."""
    return write(ctx, _get, project_id)


def _get(tx: Transaction, news: News, project_id: str) -> Topology:
    found = topologies.find(tx, project_id)
    if found is not None:
        return Topology(found.network_id, project_id)
    external_id, versions = _requirements(tx, project_id)
    common: dict[str, Any] = {"project_id": project_id, "description": ""}
    network = network_decisions.insert(
        tx, news,
        common | {
            "name": f"{NAME}_network", "admin_state_up": True, "external": False, "shared": False,
            "is_default": False, "port_security_enabled": True, "dns_domain": "",
            "availability_zone_hints": [],
        },
    )  # fmt: skip
    router = router_decisions.insert(
        tx, news,
        common | {
            "name": f"{NAME}_router", "admin_state_up": True, "availability_zone_hints": [],
            "gateway": {"network_id": external_id},
        },
    )  # fmt: skip
    for version in versions:
        subnet = subnet_decisions.insert(
            tx, news,
            common | {
                "name": f"{NAME}_subnet_v{version}", "network_id": network.id, "ip_version": version,
                "use_default_subnetpool": True, "enable_dhcp": True, "dns_nameservers": [],
                "host_routes": [], "service_types": [],
                "ipv6_ra_mode": "slaac" if version == 6 else None,
                "ipv6_address_mode": "slaac" if version == 6 else None,
            },
        )  # fmt: skip
        router_decisions.connect(tx, news, router.id, subnet.id)
    if not topologies.claim(tx, project_id, network.id, router.id):
        raise AutoAllocationFailure("It is being made by another request")
    return Topology(network.id, project_id)


def delete(ctx: Context, project_id: str) -> None:
    """Remove a project's ready-made network, if nothing of the project's is on it."""
    write(ctx, _delete, project_id)


def _delete(tx: Transaction, news: News, project_id: str) -> None:
    found = topologies.find(tx, project_id)
    if found is None:
        return
    for leg in ports.with_device(tx, found.router_id, ports.ROUTER_INTERFACE):
        router_decisions.disconnect(tx, news, found.router_id, leg.id)
    router_decisions.remove(tx, news, routers.get(tx, found.router_id).id)
    network_decisions.remove(tx, news, found.network_id)
    topologies.forget(tx, project_id)
