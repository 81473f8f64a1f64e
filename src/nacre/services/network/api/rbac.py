"""Sharing: /v2.0/rbac-policies."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Enum, Str, field
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import PROJECT, Owned
from nacre.services.network.app import rbac
from nacre.services.network.db.rbac import RbacPolicy as Row


class RbacPolicy(Owned):
    """A permission for a project ("*" for all) to use something."""

    key, keys = "rbac_policy", "rbac_policies"

    object_type = field(CREATE, SHOW, FILTER, SORT, check=Enum(*rbac.ACTIONS), required=True)
    object_id = field(CREATE, SHOW, FILTER, SORT, check=Str(1, 36), required=True)
    action = field(CREATE, SHOW, FILTER, SORT, check=Str(1, 64), required=True)
    target_project = field(
        CREATE, UPDATE, SHOW, FILTER, SORT, check=PROJECT, required=True, wire="target_tenant"
    )


routes = Routes("/v2.0/rbac-policies", resource=RbacPolicy)


@routes.get(policy=policy.GET_RBAC)
def index(req: Request) -> Any:
    return verbs.listed(req, RbacPolicy, rbac.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, RbacPolicy, "create_rbac_policy", body, rbac.create)


@routes.get("/{id}", policy=policy.GET_RBAC, load=rbac.get, target=rights.loaded_itself)
def show(req: Request, permission: Row) -> Any:
    return verbs.one(req, RbacPolicy, permission)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=rbac.get)
def update(req: Request, permission: Row, body: Any) -> Any:
    # The rule on wildcards is about the project that it shall be for.
    target = rights.target_of(permission) | {
        "target_tenant": body.get("target_project", permission.target_project)
    }
    return verbs.updated(req, RbacPolicy, "update_rbac_policy", permission, body, rbac.update, target=target)


@routes.delete("/{id}", policy=policy.DELETE_RBAC, load=rbac.get, target=rights.loaded_itself)
def delete(req: Request, permission: Row) -> None:
    rbac.delete(req.ctx, permission)
