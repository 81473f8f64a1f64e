"""Sharing: let single projects, or all, use a network, security group, subnet pool or address plan."""

from collections.abc import Sequence
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import limits
from nacre.services.network.app.sight import reach
from nacre.services.network.db import (
    address_groups,
    networks,
    ports,
    rbac,
    routers,
    security_groups,
    standard,
    subnet_pools,
)
from nacre.services.network.db.rbac import EVERYBODY, EXTERNAL, SHARED, RbacPolicy
from nacre.services.network.errors import DuplicateRbacPolicy, RbacPolicyInUse

ACTIONS = {
    "network": (SHARED, EXTERNAL),
    "security_group": (SHARED,),
    "subnetpool": (SHARED,),
    "address_scope": (SHARED,),
    "address_group": (SHARED,),
}
GETTERS: dict[str, Any] = {
    "network": networks.get,
    "security_group": security_groups.get,
    "subnetpool": subnet_pools.get,
    "address_scope": subnet_pools.get_scope,
    "address_group": address_groups.get,
}


def get(ctx: Context, policy_id: str) -> RbacPolicy:
    """Return a permission that the caller's project gave."""
    return ctx.db.read(rbac.get, policy_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[RbacPolicy]:
    """Return permissions that the caller's project gave."""
    return ctx.db.read(rbac.index, reach(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[RbacPolicy]:
    """Give permissions, all or none."""
    return ctx.db.run(_create, ctx, bodies)


def _create(tx: Transaction, ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[RbacPolicy]:
    made = []
    for body in bodies:
        kind, action = body["object_type"], body["action"]
        if action not in ACTIONS[kind]:
            raise errors.BadRequest(
                f"Invalid action '{action}' for object type '{kind}'. Valid actions: {', '.join(ACTIONS[kind])}"
            )
        thing = GETTERS[kind](tx, body["object_id"], reach(ctx))
        if reach(ctx) is not None and thing.project_id != ctx.project_id:
            raise errors.Forbidden("Only the owner can share an object.")
        limits.enforce(tx, ctx, body["project_id"], {"rbac_policy": 1})
        policy = rbac.grant(
            tx, kind, thing.id, action, owner=body["project_id"], target=body["target_project"]
        )
        if policy is None:
            raise DuplicateRbacPolicy()
        if kind == "network" and action == EXTERNAL and not thing.external:
            networks.update(tx, thing.id, {"external": True})
        made.append(policy)
    return made


def update(
    ctx: Context, policy: RbacPolicy, changes: dict[str, Any], *, expected: int | None = None
) -> RbacPolicy:
    """Give a permission to another project."""
    return ctx.db.run(_update, policy.id, changes)


def _update(tx: Transaction, policy_id: str, changes: dict[str, Any]) -> RbacPolicy:
    policy = rbac.get(tx, policy_id, None)
    target = changes.get("target_project", policy.target_project)
    if target != policy.target_project:
        if target != EVERYBODY:
            _refuse_if_needed(tx, policy, besides=target)
        rbac.retarget(tx, policy_id, target)
    return rbac.get(tx, policy_id, None)


def delete(ctx: Context, policy: RbacPolicy) -> None:
    """Take a permission back, if nobody lives by it."""
    ctx.db.run(_delete, policy.id)


def _delete(tx: Transaction, policy_id: str) -> None:
    policy = rbac.get(tx, policy_id, None)
    _refuse_if_needed(tx, policy)
    rbac.delete(tx, policy_id)
    if policy.action == EXTERNAL and not rbac.targets(tx, "network", policy.object_id, EXTERNAL):
        networks.update(tx, policy.object_id, {"external": False})


def _refuse_if_needed(tx: Transaction, policy: RbacPolicy, *, besides: str | None = None) -> None:
    """Raise RbacPolicyInUse if projects use a network by this permission only."""
    if policy.object_type != "network":
        return
    network = networks.get(tx, policy.object_id)
    if policy.action == EXTERNAL:
        if routers.with_gateway_on(tx, network.id) and policy.target_project == EVERYBODY:
            raise RbacPolicyInUse(network.id, "routers lead out through this network")
        return
    others = rbac.targets(tx, "network", network.id, SHARED) - {policy.target_project} | {besides}
    if EVERYBODY in others:
        return
    users = ports.projects_on(tx, network.id) - {network.project_id, ""}
    concerned = users if policy.target_project == EVERYBODY else users & {policy.target_project}
    if concerned - others:
        raise RbacPolicyInUse(network.id, f"ports of {', '.join(sorted(concerned))} are on the network")
