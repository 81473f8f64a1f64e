"""Networks as compute's API of old showed them: those that a project's servers may be on."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.errors import NotFound
from nacre.services.network import client as network
from nacre.services.network.client import Network


def index(ctx: Context) -> list[Network]:
    """Return all networks that the caller may see."""
    return network.visible_networks(ctx)


def get(ctx: Context, network_id: str) -> Network:
    """Return a network that the caller may see; raises NotFound."""
    try:
        return network.get_network(ctx, network_id)
    except NotFound:
        raise NotFound("Network not found") from None
