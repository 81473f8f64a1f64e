"""Security groups, their rules, and each project's default group."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db import Page, Transaction, among
from nacre.services.network.db import rbac, standard
from nacre.services.network.db.tables import default_security_groups, security_group_rules, security_groups
from nacre.services.network.errors import SecurityGroupNotFound, SecurityGroupRuleNotFound

OBJECT = "security_group"
DEFAULT = "default"


class Rule(msgspec.Struct, frozen=True):
    """What one rule lets pass."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    security_group_id: str
    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    remote_group_id: str | None
    remote_address_group_id: str | None
    belongs_to_default_sg: bool = False

    @property
    def meaning(self) -> tuple[Any, ...]:
        """What makes two rules the same rule."""
        return (
            self.direction, self.ethertype, self.protocol, self.port_range_min, self.port_range_max,
            self.remote_ip_prefix, self.remote_group_id, self.remote_address_group_id,
        )  # fmt: skip


class SecurityGroup(msgspec.Struct, frozen=True):
    """A set of rules, and implicitly of the ports that are in it."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    stateful: bool
    rules: tuple[Rule, ...] = ()
    shared: bool = False
    tags: tuple[str, ...] = ()


@lru_cache(maxsize=standard.VIEWERS_KEPT)
def visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    """Return the condition that a project may see a group: its own, or shared with it."""
    return standard.owned_or(
        security_groups, project_id, rbac.granted(security_groups, OBJECT, project_id, rbac.SHARED)
    )


def get(
    tx: Transaction, group_id: str, project_id: str | None = None, viewer: str | None = None
) -> SecurityGroup:
    """Return a group that a project may see (None: any), with its rules."""
    query = select(security_groups).where(security_groups.c.id == group_id)
    visible = visible_to(project_id)
    row = tx.one(
        query if visible is None else query.where(visible),
        SecurityGroup,
        otherwise=SecurityGroupNotFound(group_id),
    )
    return complete(tx, [row], viewer)[0]


def index(
    tx: Transaction, project_id: str | None, viewer: str | None, wanted: standard.Wanted, asked: Page
) -> list[SecurityGroup]:
    """Return one page of the groups that a project may see."""
    granted = rbac.granted(security_groups, OBJECT, viewer, rbac.SHARED)
    special = {"shared": lambda values: granted if True in values else ~granted}
    rows = standard.listing(
        tx, select(security_groups), SecurityGroup, security_groups, wanted, asked,
        special=special, visible=visible_to(project_id),
    )  # fmt: skip
    return complete(tx, rows, viewer)


def find_many(tx: Transaction, ids: Iterable[str], project_id: str | None = None) -> list[SecurityGroup]:
    """Return those of these groups that a project may see, with their rules."""
    rows: list[SecurityGroup] = []
    visible = visible_to(project_id)
    for some in standard.chunks(ids):
        query = select(security_groups).where(security_groups.c.id.in_(some))
        rows += tx.all(query if visible is None else query.where(visible), SecurityGroup)
    return complete(tx, rows, None)


def known_ids(tx: Transaction, ids: Iterable[str], project_id: str | None) -> set[str]:
    """Return which of these groups exist for a project (None: at all)."""
    found: set[str] = set()
    visible = visible_to(project_id)
    for some in standard.chunks(ids):
        query = select(security_groups.c.id).where(security_groups.c.id.in_(some))
        found.update(tx.scalars(query if visible is None else query.where(visible)))
    return found


_RULES = (
    select(security_group_rules)
    .where(among(security_group_rules.c.security_group_id))
    .order_by(security_group_rules.c.created_at, security_group_rules.c.id)
)


def complete(tx: Transaction, rows: list[SecurityGroup], viewer: str | None) -> list[SecurityGroup]:
    """Add rules, sharing and tags to groups, in three queries for all."""
    ids = [row.id for row in rows]
    rules: dict[str, list[Rule]] = {}
    for some in standard.chunks(ids):
        for rule in tx.all(_RULES, Rule, {"ids": some}):
            rules.setdefault(rule.security_group_id, []).append(rule)
    tags, shared = standard.tags_of(tx, ids), rbac.shared_ids(tx, OBJECT, ids, viewer)
    return [
        msgspec.structs.replace(
            row, rules=tuple(rules.get(row.id, ())), tags=tags.get(row.id, ()), shared=row.id in shared
        )
        for row in rows
    ]


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a group."""
    tx.insert(security_groups, values)


def update(tx: Transaction, group_id: str, values: Mapping[str, Any]) -> None:
    """Change a group."""
    standard.revise(tx, security_groups, group_id, values)


def lock(tx: Transaction, group_id: str, expected: int | None = None) -> bool:
    """Let nobody else change a group's rules until the transaction ends."""
    return standard.lock(tx, security_groups, group_id, expected)


