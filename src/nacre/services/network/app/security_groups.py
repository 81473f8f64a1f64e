"""Security groups and their rules.

Every project has a group called "default", made when anything first needs it: its members may talk to each
other and to the world.  Any other new group lets out everything and in nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import group_rules, limits
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach, viewer
from nacre.services.network.db import ports, presences, security_groups, standard
from nacre.services.network.db.security_groups import DEFAULT, Rule, SecurityGroup
from nacre.services.network.errors import (
    SecurityGroupCannotRemoveDefault,
    SecurityGroupCannotUpdateDefault,
    SecurityGroupDefaultAlreadyExists,
    SecurityGroupInUse,
    SecurityGroupNotFound,
)

ETHERTYPES = ("IPv4", "IPv6")


def get(ctx: Context, group_id: str) -> SecurityGroup:
    """Return a group that the caller may see."""
    return ctx.db.read(security_groups.get, group_id, reach(ctx), viewer(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[SecurityGroup]:
    """Return groups that the caller may see; its own project has its default group from now on."""
    ensure_default(ctx, ctx.project_id)
    for project_id in wanted.get("project_id", ()):
        if reach(ctx) is None:  # compute asks for a server's project, administrators for anybody's
            ensure_default(ctx, project_id)
    return ctx.db.read(security_groups.index, reach(ctx), viewer(ctx), wanted, page)


def ensure_default(ctx: Context, project_id: str | None) -> None:
    """See to it that a project has its default group."""
    if project_id and ctx.db.read(security_groups.find_default, project_id) is None:
        ctx.db.run(default_of, project_id)


def default_of(tx: Transaction, project_id: str) -> str:
    """Return the id of a project's default group, made now if need be."""
    found = security_groups.find_default(tx, project_id)
    if found is not None:
        return found
    row = {
        **standard.new_row(tx, project_id, "Default security group"), "name": DEFAULT, "stateful": True,
    }  # fmt: skip
    if not security_groups.claim_default(tx, project_id, row["id"]):
        return str(security_groups.find_default(tx, project_id))
    security_groups.insert(tx, row)
    rules = [_rule(tx, row, "egress", ethertype) for ethertype in ETHERTYPES]
    rules += [_rule(tx, row, "ingress", ethertype, remote_group_id=row["id"]) for ethertype in ETHERTYPES]
    security_groups.insert_rules(tx, rules)
    return str(row["id"])


def _rule(
    tx: Transaction,
    group: Mapping[str, Any],
    direction: str,
    ethertype: str,
    *,
    remote_group_id: str | None = None,
) -> dict[str, Any]:
    return {
        **standard.new_row(tx, group["project_id"]), "security_group_id": group["id"],
        "direction": direction, "ethertype": ethertype, "protocol": None,
        "port_range_min": None, "port_range_max": None, "remote_ip_prefix": None,
        "remote_group_id": remote_group_id, "remote_address_group_id": None,
    }  # fmt: skip


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[SecurityGroup]:
    """Make groups, all or none."""
    if any(body["name"].lower() == DEFAULT for body in bodies):
        ensure_default(ctx, ctx.project_id)
        raise SecurityGroupDefaultAlreadyExists()
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[SecurityGroup]:
    made = []
    for body in bodies:
        default_of(tx, body["project_id"])
        limits.enforce(tx, news.ctx, body["project_id"], {"security_group": 1, "security_group_rule": 2})
        row = {
            **standard.new_row(tx, body["project_id"], body["description"]),
            "name": body["name"],
            "stateful": body["stateful"],
        }
        security_groups.insert(tx, row)
        security_groups.insert_rules(tx, [_rule(tx, row, "egress", ethertype) for ethertype in ETHERTYPES])
        standard.set_tags(tx, row["id"], body.get("tags", ()))
        made.append(security_groups.get(tx, row["id"], None, viewer(news.ctx)))
    return made


def update(
    ctx: Context, group: SecurityGroup, changes: dict[str, Any], *, expected: int | None = None
) -> SecurityGroup:
    """Change a group's name, description or statefulness."""
    return write(ctx, _update, group.id, changes, expected)


