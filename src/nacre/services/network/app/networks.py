"""Networks: which kind, on which segment, seen by whom.

A project's network is made of whatever the operator has left over (`project_kinds`); who may name the kind,
the wire and the segment, gets what was named or a refusal.
"""

from collections.abc import Sequence
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import dhcp, floating_ips, limits, plugs, subnets
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach, viewer
from nacre.services.network.config import TUNNEL_OVERHEAD, NetworkOptions
from nacre.services.network.db import dhcp as dhcp_servers
from nacre.services.network.db import (
    networks,
    ports,
    presences,
    rbac,
    routers,
    segments,
    standard,
    topologies,
)
from nacre.services.network.db import subnets as subnet_rows
from nacre.services.network.db.networks import OBJECT, Network
from nacre.services.network.errors import (
    DefaultExternalNetworkExists,
    ExternalNetworkInUse,
    FlatNetworkInUse,
    InvalidInput,
    InvalidSharedSetting,
    NetworkInUse,
    NetworkNotFound,
    NoNetworkAvailable,
    TunnelIdInUse,
    VlanIdInUse,
)

KINDS = ("flat", "vlan", "vxlan", "local")
ON_A_WIRE = ("flat", "vlan")
LOWEST_MTU = {4: 68, 6: 1280}
"""What IP demands of a link (RFC 791, RFC 8200)."""
LAST_VLAN, LAST_VXLAN = 4094, 2**24 - 1


