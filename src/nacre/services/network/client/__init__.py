"""What other services ask of the network service: ports for servers, and what servers show of them.

What a user may see or use is asked with the user's own context; binding a port to a host, which users
may not do, with `ctx.as_service()`.  Every function says which one it wants.  Refusals arrive by their
meaning: NotFound for an unknown port or network, Conflict for an address in use, for a network without
a free one, and for a project that has its fill.

A port's id may be chosen by the caller (`create_port(..., port_id=…)`, service only), so that the step
of a workflow can write it down first and run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.client import Reply
from nacre.kernel.context import Context
from nacre.kernel.ids import is_uuid_like
from nacre.services.network.client import bindings as bindings

SERVICE = "network"
SERVER_OWNER = "compute:"
"""The beginning of `device_owner` of servers' ports; the availability zone follows."""

SERVING_OWNERS = ("network:dhcp", "network:router_interface")
"""The `device_owner` of ports by which a host answers guests."""

BATCH = 100
"""How many ids are put into one query."""


class FixedIp(msgspec.Struct, frozen=True):
    """One address of a port, on one subnet."""

    subnet_id: str
    ip_address: str

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.ip_address else 4


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port as the caller may see it; what a policy hides has its default here."""

    id: str
    network_id: str
    project_id: str
    name: str = ""
    mac_address: str
    status: str = "DOWN"
    admin_state_up: bool = True
    fixed_ips: tuple[FixedIp, ...] = ()
    device_id: str = ""
    device_owner: str = ""
    security_groups: tuple[str, ...] = ()
    port_security_enabled: bool = True
    host: str = msgspec.field(name="binding:host_id", default="")
    vnic_type: str = msgspec.field(name="binding:vnic_type", default="normal")
    vif_type: str = msgspec.field(name="binding:vif_type", default="unbound")
    vif_details: dict[str, Any] = msgspec.field(name="binding:vif_details", default_factory=dict)
    profile: dict[str, Any] = msgspec.field(name="binding:profile", default_factory=dict)
    revision_number: int = 0

    @property
    def is_bound(self) -> bool:
        """Tell whether a host accepted the port; its agent may still be at work (see `status`)."""
        return self.vif_type not in ("unbound", "binding_failed")

    @property
    def binding_failed(self) -> bool:
        """Tell whether no agent on the wanted host can carry the port's network."""
        return self.vif_type == "binding_failed"

    @property
    def is_up(self) -> bool:
        """Tell whether packets flow."""
        return self.status == "ACTIVE"

    @property
    def tap_device(self) -> str:
        """The interface on the host that the guest's card opens; empty while unbound."""
        return str(self.vif_details.get("tap_name", ""))

    @property
    def mtu(self) -> int | None:
        """The largest packet of the port's network; known when the port is bound."""
        return self.vif_details.get("mtu")


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network as the caller may see it."""

    id: str
    name: str
    project_id: str
    mtu: int = 1500
    subnets: tuple[str, ...] = ()
    shared: bool = False
    external: bool = msgspec.field(name="router:external", default=False)
    port_security_enabled: bool = True
    admin_state_up: bool = True
    status: str = "ACTIVE"


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet, for what guests are told about their addresses."""

    id: str
    network_id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[dict[str, str], ...] = ()
    ipv6_address_mode: str | None = None
    ipv6_ra_mode: str | None = None


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A security group, by which name a user calls it."""

    id: str
    name: str
    project_id: str


class FloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    """An outside address that leads to an inside one."""

    id: str
    floating_ip_address: str
    floating_network_id: str
    fixed_ip_address: str | None = None
    port_id: str | None = None
    status: str = "DOWN"


class AmbiguousName(errors.Conflict):
    """More than one security group has this name; its id would tell them apart."""


# --- networks ---------------------------------------------------------------------------------------


def get_network(ctx: Context, network_id: str) -> Network:
    """Return a network that the caller may see (the user's context)."""
    reply = ctx.call(SERVICE, "GET", f"/v2.0/networks/{network_id}")
    return msgspec.convert(reply.json()["network"], Network)


def list_networks(ctx: Context, ids: Iterable[str]) -> list[Network]:
    """Return those of these networks that the caller may see."""
    return [msgspec.convert(row, Network) for row in _batched(ctx, "networks", "id", ids)]


def available_networks(ctx: Context) -> list[Network]:
    """Return the networks on which a server of the user's project lands when none is named.

    The project's own ones; where it has none, those that are shared with it.  External ones are not
    among them, unless they are the project's own or shared.
    """
    own = ctx.call(SERVICE, "GET", "/v2.0/networks", query={"project_id": ctx.project_id, "limit": 100})
    rows = own.json()["networks"]
    if not rows:
        shared = ctx.call(SERVICE, "GET", "/v2.0/networks", query={"shared": "true", "limit": 100})
        rows = shared.json()["networks"]
    return [msgspec.convert(row, Network) for row in rows]


def list_subnets(ctx: Context, ids: Iterable[str]) -> list[Subnet]:
    """Return these subnets."""
    return [msgspec.convert(row, Subnet) for row in _batched(ctx, "subnets", "id", ids)]


def auto_network(ctx: Context, project_id: str) -> str:
    """Return the id of the project's ready-made network, made now if need be ("get me a network")."""
    reply = ctx.call(SERVICE, "GET", f"/v2.0/auto-allocated-topology/{project_id}")
    return str(reply.json()["auto_allocated_topology"]["id"])


def can_auto_network(ctx: Context, project_id: str) -> bool:
    """Tell whether `auto_network` would find or make one."""
    query = {"fields": "dry-run"}
    try:
        ctx.call(SERVICE, "GET", f"/v2.0/auto-allocated-topology/{project_id}", query=query)
    except (errors.NotFound, errors.Conflict, errors.BadRequest):
        return False
    return True


# --- ports ------------------------------------------------------------------------------------------


def get_port(ctx: Context, port_id: str) -> Port:
    """Return a port (the user's context, or the service's to see its binding too)."""
    return _port(ctx.call(SERVICE, "GET", f"/v2.0/ports/{port_id}").json())


def list_ports(ctx: Context, device_ids: Iterable[str], *, project_id: str | None = None) -> list[Port]:
    """Return the ports of these servers, in one query for a hundred of them; sorted by age.

    Users may write any `device_id` on their own ports: who asks as the service names the servers' project.
    """
    query = {"sort_key": "created_at"}
    if project_id is not None:
        query["project_id"] = project_id
    return [msgspec.convert(row, Port) for row in _batched(ctx, "ports", "device_id", device_ids, query)]


def serves_guests_of(ctx: Context, host: str, network_ids: Iterable[str]) -> bool:
    """Tell whether a host runs DHCP or a router on one of these networks (as the service)."""
    wanted = {"binding:host_id": host, "device_owner": SERVING_OWNERS, "fields": "id"}
    return bool(_batched(ctx, "ports", "network_id", network_ids, wanted))


def ports_on_host(ctx: Context, host: str) -> list[Port]:
    """Return the servers' ports that are bound to a host (as the service)."""
    query = {"binding:host_id": host, "sort_key": "created_at"}
    rows = ctx.call(SERVICE, "GET", "/v2.0/ports", query=query).json()["ports"]
    ports = [msgspec.convert(row, Port) for row in rows]
    return [port for port in ports if port.device_owner.startswith(SERVER_OWNER)]


def create_port(
    ctx: Context,
    network_id: str,
    *,
    project_id: str,
    device_id: str = "",
    device_owner: str = "",
    port_id: str | None = None,
    name: str = "",
    mac_address: str | None = None,
    fixed_ips: Sequence[dict[str, str]] | None = None,
    security_groups: Sequence[str] | None = None,
    host: str | None = None,
    profile: dict[str, Any] | None = None,
    vnic_type: str | None = None,
    dns_name: str | None = None,
) -> Port:
    """Make a port (as the service, for a project).

    `fixed_ips` holds {"subnet_id", "ip_address"}, either of them or both; None takes one address of each
    IP version that the network has.  `security_groups` are ids; None is the project's default group.  With a
    `port_id` of the caller's choice, making it again returns it.
    """
    members: dict[str, Any] = {
        "network_id": network_id, "project_id": project_id, "name": name,
        "device_id": device_id, "device_owner": device_owner,
    }  # fmt: skip
    wishes = {
        "id": port_id, "mac_address": mac_address, "fixed_ips": fixed_ips, "dns_name": dns_name,
        "security_groups": security_groups, "binding:host_id": host, "binding:profile": profile,
        "binding:vnic_type": vnic_type,
    }  # fmt: skip
    members |= {key: value for key, value in wishes.items() if value is not None}
    try:
        return _port(ctx.call(SERVICE, "POST", "/v2.0/ports", body={"port": members}).json())
    except errors.Conflict:
        if port_id is None:
            raise
        try:
            return get_port(ctx, port_id)
        except errors.NotFound:
            pass
        raise


def update_port(ctx: Context, port_id: str, changes: dict[str, Any]) -> Port:
    """Change a port, by the API's own names: {"binding:host_id": "host-1"}."""
    reply = ctx.call(SERVICE, "PUT", f"/v2.0/ports/{port_id}", body={"port": changes})
    return _port(reply.json())


def bind_port(
    ctx: Context,
    port_id: str,
    *,
    host: str,
    device_id: str,
    device_owner: str,
    profile: dict[str, Any] | None = None,
) -> Port:
    """Give a port to a server on a host (as the service).  May run twice.

    Look at `binding_failed` of the answer; when `is_bound`, wait until `is_up` (the event `network.port.up`
    tells, with {"port_id", "device_id", "host"}).
    """
    changes: dict[str, Any] = {
        "device_id": device_id, "device_owner": device_owner, "binding:host_id": host,
    }  # fmt: skip
    if profile is not None:
        changes["binding:profile"] = profile
    return update_port(ctx, port_id, changes)


def release_port(ctx: Context, port_id: str) -> None:
    """Take a port that the user made from its server, and leave it to the user (as the service).

    May run twice.
    """
    changes = {"device_id": "", "device_owner": "", "binding:host_id": "", "binding:profile": {}}
    try:
        update_port(ctx, port_id, changes)
    except errors.NotFound:
        return


def delete_port(ctx: Context, port_id: str) -> None:
    """Delete a port that was made for a server.  May run twice."""
    try:
        ctx.call(SERVICE, "DELETE", f"/v2.0/ports/{port_id}")
    except errors.NotFound:
        return


# --- what servers show ------------------------------------------------------------------------------


def security_group_ids(ctx: Context, project_id: str, names: Iterable[str]) -> list[str]:
    """Turn names and ids of a project's security groups into ids, in the same order.

    Raises NotFound with the first one that the caller's project does not have, and AmbiguousName.
    "default" always exists: it is made when it is first asked for.
    """
    query = {"project_id": project_id, "fields": ["id", "name"]}
    rows = ctx.call(SERVICE, "GET", "/v2.0/security-groups", query=query).json()["security_groups"]
    found = []
    for name in names:
        by_id = [row["id"] for row in rows if row["id"] == name]
        matching = by_id or [row["id"] for row in rows if row["name"] == name]
        if not matching:
            raise errors.NotFound(f"Security group {name} not found for project {project_id}.")
        if len(matching) > 1:
            raise AmbiguousName(
                f"Multiple security_group matches found for name '{name}', use an ID to be more specific."
            )
        found.append(matching[0])
    return found


def list_security_groups(ctx: Context, ids: Iterable[str]) -> list[SecurityGroup]:
    """Return these security groups, for their names."""
    query = {"fields": ["id", "name", "project_id"]}
    return [msgspec.convert(row, SecurityGroup) for row in _batched(ctx, "security-groups", "id", ids, query)]


def security_groups_with_rules(ctx: Context, ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return these security groups whole, as the API shows them, for whoever shows them on."""
    return _batched(ctx, "security-groups", "id", ids)


def list_floating_ips(ctx: Context, port_ids: Iterable[str]) -> list[FloatingIp]:
    """Return the floating IPs that lead to these ports."""
    return [msgspec.convert(row, FloatingIp) for row in _batched(ctx, "floatingips", "port_id", port_ids)]


# --- what compute's API of old passes on (the user's own context) -----------------------------------


def visible_networks(ctx: Context, *, external: bool = False) -> list[Network]:
    """Return all networks that the caller may see, or the external ones among them."""
    query = {"router:external": "true"} if external else None
    rows = ctx.call(SERVICE, "GET", "/v2.0/networks", query=query).json()["networks"]
    return [msgspec.convert(row, Network) for row in rows]


def visible_security_groups(ctx: Context, project_id: str | None) -> list[dict[str, Any]]:
    """Return the security groups that the caller may see, or a project's, whole, as the API shows them."""
    query = {"project_id": project_id} if project_id is not None else None
    rows: list[dict[str, Any]]
    rows = ctx.call(SERVICE, "GET", "/v2.0/security-groups", query=query).json()["security_groups"]
    return rows


def create_security_group(ctx: Context, name: str, description: str) -> dict[str, Any]:
    """Make a security group; return it whole."""
    body = {"security_group": {"name": name, "description": description}}
    return _of(ctx.call(SERVICE, "POST", "/v2.0/security-groups", body=body), "security_group")


def update_security_group(ctx: Context, group_id: str, changes: dict[str, str]) -> dict[str, Any]:
    """Change a security group's name or description; return it whole."""
    path = f"/v2.0/security-groups/{_safe(group_id)}"
    return _of(ctx.call(SERVICE, "PUT", path, body={"security_group": changes}), "security_group")


def delete_security_group(ctx: Context, group_id: str) -> None:
    """Delete a security group; Conflict while a port has it."""
    ctx.call(SERVICE, "DELETE", f"/v2.0/security-groups/{_safe(group_id)}")


def create_security_group_rule(ctx: Context, rule: dict[str, Any]) -> dict[str, Any]:
    """Add a rule to a security group; return it."""
    path, body = "/v2.0/security-group-rules", {"security_group_rule": rule}
    return _of(ctx.call(SERVICE, "POST", path, body=body), "security_group_rule")


def delete_security_group_rule(ctx: Context, rule_id: str) -> None:
    """Remove a rule."""
    ctx.call(SERVICE, "DELETE", f"/v2.0/security-group-rules/{_safe(rule_id)}")


def project_floating_ips(ctx: Context, project_id: str, *, address: str | None = None) -> list[FloatingIp]:
    """Return a project's floating IPs, or the one with an address."""
    query = {"project_id": project_id} | ({"floating_ip_address": address} if address else {})
    rows = ctx.call(SERVICE, "GET", "/v2.0/floatingips", query=query).json()["floatingips"]
    return [msgspec.convert(row, FloatingIp) for row in rows]


def get_floating_ip(ctx: Context, floating_ip_id: str) -> FloatingIp:
    """Return a floating IP."""
    reply = ctx.call(SERVICE, "GET", f"/v2.0/floatingips/{_safe(floating_ip_id)}")
    return msgspec.convert(_of(reply, "floatingip"), FloatingIp)


def create_floating_ip(ctx: Context, network_id: str) -> FloatingIp:
    """Take a free address of an external network."""
    body = {"floatingip": {"floating_network_id": network_id}}
    return msgspec.convert(
        _of(ctx.call(SERVICE, "POST", "/v2.0/floatingips", body=body), "floatingip"), FloatingIp
    )


def lead_floating_ip(
    ctx: Context, floating_ip_id: str, port_id: str | None, fixed_ip: str | None
) -> FloatingIp:
    """Have a floating IP lead to one of a port's addresses, or nowhere."""
    path, body = (
        f"/v2.0/floatingips/{_safe(floating_ip_id)}",
        {"port_id": port_id, "fixed_ip_address": fixed_ip},
    )
    return msgspec.convert(
        _of(ctx.call(SERVICE, "PUT", path, body={"floatingip": body}), "floatingip"), FloatingIp
    )


def delete_floating_ip(ctx: Context, floating_ip_id: str) -> None:
    """Give a floating IP back."""
    ctx.call(SERVICE, "DELETE", f"/v2.0/floatingips/{_safe(floating_ip_id)}")


# --- how ------------------------------------------------------------------------------------------


def _of(reply: Reply, key: str) -> dict[str, Any]:
    found: dict[str, Any] = reply.json()[key]
    return found


def _safe(id: str) -> str:
    """Return an id that can stand in a path; what cannot be an id names nothing."""
    if not is_uuid_like(id):
        raise errors.NotFound(f"There is nothing with the id {id[:40]!r}.")
    return id


def _port(body: dict[str, Any]) -> Port:
    return msgspec.convert(body["port"], Port)


def _batched(
    ctx: Context, collection: str, key: str, values: Iterable[str], query: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Ask for the things whose `key` is one of these values, a batch at a time."""
    wanted = list(dict.fromkeys(values))
    rows: list[dict[str, Any]] = []
    for start in range(0, len(wanted), BATCH):
        asked = {**(query or {}), key: wanted[start : start + BATCH]}
        body = ctx.call(SERVICE, "GET", f"/v2.0/{collection}", query=asked).json()
        rows += body[collection.replace("-", "_")]
    return rows
