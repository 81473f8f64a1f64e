"""The network cards of servers: from what a request wishes for to ports that are bound to a host.

Ports live in the network service.  Some are made for a server and die with it (`owned`); some were made by
the user, are lent to the server and given back.  What a server shows of them is kept in rows here, so that a
list of a thousand servers asks nobody; `refresh` brings the rows up to date.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.services.compute import policy
from nacre.services.compute.db import nics as rows
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import Address, NetworkWish, SubnetCopy
from nacre.services.compute.errors import NetworkAmbiguous, NetworkNotUsable, PortInUse
from nacre.services.network import client as network

AUTO = "auto"
DEFAULT_GROUP = "default"


# --- what a request wishes for ----------------------------------------------------------------------


def plan(ctx: Context, asked: str | Sequence[NetworkWish] | None, *, several: bool) -> list[NetworkWish]:
    """Check the networks that a request names; return one wish for each card of the new server.

    `asked` is "auto", "none", a list, or None where an old client said nothing.  `several` says that
    more than one server is to be made of it.
    """
    if asked == "none":
        return []
    if asked == AUTO:
        if not network.can_auto_network(ctx, str(ctx.project_id)):
            raise NetworkNotUsable(f"Unable to automatically allocate a network for project {ctx.project_id}")
        return [NetworkWish(network_id=AUTO)]
    if not asked:
        return _only_network(ctx)
    assert not isinstance(asked, str)
    if several:
        _refuse_what_only_one_can_have(asked)
    _check_networks(ctx, [wish for wish in asked if wish.port_id is None])
    return [_check_port(ctx, wish) if wish.port_id else wish for wish in asked]


def _only_network(ctx: Context) -> list[NetworkWish]:
    available = network.available_networks(ctx)
    if len(available) > 1:
        raise NetworkAmbiguous()
    return [NetworkWish(network_id=each.id) for each in available if each.subnets]


def _refuse_what_only_one_can_have(asked: Iterable[NetworkWish]) -> None:
    for wish in asked:
        if wish.port_id is not None:
            raise NetworkNotUsable(
                "Unable to launch multiple instances with a single configured port ID. "
                "Please launch your instance one by one with different ports."
            )
        if wish.fixed_ip is not None:
            raise NetworkNotUsable("max_count cannot be greater than 1 if an fixed_ip is specified.")


def _check_networks(ctx: Context, wishes: Sequence[NetworkWish]) -> None:
    if not wishes:
        return
    known = {each.id: each for each in network.list_networks(ctx, [str(w.network_id) for w in wishes])}
    for wish in wishes:
        found = known.get(str(wish.network_id))
        if found is None:
            raise NetworkNotUsable(f"Network {wish.network_id} could not be found.")
        if not found.subnets:
            raise NetworkNotUsable(
                f"Network {wish.network_id} requires a subnet in order to boot instances on."
            )
        if found.external and not found.shared and not ctx.can(policy.EXTERNAL_NETWORK):
            raise errors.Forbidden(
                f"It is not allowed to create an interface on external network {wish.network_id}"
            )


def _check_port(ctx: Context, wish: NetworkWish) -> NetworkWish:
    assert wish.port_id is not None
    try:
        port = network.get_port(ctx, wish.port_id)
    except errors.NotFound:
        raise NetworkNotUsable(f"Port id {wish.port_id} could not be found.") from None
    if port.device_id:
        raise PortInUse(wish.port_id)
    if port.binding_failed:
        raise NetworkNotUsable(f"Binding failed for port {port.id}, please check network logs.")
    return NetworkWish(network_id=port.network_id, port_id=port.id, tag=wish.tag)


def check_groups(ctx: Context, names: Sequence[str]) -> None:
    """Raise NetworkNotUsable for a security group that the caller's project does not have."""
    if names and list(names) != [DEFAULT_GROUP]:
        try:
            network.security_group_ids(ctx, str(ctx.project_id), names)
        except errors.NotFound as error:
            raise NetworkNotUsable(error.message) from None


# --- ports on a host --------------------------------------------------------------------------------


