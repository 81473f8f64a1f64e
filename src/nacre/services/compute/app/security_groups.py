"""Security groups as compute's API showed them before the network service had them: passed on, with other words.

That API knew only what comes in, wrote "any port" as -1, and ranges as a pair of ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.errors import BadRequest
from nacre.kernel.ids import is_uuid_like
from nacre.services.network import client as network

Group = dict[str, Any]
"""A security group with its rules, as the network service shows it."""

ANY_CIDR = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
PORTS, ICMP_TYPES = (1, 65535), (-1, 255)


class GroupNotFound(errors.NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Security group {group_id} not found.")


def get(ctx: Context, group_id: str) -> Group:
    """Return a group that the caller may see; raises BadRequest for what is no id, and GroupNotFound."""
    _refuse_strange(group_id, "Security group")
    found = network.security_groups_with_rules(ctx, [group_id])
    if not found:
        raise GroupNotFound(group_id)
    return found[0]


def index(ctx: Context, *, everybodys: bool = False) -> list[Group]:
    """Return the project's groups, or those of all projects."""
    return network.visible_security_groups(ctx, None if everybodys else ctx.project_id or "")


def remotes(ctx: Context, groups: Sequence[Group]) -> dict[str, dict[str, str]]:
    """Return name and project of every group that these groups' rules name, and of themselves, by id."""
    known = {group["id"]: _who(group["name"], group["project_id"]) for group in groups}
    named = {rule["remote_group_id"] for group in groups for rule in group["security_group_rules"]}
    missing = named - known.keys() - {None}
    for each in network.list_security_groups(ctx, missing) if missing else ():
        known[each.id] = _who(each.name, each.project_id)
    return known


def _who(name: str, project_id: str) -> dict[str, str]:
    return {"name": name, "tenant_id": project_id}


def create(ctx: Context, name: str, description: str) -> Group:
    """Make a group; raises OverQuota."""
    try:
        return network.create_security_group(ctx, name, description)
    except errors.Conflict as error:
        raise errors.OverQuota(error.message) from error


def update(ctx: Context, group: Group, name: str, description: str) -> Group:
    """Give a group another name or description."""
    return network.update_security_group(ctx, group["id"], {"name": name, "description": description})


def delete(ctx: Context, group: Group) -> None:
    """Remove a group; raises BadRequest where it is in use, or is the default one."""
    try:
        network.delete_security_group(ctx, group["id"])
    except errors.Conflict as error:
        raise BadRequest(error.message) from error


# --- rules ------------------------------------------------------------------------------------------


def create_rule(
    ctx: Context,
    group: Group,
    *,
    protocol: str | None,
    from_port: int | None,
    to_port: int | None,
    cidr: str | None,
    remote_group_id: str | None,
) -> dict[str, Any]:
    """Let something in; return the rule.  Raises BadRequest for what makes no sense, or is there already."""
    rule: dict[str, Any] = {"security_group_id": group["id"], "direction": "ingress"}
    if remote_group_id is not None:
        rule |= {"remote_group_id": get(ctx, remote_group_id)["id"], "ethertype": "IPv4"}
    else:
        cidr = cidr or ANY_CIDR["IPv4"]
        rule |= {"remote_ip_prefix": cidr, "ethertype": "IPv6" if ":" in cidr else "IPv4"}
    if protocol is not None:
        rule |= {"protocol": protocol, **_range(protocol, from_port, to_port)}
    elif remote_group_id is None:
        raise BadRequest("Not enough parameters to build a valid rule.")
    try:
        return network.create_security_group_rule(ctx, rule)
    except errors.Conflict as error:
        raise BadRequest(error.message) from error


def _range(protocol: str, first: int | None, last: int | None) -> dict[str, int]:
    """Return the ports of a rule, or type and code of ICMP, as the network service has them."""
    if first is None or last is None:
        raise BadRequest("Not enough parameters to build a valid rule.")
    least, most = ICMP_TYPES if protocol == "icmp" else PORTS
    if not least <= first <= most or not least <= last <= most:
        raise BadRequest(f"Invalid port range {first}:{last}. Valid {protocol} ports are {least} to {most}.")
    if protocol != "icmp" and first > last:
        raise BadRequest(f"Invalid port range {first}:{last}. Former value cannot be greater than the later")
    if first == -1:
        return {}
    return {"port_range_min": first} | ({} if last == -1 else {"port_range_max": last})


def delete_rule(ctx: Context, rule_id: str) -> None:
    """Remove a rule; raises BadRequest for what is no id, and NotFound."""
    _refuse_strange(rule_id, "Rule")
    network.delete_security_group_rule(ctx, rule_id)


def _refuse_strange(id: str, what: str) -> None:
    if not is_uuid_like(id):
        raise BadRequest(f"{what} id {id[:40]!r} should be uuid")