def _update(
    tx: Transaction, news: News, group_id: str, changes: dict[str, Any], expected: int | None
) -> SecurityGroup:
    if not security_groups.lock(tx, group_id, expected):
        raise SecurityGroupNotFound(group_id)
    present = security_groups.get(tx, group_id)
    new_name = changes.get("name", present.name)
    if new_name != present.name:
        if present.name == DEFAULT:
            raise SecurityGroupCannotUpdateDefault()
        if new_name.lower() == DEFAULT:
            raise SecurityGroupDefaultAlreadyExists()
    if changes.get("stateful", present.stateful) != present.stateful and ports.is_group_used(tx, group_id):
        raise SecurityGroupInUse(group_id)
    security_groups.update(tx, group_id, changes)
    if "stateful" in changes:
        news.group(group_id)
    return security_groups.get(tx, group_id, None, viewer(news.ctx))


def delete(ctx: Context, group: SecurityGroup, *, expected: int | None = None) -> None:
    """Delete a group that no port is in; rules of other groups that name it go with it."""
    write(ctx, _delete, group.id, expected)


def _delete(tx: Transaction, news: News, group_id: str, expected: int | None) -> None:
    if not security_groups.lock(tx, group_id, expected):
        raise SecurityGroupNotFound(group_id)
    group = security_groups.get(tx, group_id)
    if group.name == DEFAULT and not news.ctx.is_admin:
        raise SecurityGroupCannotRemoveDefault()
    if ports.is_group_used(tx, group_id):
        raise SecurityGroupInUse(group_id)
    news.stakeholders_of_group(group_id)
    for other in security_groups.naming_group(tx, group_id):
        security_groups.update(tx, other, {})
        news.group(other)
    security_groups.delete(tx, group_id)
    presences.forget(tx, group_id)


# --- rules ------------------------------------------------------------------------------------------------


def get_rule(ctx: Context, rule_id: str) -> Rule:
    """Return a rule that the caller may see."""
    return ctx.db.read(security_groups.get_rule, rule_id, reach(ctx))


def index_rules(ctx: Context, wanted: standard.Wanted, page: Page) -> list[Rule]:
    """Return rules that the caller may see."""
    ensure_default(ctx, ctx.project_id)
    return ctx.db.read(security_groups.index_rules, reach(ctx), wanted, page)


def create_rules(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[Rule]:
    """Add rules to groups, all or none."""
    return write(ctx, _create_rules, [group_rules.checked(body) for body in bodies])


def _create_rules(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[Rule]:
    made = []
    for body in bodies:
        group_id = body["security_group_id"]
        # Visible first: what the caller may not see does not exist for it.
        security_groups.get(tx, group_id, reach(news.ctx))
        if not security_groups.lock(tx, group_id):
            raise SecurityGroupNotFound(group_id)
        remote = body["remote_group_id"]
        if remote is not None and not security_groups.known_ids(tx, [remote], reach(news.ctx)):
            raise SecurityGroupNotFound(remote)
        group_rules.refuse_unknown_addresses(tx, body, reach(news.ctx))
        limits.enforce(tx, news.ctx, body["project_id"], {"security_group_rule": 1})
        group_rules.refuse_duplicate(tx, body)
        row = {**standard.new_row(tx, body["project_id"], body["description"]), **group_rules.columns(body)}
        security_groups.insert_rules(tx, [row])
        security_groups.update(tx, group_id, {})
        news.group(group_id)
        made.append(security_groups.get_rule(tx, row["id"]))
    return made


def delete_rule(ctx: Context, rule: Rule) -> None:
    """Remove a rule from its group."""
    write(ctx, _delete_rule, rule)


def _delete_rule(tx: Transaction, news: News, rule: Rule) -> None:
    security_groups.lock(tx, rule.security_group_id)
    security_groups.delete_rule(tx, rule.id)
    security_groups.update(tx, rule.security_group_id, {})
    news.group(rule.security_group_id)
