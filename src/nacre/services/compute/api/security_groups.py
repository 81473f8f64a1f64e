"""/os-security-groups and /os-security-group-rules, up to 2.35: passed on to the network service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CIDR, CREATE, UPDATE, Enum, Int, Nullable, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute.app import security_groups
from nacre.services.compute.app.security_groups import ANY_CIDR, Group

UNTIL = "2.35"
TEXT = Str(0, 255)


class Prefix:
    """A network's addresses, with whatever bits behind the prefix; an empty text stands for none."""

    def __call__(self, value: Any) -> str | None:
        if value == "":
            return None
        CIDR(value)
        return str(value)

    def schema(self) -> dict[str, Any]:
        return CIDR.schema()


class NewGroup(Resource):
    key, keys = "security_group", "security_groups"

    name = field(CREATE, UPDATE, check=TEXT, required=True)
    description = field(CREATE, UPDATE, check=Nullable(TEXT), required=True)


class NewRule(Resource):
    key, keys = "security_group_rule", "security_group_rules"

    parent_id = field(CREATE, check=Str(1, 255), required=True, wire="parent_group_id")
    protocol = field(
        CREATE, check=Nullable(Enum("tcp", "udp", "icmp", fold=True)), default=None, wire="ip_protocol"
    )
    from_port = field(CREATE, check=Nullable(Int(-1)), default=None)
    to_port = field(CREATE, check=Nullable(Int(-1)), default=None)
    cidr = field(CREATE, check=Nullable(Prefix()), default=None)
    group_id = field(CREATE, check=Nullable(Str(1, 255)), default=None)


routes = Routes("/v2.1/os-security-groups", resource=NewGroup)
rule_routes = Routes("/v2.1/os-security-group-rules", resource=NewRule)


def shown(group: Group, remotes: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    """Show a group as the API of old did, which knew only what comes in."""
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group["description"],
        "tenant_id": group["project_id"],
        "rules": [
            shown_rule(rule, remotes)
            for rule in group["security_group_rules"]
            if rule["direction"] == "ingress"
        ],
    }


def shown_rule(rule: dict[str, Any], remotes: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    """Show a rule with its ports as numbers, where the network service has none for "any"."""
    first, last = rule["port_range_min"], rule["port_range_max"]
    if first is None and last is None and rule["protocol"] in ("tcp", "udp"):
        first, last = security_groups.PORTS
    remote_id = rule["remote_group_id"]
    prefix = rule["remote_ip_prefix"] or ANY_CIDR.get(rule["ethertype"], ANY_CIDR["IPv4"])
    return {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": rule["protocol"],
        "from_port": -1 if first is None else first,
        "to_port": -1 if last is None else last,
        "group": dict(remotes.get(remote_id, {})) if remote_id else {},
        "ip_range": {} if remote_id else {"cidr": prefix},
    }


def _answer(req: Request, group: Group) -> dict[str, Any]:
    return {"security_group": shown(group, security_groups.remotes(req.ctx, [group]))}


@routes.get(policy=rules.SECURITY_GROUPS_INDEX, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    found = security_groups.index(req.ctx, everybodys=req.ctx.is_admin and req.flag("all_tenants"))
    begin = req.arg("offset", Int(0), 0)
    limit = min(req.arg("limit", Int(0), req.ctx.config.max_list), req.ctx.config.max_list)
    remotes = security_groups.remotes(req.ctx, found)
    by_name = sorted(found, key=lambda group: (group["project_id"], group["name"]))
    return {"security_groups": [shown(group, remotes) for group in by_name[begin : begin + limit]]}


@routes.post(policy=rules.SECURITY_GROUPS_CREATE, until=UNTIL)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return _answer(req, security_groups.create(req.ctx, body["name"], body["description"] or ""))


@routes.get("/{group_id}", policy=rules.SECURITY_GROUPS_SHOW, until=UNTIL)
def show(req: Request, group_id: str) -> dict[str, Any]:
    return _answer(req, security_groups.get(req.ctx, group_id))


@routes.put("/{group_id}", policy=rules.SECURITY_GROUPS_UPDATE, body=CREATE, until=UNTIL)
def update(req: Request, group_id: str, body: dict[str, Any]) -> dict[str, Any]:
    group = security_groups.get(req.ctx, group_id)
    return _answer(req, security_groups.update(req.ctx, group, body["name"], body["description"] or ""))


@routes.delete("/{group_id}", policy=rules.SECURITY_GROUPS_DELETE, until=UNTIL)
def delete(req: Request, group_id: str) -> Response:
    security_groups.delete(req.ctx, security_groups.get(req.ctx, group_id))
    return Response(202)


@rule_routes.post(policy=rules.SECURITY_GROUP_RULES_CREATE, until=UNTIL)
def create_rule(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    if body["cidr"] and body["group_id"]:
        raise BadRequest("A rule names a cidr or a group_id, not both.")
    parent = security_groups.get(req.ctx, body["parent_id"])
    rule = security_groups.create_rule(
        req.ctx,
        parent,
        protocol=body["protocol"],
        from_port=body["from_port"],
        to_port=body["to_port"],
        cidr=body["cidr"],
        remote_group_id=body["group_id"],
    )
    related = {**parent, "security_group_rules": [rule]}
    return {"security_group_rule": shown_rule(rule, security_groups.remotes(req.ctx, [related]))}


@rule_routes.delete("/{rule_id}", policy=rules.SECURITY_GROUP_RULES_DELETE, until=UNTIL)
def delete_rule(req: Request, rule_id: str) -> Response:
    security_groups.delete_rule(req.ctx, rule_id)
    return Response(202)
