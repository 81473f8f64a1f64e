"""Quotas: /v2.0/quotas, one object per project, addressed by the project's id."""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import BOOL, Int, Object
from nacre.services.network import policy
from nacre.services.network.api.rights import Target
from nacre.services.network.app import limits

LIMIT = Int(-1, 2**31 - 1)
LIMITS = Object({**dict.fromkeys(limits.COUNTERS, LIMIT), "check_limit": BOOL})

routes = Routes("/v2.0/quotas")


def _of_project(ctx: Context, project_id: str) -> Target:
    return {"project_id": project_id, "tenant_id": project_id}


def _target(ctx: Context, loaded: Any, body: Any) -> Target:
    return loaded


@routes.get(policy=policy.LIST_QUOTAS)
def index(req: Request) -> Any:
    found = limits.index(req.ctx)
    return {
        "quotas": [{"tenant_id": project, "project_id": project, **own} for project, own in found.items()]
    }


@routes.get("/{project_id}", policy=policy.GET_QUOTA, load=_of_project, target=_target)
def show(req: Request, project: Target) -> Any:
    return {"quota": limits.show(req.ctx, project["project_id"])}


@routes.get("/{project_id}/default", policy=policy.GET_QUOTA, load=_of_project, target=_target)
def show_defaults(req: Request, project: Target) -> Any:
    return {"quota": limits.defaults(req.ctx)}


for _details in ("/{project_id}/details", "/{project_id}/details.json"):

    @routes.get(_details, policy=policy.GET_QUOTA, load=_of_project, target=_target)
    def show_details(req: Request, project: Target) -> Any:
        return {"quota": limits.details(req.ctx, project["project_id"])}


@routes.put(
    "/{project_id}",
    policy=policy.UPDATE_QUOTA,
    load=_of_project,
    target=_target,
    body=LIMITS,
    envelope="quota",
)
def update(req: Request, project: Target, body: dict[str, Any]) -> Any:
    checked = body.pop("check_limit", False)
    return {"quota": limits.update(req.ctx, project["project_id"], body, not_below_usage=bool(checked))}


@routes.delete("/{project_id}", policy=policy.DELETE_QUOTA, load=_of_project, target=_target)
def delete(req: Request, project: Target) -> None:
    limits.reset(req.ctx, project["project_id"])
