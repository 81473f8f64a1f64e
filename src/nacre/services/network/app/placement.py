"""On which host something runs: an able and living one, and of those the least loaded."""

from collections.abc import Iterable
from datetime import timedelta

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import binding
from nacre.services.network.db import hosts
from nacre.services.network.db.hosts import DHCP_AGENT, L3_AGENT, Host
from nacre.services.network.db.networks import Network

CAPABILITY = {DHCP_AGENT: "dhcp", L3_AGENT: "routers"}
LOAD = {DHCP_AGENT: hosts.dhcp_load, L3_AGENT: hosts.router_load}
LONGEST_SILENCE = timedelta(hours=1)


def choose(
    tx: Transaction, ctx: Context, agent_type: str, network: Network | None, number: int, *,
    carrying: Iterable[Network] = (),
) -> list[str]:  # fmt: skip
    """Return the best hosts for something of a type, at most `number`, that carry all these networks."""
    needed = [*carrying, *([network] if network else [])]
    load = LOAD[agent_type](tx)
    closed = hosts.disabled_hosts(tx, agent_type)
    able = [
        host.host
        for host in hosts.heard_since(tx, ctx.clock.now() - LONGEST_SILENCE)
        if host.host not in closed and can_host(ctx, host, agent_type, needed)
    ]
    return sorted(able, key=lambda name: (load.get(name, 0), name))[:number]


def can_host(ctx: Context, host: Host, agent_type: str, networks: Iterable[Network]) -> bool:
    """Tell whether a host is alive and able to run something of a type for these networks."""
    return (
        CAPABILITY[agent_type] in host.capabilities
        and binding.is_alive(ctx, host)
        and all(host.carries(network.kind, network.physical_network) for network in networks)
    )
