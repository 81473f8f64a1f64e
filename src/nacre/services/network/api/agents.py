"""Agents and what runs where: /v2.0/agents, …/dhcp-agents, …/l3-agents, and availability zones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import BOOL, FILTER, SHOW, SORT, TEXT, UPDATE, Object, Resource, Str, field
from nacre.services.network import policy
from nacre.services.network.api import verbs
from nacre.services.network.api.networks import Network
from nacre.services.network.api.routers import Router
from nacre.services.network.app import agents
from nacre.services.network.app.agents import SeenAgent

NETWORK = Object({"network_id": Str(1, 36)}, required=("network_id",))
ROUTER = Object({"router_id": Str(1, 36)}, required=("router_id",))


def _moment(moment: datetime) -> str:
    # compat: without a zone and with a blank, unlike every other time (Networking API, "Agents").
    return moment.strftime("%Y-%m-%d %H:%M:%S")


class Agent(Resource):
    """A part that a host's agent plays."""

    key, keys = "agent", "agents"

    id = field(SHOW, FILTER, SORT)
    agent_type = field(SHOW, FILTER, SORT)
    binary = field(SHOW, FILTER)
    host = field(SHOW, FILTER, SORT)
    topic = field(SHOW, FILTER)
    admin_state_up = field(UPDATE, SHOW, FILTER, SORT, check=BOOL)
    description = field(UPDATE, SHOW, FILTER, check=TEXT)
    alive = field(SHOW, FILTER, check=BOOL)
    availability_zone = field(SHOW, FILTER)
    created_at = field(SHOW, render=_moment)
    started_at = field(SHOW, render=_moment)
    heartbeat_timestamp = field(SHOW, render=_moment)
    configurations = field(SHOW)
    resources_synced = field(SHOW)


routes = Routes("/v2.0/agents", resource=Agent)
placements = Routes("/v2.0")


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> Any:
    if not verbs.may_list(req, policy.GET_AGENT):
        return {"agents": []}
    return verbs.listed(req, Agent, agents.index)


@routes.get("/{id}", policy=policy.GET_AGENT, load=agents.get)
def show(req: Request, agent: SeenAgent) -> Any:
    return verbs.one(req, Agent, agent)


@routes.put("/{id}", policy=policy.UPDATE_AGENT, load=agents.get)
def update(req: Request, agent: SeenAgent, body: Any) -> Any:
    return {"agent": req.show(Agent, agents.update(req.ctx, agent, body))}


@routes.delete("/{id}", policy=policy.DELETE_AGENT, load=agents.get)
def delete(req: Request, agent: SeenAgent) -> None:
    agents.delete(req.ctx, agent)


# --- DHCP -------------------------------------------------------------------------------------------------


@routes.get("/{id}/dhcp-networks", policy=policy.GET_DHCP_NETWORKS, load=agents.get)
def index_networks(req: Request, agent: SeenAgent) -> Any:
    return {"networks": [req.show(Network, network) for network in agents.networks_of(req.ctx, agent)]}


@routes.post(
    "/{id}/dhcp-networks", policy=policy.CREATE_DHCP_NETWORK, load=agents.get, body=NETWORK, status=201
)
def add_network(req: Request, agent: SeenAgent, body: Any) -> Any:
    agents.add_network(req.ctx, agent, body["network_id"])
    return Response(201, b"null", content_type="application/json")


@routes.delete("/{id}/dhcp-networks/{network_id}", policy=policy.DELETE_DHCP_NETWORK, load=agents.get)
def remove_network(req: Request, agent: SeenAgent, network_id: str) -> None:
    agents.remove_network(req.ctx, agent, network_id)


@placements.get("/networks/{network_id}/dhcp-agents", policy=policy.GET_DHCP_AGENTS)
def index_dhcp_agents(req: Request, network_id: str) -> Any:
    return {"agents": [req.show(Agent, agent) for agent in agents.agents_of_network(req.ctx, network_id)]}


# --- routers ----------------------------------------------------------------------------------------------


@routes.get("/{id}/l3-routers", policy=policy.GET_L3_ROUTERS, load=agents.get)
def index_routers(req: Request, agent: SeenAgent) -> Any:
    return {"routers": [req.show(Router, router) for router in agents.routers_of(req.ctx, agent)]}


@routes.post("/{id}/l3-routers", policy=policy.CREATE_L3_ROUTER, load=agents.get, body=ROUTER, status=201)
def add_router(req: Request, agent: SeenAgent, body: Any) -> Any:
    agents.add_router(req.ctx, agent, body["router_id"])
    return Response(201, b"null", content_type="application/json")


@routes.delete("/{id}/l3-routers/{router_id}", policy=policy.DELETE_L3_ROUTER, load=agents.get)
def remove_router(req: Request, agent: SeenAgent, router_id: str) -> None:
    agents.remove_router(req.ctx, agent, router_id)


@placements.get("/routers/{router_id}/l3-agents", policy=policy.GET_L3_AGENTS)
def index_l3_agents(req: Request, router_id: str) -> Any:
    return {"agents": [req.show(Agent, agent) for agent in agents.agents_of_router(req.ctx, router_id)]}


# --- zones ------------------------------------------------------------------------------------------------


@placements.get("/availability_zones", policy=policy.GET_ZONE)
def index_zones(req: Request) -> Any:
    zone = req.ctx.config.availability_zone
    found = [
        {"name": zone, "resource": resource, "state": "available"}
        for resource in agents.served_resources(req.ctx)
    ]
    wanted = req.query
    return {
        "availability_zones": [
            each
            for each in found
            if all(each[key] in wanted[key] for key in ("name", "resource", "state") if key in wanted)
        ]
    }
