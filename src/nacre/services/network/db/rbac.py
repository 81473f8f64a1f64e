"""With whom things are shared: "this network may be used by that project".

An external network is one that may be used "as external" by somebody, usually everybody.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, select

from nacre.kernel.db import Page, Transaction, among
from nacre.kernel.ids import new_id
from nacre.services.network.db import standard
from nacre.services.network.db.tables import rbac_policies
from nacre.services.network.errors import RbacPolicyNotFound

EVERYBODY = "*"
SHARED = "access_as_shared"
EXTERNAL = "access_as_external"


class RbacPolicy(msgspec.Struct, frozen=True):
    """One permission."""

    id: str
    project_id: str
    object_type: str
    object_id: str
    target_project: str
    action: str


@lru_cache(maxsize=standard.VIEWERS_KEPT)
def granted(table: Table, object_type: str, project_id: str | None, *actions: str) -> ColumnElement[bool]:
    """Return the condition that a row of `table` may be used by a project in one of these ways."""
    targets = [EVERYBODY] if project_id is None else [EVERYBODY, project_id]
    return table.c.id.in_(
        select(rbac_policies.c.object_id).where(
            rbac_policies.c.object_type == object_type,
            rbac_policies.c.target_project.in_(targets),
            rbac_policies.c.action.in_(actions),
        )
    )


_SHARED = select(rbac_policies.c.object_id).where(
    rbac_policies.c.object_type == bindparam("object_type"),
    among(rbac_policies.c.object_id),
    among(rbac_policies.c.target_project, "targets"),
    rbac_policies.c.action == SHARED,
)


def shared_ids(tx: Transaction, object_type: str, ids: Iterable[str], project_id: str | None) -> set[str]:
    """Return which of these things are shared with a project."""
    targets = [EVERYBODY] if project_id is None else [EVERYBODY, project_id]
    found: set[str] = set()
    for some in standard.chunks(ids):
        given = {"object_type": object_type, "ids": some, "targets": targets}
        found.update(tx.scalars(_SHARED, given))
    return found


def targets(tx: Transaction, object_type: str, object_id: str, action: str) -> set[str]:
    """Return the projects that may use a thing in this way."""
    query = select(rbac_policies.c.target_project).where(
        rbac_policies.c.object_type == object_type,
        rbac_policies.c.object_id == object_id,
        rbac_policies.c.action == action,
    )
    return set(tx.scalars(query))


def grant(
    tx: Transaction, object_type: str, object_id: str, action: str, *, owner: str, target: str = EVERYBODY
) -> RbacPolicy | None:
    """Let a project use a thing; None when it may already."""
    policy = RbacPolicy(new_id(), owner, object_type, object_id, target, action)
    return policy if tx.insert_if_absent(rbac_policies, policy) else None


def revoke(tx: Transaction, object_type: str, object_id: str, action: str, target: str = EVERYBODY) -> None:
    """Take a permission back."""
    tx.delete(
        rbac_policies,
        (rbac_policies.c.object_type == object_type)
        & (rbac_policies.c.object_id == object_id)
        & (rbac_policies.c.action == action)
        & (rbac_policies.c.target_project == target),
    )


def forget(tx: Transaction, object_type: str, object_id: str) -> None:
    """Drop all permissions of a thing that goes."""
    tx.delete(rbac_policies, {"object_type": object_type, "object_id": object_id})


def get(tx: Transaction, policy_id: str, project_id: str | None) -> RbacPolicy:
    """Return a permission that a project gave (None: any)."""
    query = select(rbac_policies).where(rbac_policies.c.id == policy_id)
    visible = standard.owned_by(rbac_policies, project_id)
    return tx.one(
        query if visible is None else query.where(visible),
        RbacPolicy,
        otherwise=RbacPolicyNotFound(policy_id),
    )


def index(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[RbacPolicy]:
    """Return the permissions that a project gave (None: all)."""
    return standard.listing(
        tx, select(rbac_policies), RbacPolicy, rbac_policies, wanted, asked,
        visible=standard.owned_by(rbac_policies, project_id),
    )  # fmt: skip


def retarget(tx: Transaction, policy_id: str, target: str) -> None:
    """Give a permission to another project."""
    tx.update(rbac_policies, policy_id, {"target_project": target})


def delete(tx: Transaction, policy_id: str) -> None:
    """Remove a permission."""
    tx.delete(rbac_policies, policy_id)


def count(tx: Transaction, project_id: str) -> int:
    """Count the permissions that a project gave."""
    return tx.count(rbac_policies, rbac_policies.c.project_id == project_id)


__all__: list[Any] = [
    "EVERYBODY", "EXTERNAL", "SHARED", "RbacPolicy", "count", "delete", "forget", "get", "grant", "granted",
    "index", "retarget", "revoke", "shared_ids", "targets",
]  # fmt: skip