def get(ctx: Context, network_id: str) -> Network:
    """Return a network that the caller may see."""
    return ctx.db.read(networks.show, network_id, reach(ctx), viewer(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[Network]:
    """Return networks that the caller may see."""
    return ctx.db.read(networks.index, reach(ctx), viewer(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[Network]:
    """Make networks, all or none."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[Network]:
    made = []
    for body in bodies:
        made.append(insert(tx, news, body))
    return networks.complete(tx, made, viewer(news.ctx))


def insert(tx: Transaction, news: News, body: dict[str, Any]) -> Network:
    """Make one network on a segment of its own."""
    limits.enforce(tx, news.ctx, body["project_id"], {"network": 1})
    row: dict[str, Any] = standard.new_row(tx, body["project_id"], body["description"])
    options: NetworkOptions = news.ctx.config
    if body.get("kind"):
        _claim_named(tx, options, row, body)
    elif body.get("physical_network") or body.get("segmentation_id"):
        raise InvalidInput("network_type required")
    else:
        _claim_any(tx, options, row)
    row |= {
        name: body[name]
        for name in (
            "name", "admin_state_up", "external", "is_default", "port_security_enabled", "dns_domain",
            "availability_zone_hints",
        )
    }  # fmt: skip
    row["mtu"] = _mtu(options, row["kind"], body.get("mtu"))
    if row["is_default"]:
        _refuse_second_default(tx, row["id"], row["external"])
    networks.insert(tx, row)
    if body["shared"]:
        rbac.grant(tx, OBJECT, row["id"], rbac.SHARED, owner=row["project_id"])
    if body["external"]:
        rbac.grant(tx, OBJECT, row["id"], rbac.EXTERNAL, owner=row["project_id"])
    standard.set_tags(tx, row["id"], body.get("tags", ()))
    return networks.get(tx, row["id"])


def _claim_named(tx: Transaction, options: NetworkOptions, row: dict[str, Any], body: dict[str, Any]) -> None:
    """Take the segment that was named, or any free one of the kind and wire that were named."""
    kind, number = body["kind"], body.get("segmentation_id")
    wire: str = body.get("physical_network") or ""
    _check_provider(options, kind, wire, number)
    row |= {"kind": kind, "physical_network": wire or None, "segmentation_id": number}
    if kind == "local":
        return
    if kind == "flat":
        if not segments.claim(tx, kind, wire, 0, row["id"]):
            raise FlatNetworkInUse(wire)
    elif number is not None:
        if not segments.claim(tx, kind, wire, number, row["id"]):
            raise VlanIdInUse(number, wire) if kind == "vlan" else TunnelIdInUse(number)
    else:
        ranges = options.vlan_ranges.get(wire, ()) if kind == "vlan" else options.vxlan_ranges
        row["segmentation_id"] = segments.claim_free(tx, kind, wire, ranges, row["id"])
        if row["segmentation_id"] is None:
            raise NoNetworkAvailable()


def _check_provider(options: NetworkOptions, kind: str, wire: str, number: int | None) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"Unknown network type {kind}")
    if kind in ON_A_WIRE:
        if not wire:
            raise InvalidInput(f"physical_network required for {kind.upper()} provider network")
        if wire not in options.physical_networks and wire not in options.vlan_ranges:
            raise InvalidInput(f"physical_network '{wire}' unknown for {kind.upper()} provider network")
    elif wire:
        raise InvalidInput(f"provider:physical_network specified for {kind} network")
    if kind in ("flat", "local"):
        if number is not None:
            raise InvalidInput(f"provider:segmentation_id specified for {kind} network")
    elif number is not None:
        last = LAST_VLAN if kind == "vlan" else LAST_VXLAN
        if not 1 <= number <= last:
            raise InvalidInput(f"segmentation_id out of range (1 through {last})")


def _claim_any(tx: Transaction, options: NetworkOptions, row: dict[str, Any]) -> None:
    """Take a free segment of the first kind that has one."""
    for kind in options.project_kinds:
        wires = options.vlan_ranges.items() if kind == "vlan" else [(None, options.vxlan_ranges)]
        for wire, ranges in wires:
            number = None
            if kind != "local":
                number = segments.claim_free(tx, kind, wire or "", ranges, row["id"])
                if number is None:
                    continue
            row |= {"kind": kind, "physical_network": wire, "segmentation_id": number}
            return
    raise NoNetworkAvailable()


def _mtu(options: NetworkOptions, kind: str, wanted: int | None) -> int:
    largest = options.wire_mtu - TUNNEL_OVERHEAD.get(kind, 0)
    if not wanted:
        return largest
    if wanted > largest:
        raise InvalidInput(f"Requested MTU is too big, maximum is {largest}")
    if wanted < LOWEST_MTU[4]:
        raise InvalidInput(f"Requested MTU is too small, minimum is {LOWEST_MTU[4]}")
    return wanted


def _refuse_second_default(tx: Transaction, network_id: str, external: bool) -> None:
    if not external:
        return
    other = networks.default_external(tx)
    if other is not None and other.id != network_id:
        raise DefaultExternalNetworkExists(other.id)


def update(
    ctx: Context, network: Network, changes: dict[str, Any], *, expected: int | None = None
) -> Network:
    """Change a network."""
    return write(ctx, _update, network.id, changes, expected)


def _update(
    tx: Transaction, news: News, network_id: str, changes: dict[str, Any], expected: int | None
) -> Network:
    if not networks.lock(tx, network_id, expected):
        raise NetworkNotFound(network_id)
    present = networks.get(tx, network_id)
    changes = dict(changes)
    shared = changes.pop("shared", None)
    for name in ("kind", "physical_network", "segmentation_id"):
        if name in changes and changes.pop(name) != getattr(present, name):
            raise InvalidInput("Plugin does not support updating provider attributes")
    if "mtu" in changes:
        changes["mtu"] = _mtu(news.ctx.config, present.kind, changes["mtu"])
    if shared is not None:
        _share(tx, present, shared)
    if changes.get("external", present.external) != present.external:
        _expose(tx, present, changes["external"])
    if changes.get("is_default"):
        _refuse_second_default(tx, network_id, changes.get("external", present.external))
    networks.update(tx, network_id, changes)
    news.network(network_id)
    if changes.get("mtu", present.mtu) != present.mtu:
        for port in ports.of_network(tx, network_id):
            news.port(port)
    return networks.show(tx, network_id, None, viewer(news.ctx))


def _share(tx: Transaction, network: Network, shared: bool) -> None:
    if shared:
        rbac.grant(tx, OBJECT, network.id, rbac.SHARED, owner=network.project_id)
        return
    others = ports.projects_on(tx, network.id) - {network.project_id, ""}
    if others - rbac.targets(tx, OBJECT, network.id, rbac.SHARED):
        raise InvalidSharedSetting(network.name)
    rbac.revoke(tx, OBJECT, network.id, rbac.SHARED)


def _expose(tx: Transaction, network: Network, external: bool) -> None:
    if external:
        rbac.grant(tx, OBJECT, network.id, rbac.EXTERNAL, owner=network.project_id)
        return
    if routers.with_gateway_on(tx, network.id):
        raise ExternalNetworkInUse(network.id)
    for target in rbac.targets(tx, OBJECT, network.id, rbac.EXTERNAL):
        rbac.revoke(tx, OBJECT, network.id, rbac.EXTERNAL, target)


def delete(ctx: Context, network: Network, *, expected: int | None = None) -> None:
    """Delete a network with its subnets, if nothing of anybody's is on it."""
    write(ctx, remove, network.id, expected)


def remove(tx: Transaction, news: News, network_id: str, expected: int | None = None) -> None:
    """Remove a network, its DHCP servers, its subnets and its unused floating IPs."""
    if not networks.lock(tx, network_id, expected):
        raise NetworkNotFound(network_id)
    if ports.is_network_used(tx, network_id, besides=(ports.DHCP, ports.FLOATING_IP)):
        raise NetworkInUse(network_id)
    news.stakeholders_of_network(network_id)
    floating_ips.remove_unused(tx, news, network_id)
    for server in dhcp_servers.of_network(tx, network_id):
        dhcp.withdraw(tx, news, server)
    plugs.remove_all(tx, news, ports.of_network(tx, network_id, ports.DHCP))
    for subnet in subnet_rows.of_network(tx, network_id):
        subnets.erase(tx, news, subnet)
    networks.delete(tx, network_id)
    topologies.forget_network(tx, network_id)
    presences.forget(tx, network_id)
