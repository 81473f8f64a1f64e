"""Which user or group has which role on which project or domain, or on the whole system.

An *inherited* assignment does not count on its target but on all projects below it.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from nacre.kernel.db import Transaction
from nacre.services.identity.db import groups, projects, roles
from nacre.services.identity.db.tables import Actor, Target, assignments

#: The id of the target of all roles on the system.
SYSTEM_ID = "system"
#: How many ids go into one statement.
BATCH = 500


class Assignment(msgspec.Struct, frozen=True):
    """A role, held by an actor on a target."""

    actor: Actor
    actor_id: str
    target: Target
    target_id: str
    role_id: str
    inherited: bool = False


def insert(tx: Transaction, assignment: Assignment) -> None:
    """Add an assignment, unless it is there."""
    tx.insert_if_absent(assignments, assignment)


def exists(tx: Transaction, assignment: Assignment) -> bool:
    """Tell whether there is just this assignment."""
    return tx.exists(select(assignments.c.role_id).where(_is(assignment)))


def delete(tx: Transaction, assignment: Assignment) -> bool:
    """Remove an assignment; tell whether it was there."""
    return bool(tx.delete(assignments, _is(assignment)))


def _is(assignment: Assignment) -> ColumnElement[bool]:
    return and_(
        assignments.c.actor_id == assignment.actor_id,
        assignments.c.target_id == assignment.target_id,
        assignments.c.role_id == assignment.role_id,
        assignments.c.inherited == assignment.inherited,
        assignments.c.target == assignment.target,
    )


def delete_of_actor(tx: Transaction, actor_id: str) -> None:
    """Remove everything that a user or group holds."""
    tx.delete(assignments, assignments.c.actor_id == actor_id)


def delete_on_target(tx: Transaction, target_id: str) -> None:
    """Remove everything that is held on a project or domain."""
    tx.delete(assignments, assignments.c.target_id == target_id)


def delete_of_role(tx: Transaction, role_id: str) -> None:
    """Remove all assignments of a role."""
    tx.delete(assignments, assignments.c.role_id == role_id)


def index(
    tx: Transaction,
    *,
    actor_ids: Iterable[str] | None = None,
    target: Target | None = None,
    target_ids: Iterable[str] | None = None,
    role_id: str | None = None,
    inherited: bool | None = None,
) -> list[Assignment]:
    """Return the assignments that fit everything that is given."""
    query = select(assignments)
    if actor_ids is not None:
        query = query.where(assignments.c.actor_id.in_(list(actor_ids)))
    if target is not None:
        query = query.where(assignments.c.target == target)
    if role_id is not None:
        query = query.where(assignments.c.role_id == role_id)
    if inherited is not None:
        query = query.where(assignments.c.inherited == inherited)
    query = query.order_by(*assignments.primary_key)
    if target_ids is None:
        return tx.all(query, Assignment)
    wanted, found = list(target_ids), []
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        found += tx.all(query.where(assignments.c.target_id.in_(chunk)), Assignment)
    return found


_HELD = select(assignments.c.role_id).where(
    assignments.c.actor_id.in_(bindparam("actors", expanding=True)),
    or_(
        and_(
            assignments.c.target == bindparam("target"),
            assignments.c.target_id == bindparam("target_id"),
            assignments.c.inherited.is_(False),
        ),
        and_(
            assignments.c.inherited.is_(True),
            assignments.c.target_id.in_(bindparam("above", expanding=True)),
        ),
    ),
)


def effective_roles(tx: Transaction, user_id: str, target: Target, target_id: str) -> dict[str, roles.Role]:
    """Return the roles that a user has on a target: own, by groups, inherited and implied, by id.

    A domain's own roles are not among them, only what those imply.
    """
    held = tx.scalars(
        _HELD,
        {
            "actors": [user_id, *groups.ids_of_user(tx, user_id)],
            "target": target,
            "target_id": target_id,
            "above": projects.ancestor_ids(tx, target_id) if target is Target.PROJECT else [],
        },
    )
    if not held:
        return {}
    return global_roles(tx, roles.closure(roles.all_implications(tx), held))


def global_roles(tx: Transaction, role_ids: Iterable[str]) -> dict[str, roles.Role]:
    """Return the roles among these that may stand in a token, by id."""
    found = roles.find_all(tx, role_ids)
    return {id: role for id, role in found.items() if role.domain_id == roles.GLOBAL}


def targets_of_user(tx: Transaction, user_id: str, target: Target) -> set[str]:
    """Return the ids of the projects or domains on which a user has any role."""
    actors = [user_id, *groups.ids_of_user(tx, user_id)]
    held = tx.all(select(assignments).where(assignments.c.actor_id.in_(actors)), Assignment)
    found = {a.target_id for a in held if a.target is target and not a.inherited}
    if target is Target.PROJECT:
        for above in {a.target_id for a in held if a.inherited}:
            found |= {project.id for project in projects.subtree(tx, above)}
    return found
