"""Security groups and their rules: /v2.0/security-groups, /v2.0/security-group-rules."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import (
    BOOL,
    CREATE,
    FILTER,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    CheckFailed,
    Enum,
    Int,
    Nullable,
    Str,
    field,
)
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import Cidr, Standard, Tagged
from nacre.services.network.app import security_groups
from nacre.services.network.db.security_groups import Rule as RuleRow
from nacre.services.network.db.security_groups import SecurityGroup as GroupRow


class Protocol:
    """A protocol's name in lower case, or its number as text; "any" and nothing mean any."""

    def __call__(self, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 40:
            raise CheckFailed(f"{value!r} is not a protocol", value=value)
        word = str(value).strip().lower()
        return None if word in ("", "any") else word

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer", "null"]}


def normalized(prefix: str | None) -> str | None:
    """Return a range without its host bits."""
    return None if prefix is None else str(ip_network(prefix, strict=False))


class SecurityGroupRule(Standard):
    """What passes."""

    key, keys = "security_group_rule", "security_group_rules"

    security_group_id = field(CREATE, SHOW, FILTER, SORT, check=Str(1, 36), required=True)
    direction = field(CREATE, SHOW, FILTER, SORT, check=Enum("ingress", "egress", fold=True), required=True)
    ethertype = field(CREATE, SHOW, FILTER, SORT, check=Enum("IPv4", "IPv6", fold=True), default="IPv4")
    protocol = field(CREATE, SHOW, FILTER, SORT, check=Protocol(), default=None)
    port_range_min = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Int(None)), default=None)
    port_range_max = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Int(None)), default=None)
    remote_ip_prefix = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Cidr()), default=None)
    normalized_cidr = field(SHOW, source="remote_ip_prefix", render=normalized)
    remote_group_id = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Str(1, 36)), default=None)
    remote_address_group_id = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Str(1, 36)), default=None)
    belongs_to_default_sg = field(SHOW, FILTER, check=BOOL)


class SecurityGroup(Tagged):
    """A set of rules."""

    key, keys = "security_group", "security_groups"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    stateful = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=True)
    shared = field(SHOW, FILTER, check=BOOL)
    security_group_rules = field(
        SHOW, source=lambda req, group: [req.show(SecurityGroupRule, rule) for rule in group.rules]
    )


routes = Routes("/v2.0/security-groups", resource=SecurityGroup)
rule_routes = Routes("/v2.0/security-group-rules", resource=SecurityGroupRule)


@routes.get(policy=policy.GET_GROUP)
def index(req: Request) -> Any:
    return verbs.listed(req, SecurityGroup, security_groups.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, SecurityGroup, "create_security_group", body, security_groups.create)


@routes.get("/{id}", policy=policy.GET_GROUP, load=security_groups.get, target=rights.loaded_itself)
def show(req: Request, group: GroupRow) -> Any:
    return verbs.one(req, SecurityGroup, group)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=security_groups.get)
def update(req: Request, group: GroupRow, body: Any) -> Any:
    return verbs.updated(req, SecurityGroup, "update_security_group", group, body, security_groups.update)


@routes.delete("/{id}", policy=policy.DELETE_GROUP, load=security_groups.get, target=rights.loaded_itself)
def delete(req: Request, group: GroupRow) -> None:
    security_groups.delete(req.ctx, group, expected=verbs.expected(req))


# --- rules ------------------------------------------------------------------------------------------------


@rule_routes.get(policy=policy.GET_GROUP_RULE)
def index_rules(req: Request) -> Any:
    return verbs.listed(req, SecurityGroupRule, security_groups.index_rules)


@rule_routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create_rule(req: Request, body: Any) -> Any:
    return verbs.created(
        req, SecurityGroupRule, "create_security_group_rule", body, security_groups.create_rules
    )


@rule_routes.get(
    "/{id}", policy=policy.GET_GROUP_RULE, load=security_groups.get_rule, target=rights.loaded_itself
)
def show_rule(req: Request, rule: RuleRow) -> Any:
    return verbs.one(req, SecurityGroupRule, rule)


@rule_routes.delete(
    "/{id}", policy=policy.DELETE_GROUP_RULE, load=security_groups.get_rule, target=rights.loaded_itself
)
def delete_rule(req: Request, rule: RuleRow) -> None:
    security_groups.delete_rule(req.ctx, rule)
