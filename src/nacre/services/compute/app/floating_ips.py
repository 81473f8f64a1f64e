"""Floating IPs as compute's API had them before the network service did: passed on, by address and by server."""

from __future__ import annotations

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.errors import BadRequest, Conflict, NotFound
from nacre.services.compute.app import nics
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db.servers import Server
from nacre.services.network import client as network
from nacre.services.network.client import FloatingIp


class Shown(msgspec.Struct, frozen=True):
    """A floating IP with the name of its network, and the server that it leads to."""

    floating_ip: FloatingIp
    pool: str | None
    server_id: str | None


def pools(ctx: Context) -> list[str]:
    """Return the names of the networks that floating IPs are taken from."""
    return [each.name or each.id for each in network.visible_networks(ctx, external=True)]


def index(ctx: Context) -> list[Shown]:
    """Return the project's floating IPs."""
    return _shown(ctx, network.project_floating_ips(ctx, ctx.project_id or ""))


def get(ctx: Context, floating_ip_id: str) -> Shown:
    """Return a floating IP; raises NotFound."""
    try:
        return _shown(ctx, [network.get_floating_ip(ctx, floating_ip_id)])[0]
    except NotFound:
        raise NotFound(f"Floating IP not found for ID {floating_ip_id}") from None


def create(ctx: Context, pool: str | None) -> Shown:
    """Take a free address of a pool, named by name or id; raises NotFound and OverQuota."""
    known = network.visible_networks(ctx, external=True)
    matching = [each for each in known if pool is None or pool in (each.id, each.name)]
    if not matching:
        raise NotFound("Floating IP pool not found.")
    try:
        made = network.create_floating_ip(ctx, matching[0].id)
    except Conflict as error:
        raise errors.OverQuota(error.message) from error
    return _shown(ctx, [made])[0]


def delete(ctx: Context, found: Shown) -> None:
    """Give a floating IP back."""
    network.delete_floating_ip(ctx, found.floating_ip.id)
    _refresh(ctx, found.server_id)


def associate(ctx: Context, server: Server, address: str, fixed: str | None) -> None:
    """Have a floating IP lead to a server, to the fixed address that is named or its first one."""
    cards = ctx.db.read(nic_rows.of_server, server.id)
    places = [(card.port_id, each.address) for card in cards for each in card.addresses if each.version == 4]
    if not places:
        raise BadRequest("No fixed IPs associated to instance")
    chosen = next((place for place in places if fixed in (None, place[1])), None)
    if chosen is None:
        raise BadRequest("Specified fixed address not assigned to instance")
    found = _by_address(ctx, address)
    if any(
        address in each.floating for card in cards for each in card.addresses if each.address == chosen[1]
    ):
        return
    try:
        network.lead_floating_ip(ctx, found.floating_ip.id, *chosen)
    except (Conflict, BadRequest) as error:
        raise BadRequest(
            f"Unable to associate floating IP {address} to fixed IP {chosen[1]} for instance {server.id}. "
            f"Error: {error.message}"
        ) from error
    _refresh(ctx, server.id)
    _refresh(ctx, found.server_id)


def dissociate(ctx: Context, server: Server, address: str) -> None:
    """Have a floating IP lead to this server no longer; raises Conflict where it leads elsewhere."""
    found = _by_address(ctx, address)
    if found.server_id != server.id:
        raise Conflict(f"Floating IP {address} is not associated with instance {server.id}.")
    network.lead_floating_ip(ctx, found.floating_ip.id, None, None)
    _refresh(ctx, server.id)


def _by_address(ctx: Context, address: str) -> Shown:
    found = network.project_floating_ips(ctx, ctx.project_id or "", address=address)
    if not found:
        raise NotFound(f"floating IP not found: {address}")
    return _shown(ctx, found)[0]


def _refresh(ctx: Context, server_id: str | None) -> None:
    if server_id is not None:
        nics.refresh(ctx, [server_id])


def _shown(ctx: Context, found: list[FloatingIp]) -> list[Shown]:
    """Add to floating IPs what the API of old shows beside them; two questions for all."""
    names = {each.id: each.name or each.id for each in network.visible_networks(ctx, external=True)}
    cards = ctx.db.read(nic_rows.by_ports, {each.port_id for each in found if each.port_id})
    return [
        Shown(
            each,
            names.get(each.floating_network_id),
            cards[each.port_id].server_id if each.port_id in cards else None,
        )
        for each in found
    ]
