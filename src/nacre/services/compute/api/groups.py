"""/os-server-groups: sets of servers that are to be together, or apart."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.pagination import page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, SHOW, Each, Enum, Int, Object, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.api.checks import TrimmedName
from nacre.services.compute.app import groups
from nacre.services.compute.app.groups import Membership
from nacre.services.compute.db.groups import Group as Row

NUMBERS_ONLY = {"limit", "offset", "all_projects"}


def _one_of(*policies: str) -> Each:
    return Each(Enum(*policies), minimum=1, maximum=1)


class Group(Resource):
    key, keys = "server_group", "server_groups"

    id = field(SHOW, source="group.id")
    name = field(CREATE, SHOW, check=TrimmedName(), required=True, source="group.name")
    hard_policies = field(
        CREATE, check=_one_of(*groups.HARD_POLICIES), required=True, wire="policies", until="2.14"
    )
    policies = field(CREATE, check=_one_of(*groups.POLICIES), required=True, since="2.15", until="2.63")
    old_policies = field(
        SHOW, wire="policies", until="2.63", source="group.policy", render=lambda policy: [policy]
    )
    policy = field(
        CREATE, SHOW, check=Enum(*groups.POLICIES), required=True, since="2.64", source="group.policy"
    )
    rules = field(
        CREATE, SHOW, check=Object({"max_server_per_host": Int(1)}), since="2.64", source="group.rules"
    )
    members = field(SHOW)
    metadata = field(SHOW, until="2.63", source=lambda req, group: {})
    project_id = field(SHOW, since="2.13", source="group.project_id")
    user_id = field(SHOW, since="2.13", source="group.user_id")


routes = Routes("/v2.1/os-server-groups", resource=Group)


@routes.get(policy=rules.SERVER_GROUPS_INDEX)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, NUMBERS_ONLY)
    everybody = "all_projects" in req.query and req.ctx.can(rules.SERVER_GROUPS_ALL)
    asked = page(req, Group, maximum=req.ctx.config.max_list)
    found = groups.members(req.ctx, groups.index(req.ctx, asked, all_projects=everybody))
    return {"server_groups": [req.show(Group, each) for each in found]}


@routes.post(policy=rules.SERVER_GROUPS_CREATE)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    policies = body.get("hard_policies") or body.get("policies") or [body.get("policy")]
    group = groups.create(req.ctx, body["name"], policies[0], body.get("rules"))
    return {"server_group": req.show(Group, Membership(group, []))}


@routes.get("/{group_id}", policy=rules.SERVER_GROUPS_SHOW, load=groups.get)
def show(req: Request, group: Row) -> dict[str, Any]:
    (found,) = groups.members(req.ctx, [group])
    return {"server_group": req.show(Group, found)}


@routes.delete("/{group_id}", policy=rules.SERVER_GROUPS_DELETE, load=groups.get)
def delete(req: Request, group: Row) -> None:
    groups.delete(req.ctx, group)