def owned_port_id(server_id: str, place: object) -> str:
    """Return the id of the port that is made for a card of a server: the same at every try."""
    return str(uuid.uuid5(uuid.UUID(server_id), f"nic {place}"))


def ports_of_attempt(server: Server, attempt: int) -> list[str]:
    """Return the ids of the ports that an attempt to build a server makes for it, whether it did or not."""
    made = (place for place, wish in enumerate(server.network_wishes) if wish.port_id is None)
    return [owned_port_id(server.id, _card(place, attempt)) for place in made]


def _card(place: int, attempt: int) -> str:
    return f"{place} of attempt {attempt}"


def owner_of(server: Server) -> str:
    """Return what the ports of a server say of their owner."""
    return f"{network.SERVER_OWNER}{server.zone or ''}"


def connect(ctx: Context, server: Server, host: str, attempt: int) -> list[network.Port]:
    """Make or bind the ports of a new server.  May run twice.

    Raises Conflict and BadRequest as network says them, and what `refuse_unbound` says.
    """
    service, ports = ctx.as_service(), []
    groups = None  # the project's default group
    if server.security_groups != [DEFAULT_GROUP] and any(w.port_id is None for w in server.network_wishes):
        groups = network.security_group_ids(service, server.project_id, server.security_groups)
    for place, wish in enumerate(server.network_wishes):
        if wish.port_id is not None:
            port = network.bind_port(
                service, wish.port_id, host=host, device_id=server.id, device_owner=owner_of(server)
            )
        else:
            network_id = str(wish.network_id)
            if network_id == AUTO:
                network_id = network.auto_network(service, server.project_id)
            port = network.create_port(
                service,
                network_id,
                project_id=server.project_id,
                device_id=server.id,
                device_owner=owner_of(server),
                port_id=owned_port_id(server.id, _card(place, attempt)),
                fixed_ips=[{"ip_address": wish.fixed_ip}] if wish.fixed_ip else None,
                security_groups=groups,
                host=host,
            )
        refuse_unbound(port, host)
        ports.append(port)
    return ports


def refuse_unbound(port: network.Port, host: str) -> None:
    """Raise Conflict where no agent of the host carries the port's network."""
    if port.binding_failed:
        raise errors.Conflict(
            f"Binding failed for port {port.id}, please check network logs.",
            detail=f"no network agent on host {host} carries network {port.network_id}",
        )


def disconnect(ctx: Context, server: Server) -> None:
    """Delete the ports that were made for a server, give back those that were lent.  May run twice."""
    lent = {wish.port_id for wish in server.network_wishes if wish.port_id is not None}
    known = {nic.port_id: nic.owned for nic in ctx.db.read(rows.of_server, server.id)}
    for port in network.list_ports(ctx.as_service(), [server.id]):
        let_go(ctx, port.id, owned=known.get(port.id, port.id not in lent))
    ctx.db.run(rows.replace, server.id, [])


def let_go(ctx: Context, port_id: str, *, owned: bool) -> None:
    """Delete a port that was made for a server, or give back one that was lent.  May run twice."""
    if owned:
        network.delete_port(ctx.as_service(), port_id)
    else:
        network.release_port(ctx.as_service(), port_id)


def take_back(ctx: Context, server_id: str, port_id: str, *, owned: bool) -> None:
    """The same for a port that may have been given to the server or not.  May run twice."""
    try:
        port = network.get_port(ctx.as_service(), port_id)
    except errors.NotFound:
        return
    if port.device_id == server_id:
        let_go(ctx, port_id, owned=owned)


# --- what servers show ------------------------------------------------------------------------------


