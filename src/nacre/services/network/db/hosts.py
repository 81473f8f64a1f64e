"""Hosts that run a network agent, what they last reported, and the agents that clients see in them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from nacre.kernel.db import Page, Transaction, among
from nacre.kernel.ids import new_id
from nacre.services.network.db import changes, standard
from nacre.services.network.db.tables import agents, dhcp_servers, hosts, routers
from nacre.services.network.errors import AgentNotFound

SWITCH_AGENT, DHCP_AGENT, L3_AGENT = "Linux bridge agent", "DHCP agent", "L3 agent"


class Host(msgspec.Struct, frozen=True):
    """A host as its agent last reported."""

    host: str
    driver: str
    protocol: int
    capabilities: tuple[str, ...]
    physical_networks: tuple[str, ...]
    missing: list[dict[str, str]]
    errors: tuple[str, ...]
    tunnel_ip: str | None
    revision: int
    interval_seconds: int
    reported_ports: int
    reported_networks: int
    reported_routers: int
    started_at: datetime
    heard_at: datetime
    created_at: datetime

    def carries(self, kind: str, physical_network: str | None) -> bool:
        """Tell whether networks of a kind, on a wire where the kind needs one, reach this host."""
        if kind == "local":
            return True
        if kind == "vxlan":
            return "vxlan" in self.capabilities
        if kind == "vlan" and "vlan" not in self.capabilities:
            return False
        return physical_network in self.physical_networks


class Agent(msgspec.Struct, frozen=True):
    """One part that a host's agent plays, as clients see it."""

    id: str
    host: str
    agent_type: str
    admin_state_up: bool
    description: str


_BY_NAME = select(hosts).where(hosts.c.host == bindparam("host"))


def record(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Note a host's report; tells whether the host is new."""
    host = values["host"]
    changed = {name: value for name, value in values.items() if name not in ("host", "created_at")}
    if tx.update(hosts, host, changed):
        return False
    return tx.insert_if_absent(hosts, values)


_NAMED = select(hosts).where(among(hosts.c.host, "names"))
_ALIVE = hosts.update().where(among(hosts.c.host, "names")).values(heard_at=bindparam("at"))


def record_again(tx: Transaction, heard: Iterable[tuple[Host, Mapping[str, Any]]]) -> None:
    """Note reports of known hosts; of those that said nothing new only that they live (to the second)."""
    changed: dict[str, Mapping[str, Any]] = {}
    alive: dict[datetime, list[str]] = {}
    for host, told in heard:
        if all(value == getattr(host, name) for name, value in told.items() if name != "heard_at"):
            alive.setdefault(told["heard_at"].replace(microsecond=0), []).append(host.host)
        else:
            changed[host.host] = {name: value for name, value in told.items() if name != "host"}
    tx.update_all(hosts, changed)
    for at, names in alive.items():
        tx.execute(_ALIVE, {"names": names, "at": at})


def find(tx: Transaction, host: str) -> Host | None:
    """Return a host, or None if it never reported."""
    return tx.find(_BY_NAME, Host, {"host": host})


def find_many(tx: Transaction, names: Iterable[str]) -> dict[str, Host]:
    """Return hosts by name."""
    found: dict[str, Host] = {}
    for some in standard.chunks(names):
        for host in tx.all(_NAMED, Host, {"names": some}):
            found[host.host] = host
    return found


def heard_since(tx: Transaction, moment: datetime) -> list[Host]:
    """Return the hosts that were heard of since a moment."""
    return tx.all(select(hosts).where(hosts.c.heard_at >= moment).order_by(hosts.c.host), Host)


def silent_since(tx: Transaction, moment: datetime) -> list[str]:
    """Return the names of hosts that were not heard of since a moment."""
    return tx.scalars(select(hosts.c.host).where(hosts.c.heard_at < moment))


_TUNNEL_IPS = select(hosts.c.host, hosts.c.tunnel_ip).where(
    among(hosts.c.host, "names"), hosts.c.tunnel_ip.is_not(None)
)


def tunnel_ips(tx: Transaction, names: Iterable[str]) -> dict[str, str]:
    """Return the tunnel addresses of these hosts, of those that have one."""
    found: dict[str, str] = {}
    for some in standard.chunks(names):
        found.update((host, address) for host, address in standard.rows(tx, _TUNNEL_IPS, {"names": some}))
    return found


# --- agents -----------------------------------------------------------------------------------------------


def ensure_agents(tx: Transaction, host: str, agent_types: Iterable[str]) -> None:
    """Let clients see these parts of a host."""
    known = set(tx.scalars(select(agents.c.agent_type).where(agents.c.host == host)))
    for agent_type in agent_types:
        if agent_type not in known:
            tx.insert_if_absent(agents, Agent(new_id(), host, agent_type, True, ""))


def get_agent(tx: Transaction, agent_id: str) -> Agent:
    """Return an agent."""
    return tx.one(select(agents).where(agents.c.id == agent_id), Agent, otherwise=AgentNotFound(agent_id))


def index_agents(tx: Transaction, wanted: standard.Wanted, asked: Page) -> list[Agent]:
    """Return one page of the agents."""
    return standard.listing(tx, select(agents), Agent, agents, wanted, asked)


def agents_on(tx: Transaction, agent_type: str, names: Iterable[str]) -> list[Agent]:
    """Return the agents of a type on these hosts."""
    found: list[Agent] = []
    for some in standard.chunks(names):
        found += tx.all(
            select(agents).where(agents.c.agent_type == agent_type, agents.c.host.in_(some)), Agent
        )
    return found


def disabled_hosts(tx: Transaction, agent_type: str) -> set[str]:
    """Return the hosts on which nothing new of a type may be placed."""
    query = select(agents.c.host).where(agents.c.agent_type == agent_type, ~agents.c.admin_state_up)
    return set(tx.scalars(query))


def update_agent(tx: Transaction, agent_id: str, values: Mapping[str, Any]) -> None:
    """Change an agent."""
    tx.update(agents, agent_id, values)


def delete_agent(tx: Transaction, agent: Agent) -> None:
    """Forget an agent, and with the last one its host and what that was told."""
    tx.delete(agents, agent.id)
    if not tx.exists(select(agents.c.id).where(agents.c.host == agent.host)):
        tx.delete(hosts, agent.host)
        changes.forget_host(tx, agent.host)


# --- load -------------------------------------------------------------------------------------------------


def dhcp_load(tx: Transaction) -> dict[str, int]:
    """Return for how many networks each host runs DHCP."""
    query = select(dhcp_servers.c.host, func.count()).group_by(dhcp_servers.c.host)
    return dict(standard.rows(tx, query))


def router_load(tx: Transaction) -> dict[str, int]:
    """Return how many routers run on each host."""
    query = select(routers.c.host, func.count()).where(routers.c.host != "").group_by(routers.c.host)
    return dict(standard.rows(tx, query))
