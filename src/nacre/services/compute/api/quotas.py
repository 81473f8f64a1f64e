"""/os-quota-sets and /os-quota-class-sets: how much projects may have, as administrators set it."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import BOOL, SHOW, UPDATE, Int, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.app import projects, quotas

LIMIT = Int(-1)


def _limit(name: str, **options: Any) -> Any:
    return field(UPDATE, SHOW, check=LIMIT, source=lambda req, limits: limits[name], **options)


class QuotaSet(Resource):
    key, keys = "quota_set", "quota_sets"

    id = field(SHOW, source=lambda req, limits: limits["id"])
    instances = _limit("instances")
    cores = _limit("cores")
    ram = _limit("ram")
    metadata_items = _limit("metadata_items")
    key_pairs = _limit("key_pairs")
    server_groups = _limit("server_groups")
    server_group_members = _limit("server_group_members")
    injected_files = _limit("injected_files", until="2.56")
    injected_file_content_bytes = _limit("injected_file_content_bytes", until="2.56")
    injected_file_path_bytes = _limit("injected_file_path_bytes", until="2.56")
    fixed_ips = _limit("fixed_ips", until="2.35")
    floating_ips = _limit("floating_ips", until="2.35")
    security_groups = _limit("security_groups", until="2.35")
    security_group_rules = _limit("security_group_rules", until="2.35")
    force = field(UPDATE, check=BOOL)


class QuotaClassSet(QuotaSet):
    key, keys = "quota_class_set", "quota_class_sets"

    server_groups = _limit("server_groups", since="2.50")
    server_group_members = _limit("server_group_members", since="2.50")
    fixed_ips = _limit("fixed_ips", until="2.49")
    floating_ips = _limit("floating_ips", until="2.49")
    security_groups = _limit("security_groups", until="2.49")
    security_group_rules = _limit("security_group_rules", until="2.49")
    force = field()


routes = Routes("/v2.1/os-quota-sets", resource=QuotaSet)
DEFAULT_CLASS = "default"


def _of_path(ctx: Any, loaded: Any, body: Any) -> dict[str, str]:
    return {"project_id": loaded}


def _project(ctx: Any, project_id: str) -> str:
    """A project's id is taken as it comes; once the caller may ask, identity tells whether it is one.

    compat: what was set for a project that is gone may still be cleared, unasked (nova, quota_sets.py).
    """
    return project_id


def _user(req: Request) -> str | None:
    queries.refuse_unknown(req, {"user_id"})
    return queries.single(req, "user_id")


def _shown(req: Request, limits: dict[str, Any], project_id: str | None = None) -> dict[str, Any]:
    shown = req.show(QuotaSet, {"id": project_id, **limits})
    if project_id is None:
        del shown["id"]
    return {"quota_set": shown}


@routes.get("/{project_id}", policy=rules.QUOTAS_SHOW, load=_project, target=_of_path)
def show(req: Request, project: str) -> dict[str, Any]:
    projects.check(req.ctx, project)
    return _shown(req, quotas.standing(req.ctx, project, _user(req)).limits, project)


@routes.get("/{project_id}/detail", policy=rules.QUOTAS_DETAIL, load=_project, target=_of_path)
def detail(req: Request, project: str) -> dict[str, Any]:
    projects.check(req.ctx, project)
    standing = quotas.standing(req.ctx, project, _user(req))
    detailed = {
        name: {"limit": limit, "in_use": standing.used.get(name, 0), "reserved": 0}
        for name, limit in standing.limits.items()
    }
    return _shown(req, detailed, project)


@routes.get("/{project_id}/defaults", policy=rules.QUOTAS_DEFAULTS, load=_project, target=_of_path)
def defaults(req: Request, project: str) -> dict[str, Any]:
    projects.check(req.ctx, project)
    return _shown(req, quotas.of_everybody(req.ctx), project)


@routes.put("/{project_id}", policy=rules.QUOTAS_UPDATE, load=_project, target=_of_path)
def update(req: Request, project: str, body: dict[str, Any]) -> dict[str, Any]:
    user_id = _user(req)
    if len(project) > 64 or (user_id is not None and len(user_id) > 64):
        raise BadRequest("No project and no user has an id that long.")
    projects.check(req.ctx, project)
    changes = {name: value for name, value in body.items() if name != "force"}
    changed = quotas.update(req.ctx, project, user_id, changes, force=body.get("force", False))
    return _shown(req, changed)


@routes.delete("/{project_id}", policy=rules.QUOTAS_DELETE, load=_project, target=_of_path, status=202)
def delete(req: Request, project: str) -> Response:
    quotas.clear(req.ctx, project, _user(req))
    return Response(202)


# --- quota classes: only one means anything ---------------------------------------------------------

class_routes = Routes("/v2.1/os-quota-class-sets", resource=QuotaClassSet)


@class_routes.get("/{name}", policy=rules.QUOTA_CLASSES_SHOW)
def show_class(req: Request, name: str) -> dict[str, Any]:
    limits = quotas.of_everybody(req.ctx)
    return {"quota_class_set": req.show(QuotaClassSet, {"id": name, **limits})}


@class_routes.put("/{name}", policy=rules.QUOTA_CLASSES_UPDATE)
def update_class(req: Request, name: str, body: dict[str, Any]) -> dict[str, Any]:
    if name != DEFAULT_CLASS:
        # compat: other classes could be stored once and never applied to anybody (nova, quota_classes.py)
        raise BadRequest(f"There is no quota class {name[:40]!r} but {DEFAULT_CLASS!r}.")
    limits = quotas.set_everybodys(req.ctx, body)
    shown = req.show(QuotaClassSet, {"id": name, **limits})
    del shown["id"]
    return {"quota_class_set": shown}
