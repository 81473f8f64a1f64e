"""Agents as clients see them: for each part that a host's one program plays, one agent.

An agent that is switched off (`admin_state_up`) keeps what it has and is given nothing new.  What runs where can
be arranged by hand: networks are given to DHCP agents, routers to L3 agents.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import binding, dhcp, placement, router_placement
from nacre.services.network.app.news import News, write
from nacre.services.network.db import dhcp as dhcp_rows
from nacre.services.network.db import hosts, networks, routers, standard
from nacre.services.network.db.hosts import DHCP_AGENT, L3_AGENT, SWITCH_AGENT, Agent, Host
from nacre.services.network.db.networks import Network
from nacre.services.network.db.routers import Router
from nacre.services.network.errors import (
    InvalidAgent,
    NetworkHostedByDHCPAgent,
    NetworkNotHostedByDhcpAgent,
    RouterNotHostedByL3Agent,
)

BINARY = "nacre-network-agent"
COMPUTED = ("alive", "binary", "topic", "availability_zone")
TOPICS = {DHCP_AGENT: "dhcp_agent", L3_AGENT: "l3_agent", SWITCH_AGENT: "N/A"}


class SeenAgent(msgspec.Struct, frozen=True):
    """An agent with what its host last reported."""

    id: str
    host: str
    agent_type: str
    admin_state_up: bool
    description: str
    alive: bool
    topic: str
    availability_zone: str | None
    created_at: datetime
    started_at: datetime
    heartbeat_timestamp: datetime
    configurations: dict[str, Any]
    binary: str = BINARY
    resources_synced: bool | None = None


def _seen(ctx: Context, agent: Agent, host: Host) -> SeenAgent:
    load: dict[str, Any] = {"driver": host.driver, "capabilities": list(host.capabilities)}
    if agent.agent_type == SWITCH_AGENT:
        load |= {
            "tunneling_ip": host.tunnel_ip,
            "physical_networks": list(host.physical_networks),
            "ports": host.reported_ports,
            "missing": host.missing,
            "errors": list(host.errors),
        }
    elif agent.agent_type == DHCP_AGENT:
        load["networks"] = host.reported_networks
    else:
        load["routers"] = host.reported_routers
    return SeenAgent(
        id=agent.id, host=agent.host, agent_type=agent.agent_type, admin_state_up=agent.admin_state_up,
        description=agent.description, alive=binding.is_alive(ctx, host), topic=TOPICS[agent.agent_type],
        availability_zone=None if agent.agent_type == SWITCH_AGENT else ctx.config.availability_zone,
        created_at=host.created_at, started_at=host.started_at, heartbeat_timestamp=host.heard_at,
        configurations=load,
    )  # fmt: skip


def get(ctx: Context, agent_id: str) -> SeenAgent:
    """Return an agent."""

    def read(tx: Transaction) -> tuple[Agent, Host]:
        agent = hosts.get_agent(tx, agent_id)
        return agent, hosts.find_many(tx, [agent.host])[agent.host]

    return _seen(ctx, *ctx.db.read(read))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[SeenAgent]:
    """Return agents; what is not stored but follows from the last report is filtered afterwards."""
    computed = {name: wanted[name] for name in COMPUTED if name in wanted}
    wanted = {name: values for name, values in wanted.items() if name not in COMPUTED}
    if "agent_type" in wanted:
        # compat: types are found in any case, as in a database that folds it ("DHCP Agent" finds "DHCP agent").
        folded = {name.lower(): name for name in TOPICS}
        wanted["agent_type"] = [folded.get(name.lower(), name) for name in wanted["agent_type"]]
    seen = _see_all(ctx, ctx.db.read(hosts.index_agents, wanted, page))
    return [
        agent for agent in seen if all(getattr(agent, name) in values for name, values in computed.items())
    ]


def _see_all(ctx: Context, found: Sequence[Agent]) -> list[SeenAgent]:
    known = ctx.db.read(hosts.find_many, {agent.host for agent in found})
    return [_seen(ctx, agent, known[agent.host]) for agent in found if agent.host in known]


def update(
    ctx: Context, agent: SeenAgent, changes: dict[str, Any], *, expected: int | None = None
) -> SeenAgent:
    """Switch an agent on or off, or describe it."""
    if changes:
        ctx.db.run(hosts.update_agent, agent.id, changes)
    return get(ctx, agent.id)


def delete(ctx: Context, agent: SeenAgent) -> None:
    """Forget an agent; if it lives, it comes back with its next report."""
    ctx.db.run(lambda tx: hosts.delete_agent(tx, hosts.get_agent(tx, agent.id)))


# --- DHCP -------------------------------------------------------------------------------------------------


def networks_of(ctx: Context, agent: SeenAgent) -> list[Network]:
    """Return the networks for which an agent runs DHCP."""
    if agent.agent_type != DHCP_AGENT:
        return []

    def read(tx: Transaction) -> list[Network]:
        ids = [server.network_id for server in dhcp_rows.on_host(tx, agent.host)]
        return networks.complete(tx, list(networks.find_many(tx, ids).values()), ctx.project_id)

    return ctx.db.read(read)


def agents_of_network(ctx: Context, network_id: str) -> list[SeenAgent]:
    """Return the agents that run DHCP for a network."""

    def read(tx: Transaction) -> list[Agent]:
        names = [server.host for server in dhcp_rows.of_network(tx, networks.get(tx, network_id).id)]
        return hosts.agents_on(tx, DHCP_AGENT, names)

    return _see_all(ctx, ctx.db.read(read))


def add_network(ctx: Context, agent: SeenAgent, network_id: str) -> None:
    """Let an agent run DHCP for a network."""
    _refuse_unable(ctx, agent, DHCP_AGENT)

    def run(tx: Transaction, news: News) -> None:
        network = networks.get(tx, network_id)
        if not dhcp.assign(tx, news, network, agent.host):
            raise NetworkHostedByDHCPAgent(network_id, agent.id)

    write(ctx, run)


def remove_network(ctx: Context, agent: SeenAgent, network_id: str) -> None:
    """Let an agent no longer run DHCP for a network."""

    def run(tx: Transaction, news: News) -> None:
        for server in dhcp_rows.of_network(tx, network_id):
            if server.host == agent.host and agent.agent_type == DHCP_AGENT:
                dhcp.withdraw(tx, news, server)
                return
        raise NetworkNotHostedByDhcpAgent(network_id, agent.id)

    write(ctx, run)


# --- routers ----------------------------------------------------------------------------------------------


def routers_of(ctx: Context, agent: SeenAgent) -> list[Router]:
    """Return the routers that an agent runs."""
    if agent.agent_type != L3_AGENT:
        return []
    return ctx.db.read(lambda tx: routers.find_many(tx, routers.on_host(tx, agent.host)))


def agents_of_router(ctx: Context, router_id: str) -> list[SeenAgent]:
    """Return the agent that runs a router, if any does."""

    def read(tx: Transaction) -> list[Agent]:
        router = routers.get(tx, router_id)
        return hosts.agents_on(tx, L3_AGENT, [router.host]) if router.host else []

    return _see_all(ctx, ctx.db.read(read))


def add_router(ctx: Context, agent: SeenAgent, router_id: str) -> None:
    """Let an agent run a router, wherever it ran before."""
    _refuse_unable(ctx, agent, L3_AGENT)
    write(ctx, lambda tx, news: router_placement.move(tx, news, routers.get(tx, router_id).id, agent.host))


def remove_router(ctx: Context, agent: SeenAgent, router_id: str) -> None:
    """Take a router from an agent; another takes it over if one can."""

    def run(tx: Transaction, news: News) -> None:
        router = routers.get(tx, router_id)
        if router.host != agent.host or agent.agent_type != L3_AGENT:
            raise RouterNotHostedByL3Agent(router_id, agent.id)
        router_placement.settle(tx, news, router_id, leave=agent.host)

    write(ctx, run)


def _refuse_unable(ctx: Context, agent: SeenAgent, agent_type: str) -> None:
    host = ctx.db.read(hosts.find, agent.host)
    able = host is not None and placement.can_host(ctx, host, agent_type, ())
    if agent.agent_type != agent_type or not agent.admin_state_up or not able:
        raise InvalidAgent(agent_type, agent.id)


def served_resources(ctx: Context) -> list[str]:
    """Return the resources ("network", "router") that some living agent can serve."""
    found = ctx.db.read(hosts.heard_since, ctx.clock.now() - placement.LONGEST_SILENCE)
    kinds = {"network": DHCP_AGENT, "router": L3_AGENT}
    return [
        resource
        for resource, agent_type in kinds.items()
        if any(placement.can_host(ctx, host, agent_type, ()) for host in found)
    ]