def describe(
    ctx: Context,
    ports: Collection[network.Port],
    known: dict[str, Nic],
    *,
    brand_new: Collection[str] = (),
) -> list[Nic]:
    """Turn ports into rows, with the names and addresses around them; asks network four times at most.

    `known` are the rows as they were, by port: they tell the order, the tags and who owns the port.  No
    floating IP can lead to a port that is `brand_new`.
    """
    if not ports:
        return []
    service = ctx.as_service()
    networks = {each.id: each for each in network.list_networks(service, {p.network_id for p in ports})}
    subnet_ids = {ip.subnet_id for port in ports for ip in port.fixed_ips}
    subnets = {each.id: each for each in network.list_subnets(service, subnet_ids)}
    group_ids = {group for port in ports for group in port.security_groups}
    groups = {each.id: each.name for each in network.list_security_groups(service, group_ids)}
    floating: dict[tuple[str, str], list[str]] = {}
    for each in network.list_floating_ips(service, [port.id for port in ports if port.id not in brand_new]):
        if each.port_id and each.fixed_ip_address:
            key = (each.port_id, each.fixed_ip_address)
            floating.setdefault(key, []).append(each.floating_ip_address)
    described: list[Nic] = []
    for port in ports:
        before = known.get(port.id)
        net = networks.get(port.network_id)
        described.append(
            Nic(
                server_id=port.device_id,
                port_id=port.id,
                position=before.position if before else len(known) + len(described),
                network_id=port.network_id,
                network_name=net.name if net else port.network_id,
                mac_address=port.mac_address,
                tap_device=port.tap_device or (before.tap_device if before else ""),
                mtu=port.mtu or (net.mtu if net else None),
                tag=before.tag if before else None,
                owned=before.owned if before else False,
                status=port.status,
                addresses=[
                    Address(
                        address=ip.ip_address,
                        version=ip.version,
                        subnet_id=ip.subnet_id,
                        floating=tuple(floating.get((port.id, ip.ip_address), ())),
                    )
                    for ip in port.fixed_ips
                ],
                subnets=[_copy(subnets[ip.subnet_id]) for ip in port.fixed_ips if ip.subnet_id in subnets],
                security_groups=[groups[group] for group in port.security_groups if group in groups],
            )
        )
    return described


def _copy(subnet: network.Subnet) -> SubnetCopy:
    return SubnetCopy(
        id=subnet.id,
        cidr=subnet.cidr,
        version=subnet.ip_version,
        gateway=subnet.gateway_ip,
        dhcp=subnet.enable_dhcp,
        dns=subnet.dns_nameservers,
        routes=tuple((route["destination"], route["nexthop"]) for route in subnet.host_routes),
        ipv6_address_mode=subnet.ipv6_address_mode,
    )


def record_new(ctx: Context, server: Server, ports: Sequence[network.Port]) -> list[Nic]:
    """Write down the cards of a new server, in the order of its wishes."""
    made = zip(ports, server.network_wishes, strict=True)
    brand_new = {port.id for port, wish in made if wish.port_id is None}
    described = describe(ctx, ports, {}, brand_new=brand_new)
    nics = [
        msgspec.structs.replace(nic, position=place, tag=wish.tag, owned=wish.port_id is None)
        for place, (nic, wish) in enumerate(zip(described, server.network_wishes, strict=True))
    ]
    ctx.db.run(rows.replace, server.id, nics)
    return nics


def refresh(ctx: Context, server_ids: Collection[str]) -> list[str]:
    """Bring the rows of these servers up to date, with a handful of questions for all of them.

    Returns the ports of rows that network does not know any more; those rows stay as they are.
    """
    while True:
        before = _of_servers(ctx, server_ids)
        described = ask_again(ctx, before)
        if ctx.db.run(
            rows.put_unless_changed, before, [nic for nic in described if nic != before[nic.port_id]]
        ):
            return list(before.keys() - {nic.port_id for nic in described})


def ask_again(ctx: Context, known: dict[str, Nic]) -> list[Nic]:
    """Return what network says now about cards, by port, that servers have; nothing of ports that they lost."""
    owners = {nic.server_id for nic in known.values()}
    ports = [
        port
        for port in network.list_ports(ctx.as_service(), owners)
        if port.id in known and port.device_id == known[port.id].server_id
    ]
    return describe(ctx, ports, known)


def _of_servers(ctx: Context, server_ids: Collection[str]) -> dict[str, Nic]:
    found = ctx.db.read(rows.of_servers, server_ids)
    return {nic.port_id: nic for nics in found.values() for nic in nics}