def delete(tx: Transaction, group_id: str) -> None:
    """Remove a group, its rules, and the rules of others that name it as remote."""
    tx.delete(security_group_rules, security_group_rules.c.security_group_id == group_id)
    tx.delete(security_group_rules, security_group_rules.c.remote_group_id == group_id)
    tx.delete(default_security_groups, default_security_groups.c.group_id == group_id)
    rbac.forget(tx, OBJECT, group_id)
    standard.set_tags(tx, group_id, ())
    tx.delete(security_groups, group_id)


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's groups."""
    return tx.count(security_groups, security_groups.c.project_id == project_id)


# --- the default group ------------------------------------------------------------------------------------


def find_default(tx: Transaction, project_id: str) -> str | None:
    """Return the id of a project's default group, if it was made already."""
    return tx.scalar(
        select(default_security_groups.c.group_id).where(default_security_groups.c.project_id == project_id)
    )


def claim_default(tx: Transaction, project_id: str, group_id: str) -> bool:
    """Make this group the project's default one; False when it has one."""
    return tx.insert_if_absent(default_security_groups, {"project_id": project_id, "group_id": group_id})


def default_ids(tx: Transaction, group_ids: Iterable[str]) -> set[str]:
    """Return which of these groups are some project's default group."""
    found: set[str] = set()
    for some in standard.chunks(group_ids):
        query = select(default_security_groups.c.group_id)
        found.update(tx.scalars(query.where(default_security_groups.c.group_id.in_(some))))
    return found


# --- rules ------------------------------------------------------------------------------------------------


def _rule_visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    in_own_group = security_group_rules.c.security_group_id.in_(
        select(security_groups.c.id).where(security_groups.c.project_id == project_id)
    )
    return standard.owned_or(security_group_rules, project_id, in_own_group)


def get_rule(tx: Transaction, rule_id: str, project_id: str | None = None) -> Rule:
    """Return a rule that a project may see (None: any)."""
    query = select(security_group_rules).where(security_group_rules.c.id == rule_id)
    visible = _rule_visible_to(project_id)
    row = tx.one(
        query if visible is None else query.where(visible), Rule, otherwise=SecurityGroupRuleNotFound(rule_id)
    )
    return _mark_defaults(tx, [row])[0]


def index_rules(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[Rule]:
    """Return one page of the rules that a project may see."""
    defaults = security_group_rules.c.security_group_id.in_(select(default_security_groups.c.group_id))
    special = {"belongs_to_default_sg": lambda values: defaults if True in values else ~defaults}
    rows = standard.listing(
        tx, select(security_group_rules), Rule, security_group_rules, wanted, asked,
        special=special, visible=_rule_visible_to(project_id),
    )  # fmt: skip
    return _mark_defaults(tx, rows)


def _mark_defaults(tx: Transaction, rows: list[Rule]) -> list[Rule]:
    defaults = default_ids(tx, {row.security_group_id for row in rows})
    return [
        msgspec.structs.replace(row, belongs_to_default_sg=True) if row.security_group_id in defaults else row
        for row in rows
    ]


def rules_of(tx: Transaction, group_id: str) -> list[Rule]:
    """Return a group's rules."""
    query = select(security_group_rules).where(security_group_rules.c.security_group_id == group_id)
    return tx.all(query, Rule)


def insert_rules(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rules."""
    tx.insert_all(security_group_rules, rows)


def delete_rule(tx: Transaction, rule_id: str) -> None:
    """Remove a rule."""
    tx.delete(security_group_rules, rule_id)


_REMOTE = (
    select(security_group_rules.c.remote_group_id)
    .where(
        among(security_group_rules.c.security_group_id), security_group_rules.c.remote_group_id.is_not(None)
    )
    .distinct()
)


def remote_group_ids(tx: Transaction, group_ids: Iterable[str]) -> set[str]:
    """Return the groups that the rules of these groups name as remote."""
    found: set[str] = set()
    for some in standard.chunks(group_ids):
        found.update(tx.scalars(_REMOTE, {"ids": some}))
    return found


def naming_address_group(tx: Transaction, address_group_id: str) -> list[str]:
    """Return the groups with rules that name an address group."""
    query = select(security_group_rules.c.security_group_id).where(
        security_group_rules.c.remote_address_group_id == address_group_id
    )
    return tx.scalars(query.distinct())


def naming_group(tx: Transaction, group_id: str) -> list[str]:
    """Return the other groups with rules that name this one as remote."""
    query = select(security_group_rules.c.security_group_id).where(
        security_group_rules.c.remote_group_id == group_id,
        security_group_rules.c.security_group_id != group_id,
    )
    return tx.scalars(query.distinct())


def count_rules(tx: Transaction, project_id: str) -> int:
    """Count a project's rules."""
    return tx.count(security_group_rules, security_group_rules.c.project_id == project_id)
