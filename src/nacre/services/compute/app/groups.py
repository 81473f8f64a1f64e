"""Server groups: a policy by which the scheduler puts the members on one host, or on different ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.errors import BadRequest, OverQuota
from nacre.kernel.ids import new_id
from nacre.kernel.quota import QuotaExceeded
from nacre.services.compute import policy as rules
from nacre.services.compute.app import limits
from nacre.services.compute.app.scheduling.filters import AFFINITY, ANTI_AFFINITY
from nacre.services.compute.app.scheduling.weighers import SOFT_AFFINITY, SOFT_ANTI_AFFINITY
from nacre.services.compute.db import groups as rows
from nacre.services.compute.db.groups import Group
from nacre.services.compute.errors import ServerGroupNotFound

HARD_POLICIES = (ANTI_AFFINITY, AFFINITY)
POLICIES = (*HARD_POLICIES, SOFT_ANTI_AFFINITY, SOFT_AFFINITY)


class Membership(msgspec.Struct, frozen=True):
    """A group and the servers in it."""

    group: Group
    members: list[str]


def get(ctx: Context, group_id: str) -> Group:
    """Return a group that the caller may see; raises ServerGroupNotFound."""
    group = ctx.db.read(rows.find, group_id)
    if group is None or not (group.project_id == ctx.project_id or ctx.can(rules.SERVER_GROUPS_SHOW, group)):
        raise ServerGroupNotFound(group_id)
    return group


def index(ctx: Context, page: Page, *, all_projects: bool) -> list[Group]:
    """Return one page of groups: the project's, or everybody's."""
    return ctx.db.read(rows.index, None if all_projects else ctx.project_id or "", page)


def members(ctx: Context, groups: Sequence[Group]) -> list[Membership]:
    """Return groups with the servers in them, in the same order."""
    found = ctx.db.read(rows.members, [group.id for group in groups])
    return [Membership(group, found[group.id]) for group in groups]


def create(ctx: Context, name: str, policy: str, placing: dict[str, Any] | None = None) -> Group:
    """Make a group; `placing` holds the policy's own rules.  Raises BadRequest and OverQuota."""
    if placing and policy != ANTI_AFFINITY:
        raise BadRequest("Only anti-affinity policy supports rules.")
    group = Group(
        id=new_id(),
        project_id=ctx.project_id or "",
        user_id=ctx.user_id,
        name=name,
        policy=policy,
        rules=placing or {},
        created_at=ctx.clock.now(),
    )

    def write(tx: Transaction) -> None:
        limits.enforce(tx, ctx, group.project_id, {"server_groups": 1})
        rows.insert(tx, group)

    try:
        ctx.db.run(write)
    except QuotaExceeded:
        raise OverQuota("Quota exceeded, too many server groups.") from None
    return group


def delete(ctx: Context, group: Group) -> None:
    """Remove a group; its servers stay where they are."""
    if not ctx.db.run(rows.delete, group.id):
        raise ServerGroupNotFound(group.id)
