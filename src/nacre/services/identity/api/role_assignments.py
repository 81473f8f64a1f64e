"""/v3/role_assignments: who has which role where."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.services.identity import policy
from nacre.services.identity.app import projects, role_assignments, targets
from nacre.services.identity.app.role_assignments import Entry, Names, Wanted
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.tables import Actor, Target

routes = Routes("/v3/role_assignments")

_INHERITED = "OS-INHERIT:inherited_to"


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    wanted = _wanted(req)
    if wanted.subtree and wanted.project_id:
        project = projects.get(req.ctx, wanted.project_id)
        target = targets.project(project) | targets.own_domain(req.ctx)
        req.authorise(policy.LIST_ROLE_ASSIGNMENTS_FOR_TREE, target)
    else:
        req.authorise(policy.LIST_ROLE_ASSIGNMENTS, targets.own_domain(req.ctx))
    found = role_assignments.index(req.ctx, wanted)
    names = role_assignments.names(req.ctx, found) if req.flag("include_names") else None
    return {
        "role_assignments": [_show(req, entry, wanted, names) for entry in found],
        "links": {"self": req.url_with_query(), "previous": None, "next": None},
    }


def _wanted(req: Request) -> Wanted:
    """Read the filters; a flag without a value is a yes."""
    inherited = req.arg(f"scope.{_INHERITED}")
    return Wanted(
        user_id=req.arg("user.id"),
        group_id=req.arg("group.id"),
        role_id=req.arg("role.id"),
        project_id=req.arg("scope.project.id"),
        domain_id=req.arg("scope.domain.id"),
        system=bool(req.arg("scope.system")),
        inherited=None if inherited is None else inherited == "projects",
        effective=req.flag("effective"),
        subtree=req.flag("include_subtree"),
    )


def _show(req: Request, entry: Entry, wanted: Wanted, names: Names | None) -> dict[str, Any]:
    source = entry.source
    scope: dict[str, Any]
    if entry.target is Target.SYSTEM:
        scope = {"system": {"all": True}}
    else:
        scope = {entry.target.value: _place(entry, names)}
    if source.inherited and not wanted.effective:
        scope[_INHERITED] = "projects"
    links = {"assignment": _address(req, entry)}
    if entry.actor is not source.actor:
        links["membership"] = req.url("v3", "groups", source.actor_id, "users", entry.actor_id)
    if entry.role_id != source.role_id:
        links["prior_role"] = req.url("v3", "prior_role", source.role_id, "implies", entry.role_id)
    return {
        "role": _role(entry, names),
        entry.actor.value: _actor(entry, names),
        "scope": scope,
        "links": links,
    }


def _address(req: Request, entry: Entry) -> str:
    """Return the address of the grant from which the entry follows."""
    source = entry.source
    place = ["system"] if source.target is Target.SYSTEM else [f"{source.target}s", source.target_id]
    path = [*place, f"{source.actor}s", source.actor_id, "roles", source.role_id]
    if source.inherited:
        path = ["OS-INHERIT", *path, "inherited_to_projects"]
    return req.url("v3", *path)


def _role(entry: Entry, names: Names | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": entry.role_id}
    if names is not None and (role := names.roles.get(entry.role_id)):
        shown["name"] = role.name
        if role.domain_id:
            shown["domain"] = _domain(names, role.domain_id)
    return shown


def _actor(entry: Entry, names: Names | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": entry.actor_id}
    if names is not None:
        known = names.users if entry.actor is Actor.USER else names.groups
        if actor := known.get(entry.actor_id):
            shown |= {"name": actor.name, "domain": _domain(names, actor.domain_id)}
    return shown


def _place(entry: Entry, names: Names | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": entry.target_id}
    if names is not None and (place := names.projects.get(entry.target_id)):
        shown["name"] = place.name
        if entry.target is Target.PROJECT:
            shown["domain"] = _domain(names, place.own_domain_id)
    return shown


def _domain(names: Names, domain_id: str) -> dict[str, Any]:
    domain: Project | None = names.projects.get(domain_id)
    return {"id": domain_id, "name": domain.name if domain else ""}
