"""Ports: what users and other services do with them.

Who writes `binding:host_id` asks a host to carry the port; everything else about where it lives follows from
that (see binding.py).  Ports of routers, floating IPs and DHCP servers are rows like any other, but only
their owner removes them.
"""

from collections.abc import Sequence
from typing import Any

from nacre.kernel import events
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import addressing, binding, dhcp, limits, plugs, security_groups
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach
from nacre.services.network.db import bindings, floating_ips, networks, ports, routers, standard
from nacre.services.network.db import security_groups as group_rows
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import Port
from nacre.services.network.errors import (
    AddressPairAndPortSecurityRequired,
    AddressPairsExhausted,
    DuplicateAddressPairInRequest,
    MacAddressInUse,
    PortBound,
    PortNotFound,
    PortSecurityAndIPRequiredForSecurityGroups,
    PortSecurityPortHasSecurityGroup,
    SecurityGroupNotFound,
    ServicePortInUse,
)

PORT_DELETED = "network.port.deleted"
SERVERS = "compute:"
PROTECTED = (*ports.ROUTER_OWNERS, ports.FLOATING_IP)
STORED = (
    "name", "description", "admin_state_up", "device_id", "device_owner", "port_security_enabled",
    "allowed_address_pairs", "extra_dhcp_opts", "dns_name", "vnic_type", "profile", "mac_address",
)  # fmt: skip


