"""Who has which role where: as it was given, or as it works out.

As given, a list shows the rows of the table.  *Effective*, it shows what they amount to: groups
are replaced by their members, inherited roles by the projects that inherit them, and each role is
joined by those that it implies; roles of a domain, which never stand in a token, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from nacre.kernel import errors
from nacre.services.identity.db import groups, projects, role_assignments, roles, users
from nacre.services.identity.db.groups import Group
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.role_assignments import SYSTEM_ID, Assignment
from nacre.services.identity.db.roles import Role
from nacre.services.identity.db.tables import Actor, Target
from nacre.services.identity.db.users import User

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is filtered by."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    effective: bool = False
    subtree: bool = False


class Entry(msgspec.Struct, frozen=True):
    """One line of a list: what holds, and the row from which it follows."""

    role_id: str
    actor: Actor
    actor_id: str
    target: Target
    target_id: str
    source: Assignment


class Names(msgspec.Struct, frozen=True):
    """The things that a list mentions, by their ids."""

    users: dict[str, User]
    groups: dict[str, Group]
    roles: dict[str, Role]
    projects: dict[str, Project]


def index(ctx: Context, wanted: Wanted) -> list[Entry]:
    """Return the assignments that fit; who has a token for a domain sees only those within it."""
    _refuse_nonsense(wanted)
    found = ctx.db.read(_effective if wanted.effective else _as_given, wanted)
    return found if ctx.domain_id is None else ctx.db.read(_within, found, ctx.domain_id)


def _refuse_nonsense(wanted: Wanted) -> None:
    if wanted.user_id and wanted.group_id:
        raise errors.BadRequest("Specify a user or group, not both")
    if sum((bool(wanted.project_id), bool(wanted.domain_id), wanted.system)) > 1:
        raise errors.BadRequest("Specify system, a domain or a project, not more than one of them")
    if wanted.effective and wanted.group_id:
        raise errors.BadRequest("Combining effective and group filter will always result in an empty list.")
    if wanted.effective and wanted.inherited and wanted.domain_id:
        raise errors.BadRequest(
            "Combining effective, domain and inherited filters will always result in an empty list."
        )
    if wanted.subtree and not wanted.project_id:
        raise errors.BadRequest("scope.project.id must be specified if include_subtree is also specified")


def _target(wanted: Wanted) -> tuple[Target | None, str | None]:
    if wanted.project_id:
        return Target.PROJECT, wanted.project_id
    if wanted.domain_id:
        return Target.DOMAIN, wanted.domain_id
    return (Target.SYSTEM, SYSTEM_ID) if wanted.system else (None, None)


def _as_given(tx: Transaction, wanted: Wanted) -> list[Entry]:
    target, target_id = _target(wanted)
    target_ids = [target_id] if target_id else None
    if wanted.subtree and target_id:
        target_ids = [target_id, *(project.id for project in projects.subtree(tx, target_id))]
    actor_id = wanted.user_id or wanted.group_id
    rows = role_assignments.index(
        tx,
        actor_ids=[actor_id] if actor_id else None,
        target=target,
        target_ids=target_ids,
        role_id=wanted.role_id,
        inherited=wanted.inherited,
    )
    return [_entry(row) for row in rows]


def _entry(row: Assignment) -> Entry:
    return Entry(row.role_id, row.actor, row.actor_id, row.target, row.target_id, row)


# -- as it works out ----------------------------------------------------------------------------------


def _effective(tx: Transaction, wanted: Wanted) -> list[Entry]:
    found = _placed(tx, wanted)
    found = _by_user(tx, found, wanted.user_id)
    found = _implied(tx, found)
    kept: dict[tuple[str, ...], Entry] = {}
    for entry in found:
        if wanted.role_id in (None, entry.role_id):
            kept.setdefault((entry.role_id, entry.actor_id, entry.target, entry.target_id), entry)
    return list(kept.values())


def _placed(tx: Transaction, wanted: Wanted) -> list[Entry]:
    """Return the rows that count, each at every target where it counts."""
    actor_ids = None
    if wanted.user_id:
        actor_ids = [wanted.user_id, *groups.ids_of_user(tx, wanted.user_id)]
    target, target_id = _target(wanted)
    if target is Target.PROJECT and target_id:
        return _on_projects(tx, target_id, actor_ids, wanted)
    rows = role_assignments.index(
        tx,
        actor_ids=actor_ids,
        target=target,
        target_ids=[target_id] if target_id else None,
        inherited=False if target else wanted.inherited,
    )
    found = []
    below: dict[str, list[str]] = {}
    for row in rows:
        if not row.inherited:
            found.append(_entry(row))
            continue
        if row.target_id not in below:
            below[row.target_id] = [project.id for project in projects.subtree(tx, row.target_id)]
        found += [_inherited(row, id) for id in below[row.target_id]]
    return found


def _on_projects(
    tx: Transaction, project_id: str, actor_ids: list[str] | None, wanted: Wanted
) -> list[Entry]:
    """Return what counts on a project, and where the subtree is wanted, on those below it."""
    above = projects.ancestor_ids(tx, project_id)
    parents = {project_id: above[0] if above else None}
    if wanted.subtree:
        parents |= {project.id: project.parent_id for project in projects.subtree(tx, project_id)}
    rows = role_assignments.index(tx, actor_ids=actor_ids, target_ids=[*parents, *above])
    inherited_at: dict[str, list[Assignment]] = {}
    found = []
    for row in rows:
        if row.inherited:
            inherited_at.setdefault(row.target_id, []).append(row)
        elif row.target is Target.PROJECT and row.target_id in parents and wanted.inherited is not True:
            found.append(_entry(row))
    for id in parents if wanted.inherited is not False else ():
        up = parents[id]
        while up is not None:
            found += [_inherited(row, id) for row in inherited_at.get(up, ())]
            up = parents.get(up) or (_next(above, up) if up in above else None)
    return found


def _next(chain: list[str], id: str) -> str | None:
    at = chain.index(id) + 1
    return chain[at] if at < len(chain) else None


def _inherited(row: Assignment, project_id: str) -> Entry:
    return Entry(row.role_id, row.actor, row.actor_id, Target.PROJECT, project_id, row)


def _by_user(tx: Transaction, found: Iterable[Entry], only: str | None) -> list[Entry]:
    """Replace groups by their members."""
    found = list(found)
    members = groups.member_ids(tx, {each.actor_id for each in found if each.actor is Actor.GROUP})
    resolved = []
    for entry in found:
        if entry.actor is Actor.USER:
            resolved.append(entry)
            continue
        for user_id in members.get(entry.actor_id, ()):
            if only in (None, user_id):
                resolved.append(msgspec.structs.replace(entry, actor=Actor.USER, actor_id=user_id))
    return resolved


def _implied(tx: Transaction, found: list[Entry]) -> list[Entry]:
    """Add the roles that are implied, leave out those of domains."""
    known = roles.all_implications(tx)
    closures = {id: roles.closure(known, [id]) for id in {entry.role_id for entry in found}}
    visible = role_assignments.global_roles(tx, {id for closure in closures.values() for id in closure})
    return [
        msgspec.structs.replace(entry, role_id=id)
        for entry in found
        for id in (entry.role_id, *sorted(closures[entry.role_id] - {entry.role_id}))
        if id in visible
    ]


def _within(tx: Transaction, found: list[Entry], domain_id: str) -> list[Entry]:
    """Keep what is on a domain or on the projects in it."""
    ids = {entry.target_id for entry in found if entry.target is not Target.SYSTEM}
    inside = {id for id, project in projects.find_all(tx, ids).items() if project.own_domain_id == domain_id}
    return [entry for entry in found if entry.target_id in inside]


def names(ctx: Context, found: list[Entry]) -> Names:
    """Return everything that a list mentions, with the domains, by one query for each kind."""

    def find(tx: Transaction) -> Names:
        people = users.find_all(tx, [e.actor_id for e in found if e.actor is Actor.USER])
        crowds = groups.find_all(tx, [e.actor_id for e in found if e.actor is Actor.GROUP])
        held = roles.find_all(tx, [e.role_id for e in found])
        places = projects.find_all(tx, [e.target_id for e in found if e.target is not Target.SYSTEM])
        domain_ids = {thing.domain_id for kind in (people, crowds, held) for thing in kind.values()}
        domain_ids |= {place.own_domain_id for place in places.values()}
        return Names(people, crowds, held, places | projects.find_all(tx, domain_ids - {""}))

    return ctx.db.read(find)