def get(ctx: Context, port_id: str) -> Port:
    """Return a port that the caller may see."""
    return ctx.db.read(ports.get, port_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[Port]:
    """Return ports that the caller may see."""
    return ctx.db.read(ports.index, reach(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[Port]:
    """Make ports, all or none."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[Port]:
    return [insert(tx, news, body) for body in bodies]


def insert(tx: Transaction, news: News, body: dict[str, Any]) -> Port:
    """Make one port on a network that the caller may see."""
    network = networks.get(tx, body["network_id"], reach(news.ctx))
    project_id = body["project_id"]
    limits.enforce(tx, news.ctx, project_id, {"port": 1})
    secure = body.get("port_security_enabled")
    secure = network.port_security_enabled if secure is None else secure
    owner = body["device_owner"]
    groups = _groups(tx, news, body.get("security_groups"), project_id, secure and owner[:8] != "network:")
    if groups and not secure:
        raise PortSecurityAndIPRequiredForSecurityGroups()
    pairs = _pairs(news.ctx, body["allowed_address_pairs"], secure)
    plug = plugs.Plug(
        id=body.get("id"), project_id=project_id, name=body["name"], description=body["description"],
        device_id=body["device_id"], device_owner=owner, mac_address=body.get("mac_address"),
        wishes=body.get("fixed_ips"), host=body.get("host") or "", admin_state_up=body["admin_state_up"],
        port_security_enabled=secure, security_groups=groups, allowed_address_pairs=pairs,
        extra_dhcp_opts=_options([], body["extra_dhcp_opts"]), dns_name=body["dns_name"],
        vnic_type=body["vnic_type"], profile=body["profile"], tags=tuple(body.get("tags") or ()),
    )  # fmt: skip
    port = plugs.insert(tx, news, network, plug)
    if port.is_guests:
        dhcp.ensure(tx, news, network)
    return port


def _groups(
    tx: Transaction, news: News, wanted: Sequence[str] | None, project_id: str, by_default: bool
) -> tuple[str, ...]:
    """Return the ids of the groups that were named, or the project's default group if none was."""
    if wanted is None:
        return (security_groups.default_of(tx, project_id),) if by_default else ()
    known = group_rows.known_ids(tx, wanted, reach(news.ctx))
    for group_id in wanted:
        if group_id not in known:
            raise SecurityGroupNotFound(group_id)
    return tuple(dict.fromkeys(wanted))


def _pairs(ctx: Context, pairs: Sequence[dict[str, str]], secure: bool) -> list[dict[str, str]]:
    """Return the address pairs in their normal form; a MAC address that is not named is the port's own."""
    if pairs and not secure:
        raise AddressPairAndPortSecurityRequired()
    if len(pairs) > ctx.config.maximum_address_pairs:
        raise AddressPairsExhausted(ctx.config.maximum_address_pairs)
    seen = set()
    for pair in pairs:
        key = (pair.get("mac_address", ""), pair["ip_address"])
        if key in seen:
            raise DuplicateAddressPairInRequest(*key)
        seen.add(key)
    return list(pairs)


def _options(present: Sequence[dict[str, Any]], changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return DHCP options after some were set and others, without a value, taken away."""
    found = {(option["opt_name"], option["ip_version"]): option for option in present}
    for change in changes:
        key = (change["opt_name"], change["ip_version"])
        if change.get("opt_value") is None:
            found.pop(key, None)
        else:
            found[key] = change
    return list(found.values())


def update(ctx: Context, port: Port, changes: dict[str, Any], *, expected: int | None = None) -> Port:
    """Change a port."""
    return write(ctx, _update, port.id, changes, expected)


def _update(tx: Transaction, news: News, port_id: str, changes: dict[str, Any], expected: int | None) -> Port:
    if not ports.lock(tx, port_id, expected):
        raise PortNotFound(port_id)
    present = ports.get(tx, port_id)
    network = networks.get(tx, present.network_id)
    values = {name: changes[name] for name in STORED if name in changes}
    _check_mac(tx, present, changes)
    _check_security(tx, news, present, changes, values)
    if changes.get("extra_dhcp_opts") is not None:
        values["extra_dhcp_opts"] = _options(present.extra_dhcp_opts, changes["extra_dhcp_opts"])
    if _must_rebind(present, changes):
        values |= binding.decide(tx, news.ctx, port_id, network, changes.get("host", present.host) or "")
        if values["host"] != present.host:
            bindings.forget(tx, port_id)  # whoever says where it is to be wants it nowhere else
    if changes.get("fixed_ips") is not None or "mac_address" in values:
        wishes = changes.get("fixed_ips")
        if wishes is None:
            wishes = [{"subnet_id": ip.subnet_id} for ip in present.fixed_ips]
        addressing.reassign(
            tx, present, wishes,
            mac=values.get("mac_address", present.mac_address),
            device_owner=values.get("device_owner", present.device_owner),
        )  # fmt: skip
    ports.update(tx, port_id, values)
    after = ports.get(tx, port_id)
    _drop_floating_ips(tx, news, present, after)
    binding.carry(tx, news, present, after)
    if present.device_owner in ports.ROUTER_OWNERS:
        router = routers.get(tx, present.device_id)
        news.router(router.id, router.host)
    if after.is_guests:
        dhcp.ensure(tx, news, network)
    if present.device_id and _shown_of(present) != _shown_of(after):
        news.shown(port_id)
    return after


def _shown_of(port: Port) -> object:
    """Return what a server shows of its port."""
    return port.mac_address, port.fixed_ips, set(port.security_groups)


def _check_mac(tx: Transaction, present: Port, changes: dict[str, Any]) -> None:
    mac = changes.get("mac_address")
    if mac is None or mac == present.mac_address:
        changes.pop("mac_address", None)
        return
    if present.host and changes.get("host", present.host):
        raise PortBound(present.id, present.vif_type, present.mac_address, mac)
    if ports.is_mac_taken(tx, present.network_id, mac):
        raise MacAddressInUse(mac, present.network_id)


def _check_security(
    tx: Transaction, news: News, present: Port, changes: dict[str, Any], values: dict[str, Any]
) -> None:
    """Check security groups, port security and address pairs against each other, and store the groups."""
    secure = changes.get("port_security_enabled", present.port_security_enabled)
    groups: Sequence[str] = present.security_groups
    if "security_groups" in changes:
        groups = _groups(tx, news, changes["security_groups"] or [], present.project_id, False)
        if groups and not secure:
            raise PortSecurityAndIPRequiredForSecurityGroups()
        if set(groups) != set(present.security_groups):
            ports.set_groups(tx, present.id, groups)
    if not secure and groups:
        raise PortSecurityPortHasSecurityGroup()
    pairs = changes.get("allowed_address_pairs", present.allowed_address_pairs)
    checked = _pairs(news.ctx, pairs or [], secure)
    if "allowed_address_pairs" in changes:
        values["allowed_address_pairs"] = checked


def _must_rebind(present: Port, changes: dict[str, Any]) -> bool:
    """Tell whether a change asks for a host, or for another card on it.

    Asking again for the host on which binding failed tries again.
    """
    if "host" in changes and ((changes["host"] or "") != present.host or not present.is_bound):
        return True
    return any(
        name in changes and changes[name] != getattr(present, name) for name in ("vnic_type", "profile")
    )


def _drop_floating_ips(tx: Transaction, news: News, before: Port, after: Port) -> None:
    """Let floating IPs lead nowhere whose inner address the port has no longer."""
    left = {ip.ip_address for ip in after.fixed_ips}
    if left >= {ip.ip_address for ip in before.fixed_ips}:
        return
    for floating_ip in floating_ips.leading_to(tx, [after.id]):
        if floating_ip.fixed_ip_address not in left:
            floating_ips.dissociate(tx, floating_ip.id)
            news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))


def delete(ctx: Context, port: Port, *, expected: int | None = None) -> None:
    """Delete a port, unless a router or floating IP lives by it; tell compute if a server had it."""
    write(ctx, _delete, port.id, expected)
    if port.device_owner.startswith(SERVERS):
        events.publish(ctx, PORT_DELETED, {"port_id": port.id, "device_id": port.device_id})


def _delete(tx: Transaction, news: News, port_id: str, expected: int | None) -> None:
    if not ports.lock(tx, port_id, expected):
        raise PortNotFound(port_id)
    present = ports.get(tx, port_id)
    if present.device_owner in PROTECTED:
        raise ServicePortInUse(port_id, f"has device owner {present.device_owner}")
    if present.device_owner == ports.DHCP:
        dhcp.forget_port(tx, news, present)
    if present.is_guests and present.device_id:
        news.shown(port_id)
    plugs.remove(tx, news, present)


def network_of(ctx: Context, network_id: str) -> Network:
    """Return a network for judging rights on its ports; NetworkNotFound as the caller would get it."""
    return ctx.db.read(networks.show, network_id, reach(ctx), ctx.project_id)
