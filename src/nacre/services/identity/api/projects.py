"""/v3/projects: what everything in the cloud belongs to."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Resource, field
from nacre.kernel.wire.fields import check_value
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import (
    DESCRIPTION,
    FLAG,
    ID,
    IMMUTABLE_OPTION,
    many,
    one,
    page,
    self_link,
    shown,
    wanted,
)
from nacre.services.identity.app import projects, targets, users
from nacre.services.identity.db.projects import Project as Row

#: A tag has no commas and slashes, which separate tags elsewhere in the API.
TAG = wire.Str(1, 255, pattern=r"[^,/]*")
TAGS = wire.Each(TAG, maximum=80, unique=True)
NAME = wire.Str(1, 64, pattern=r"(?s).*\S.*")
TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")


class Project(Resource):
    key, keys = "project", "projects"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=NAME, required=True)
    domain_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(ID), render=lambda id: id or None)
    parent_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(ID))
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    enabled = field(CREATE, UPDATE, SHOW, FILTER, check=FLAG)
    is_domain = field(CREATE, UPDATE, SHOW, FILTER, check=FLAG)
    tags = field(CREATE, UPDATE, SHOW, check=TAGS, render=list)
    options = field(CREATE, UPDATE, SHOW, check=IMMUTABLE_OPTION)
    links = self_link("projects")


routes = Routes("/v3/projects", resource=Project)


def _as_target(ctx: Context, project: Row, body: Any) -> dict[str, Any]:
    return targets.project(project)


def _new_target(ctx: Context, loaded: Any, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("is_domain"):
        return {}
    return targets.in_domain("project", body.get("domain_id") or users.home_domain_id(ctx))


@routes.get(policy=policy.LIST_PROJECTS, target=lambda ctx, loaded, body: targets.own_domain(ctx))
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Project)
    tags = {
        name: [tag for value in req.query[name] for tag in value.split(",") if tag]
        for name in TAG_FILTERS
        if name in req.query
    }
    filters = wanted(req, Project, flags=("enabled", "is_domain"))
    return many(req, Project, projects.index(req.ctx, filters, asked, tags), asked)


@routes.post(status=201, policy=policy.CREATE_PROJECT, target=_new_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Project, projects.create(req.ctx, **body))


@routes.get("/{project_id}", policy=policy.GET_PROJECT, load=projects.get, target=_as_target)
def show(req: Request, project: Row) -> dict[str, Any]:
    body = shown(req, Project, project)
    if "parents_as_list" in req.query:
        found = projects.parents(req.ctx, project)
        body["parents"] = [{"project": shown(req, Project, each)} for each in found]
    elif "parents_as_ids" in req.query:
        body["parents"] = projects.parent_ids(req.ctx, project)
    if "subtree_as_list" in req.query:
        found = projects.subtree(req.ctx, project)
        body["subtree"] = [{"project": shown(req, Project, each)} for each in found]
    elif "subtree_as_ids" in req.query:
        body["subtree"] = projects.subtree_ids(req.ctx, project)
    return {"project": body}


@routes.patch("/{project_id}", policy=policy.UPDATE_PROJECT, load=projects.get, target=_as_target)
def update(req: Request, project: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Project, projects.update(req.ctx, project, body))


@routes.delete("/{project_id}", policy=policy.DELETE_PROJECT, load=projects.get, target=_as_target)
def delete(req: Request, project: Row) -> None:
    projects.delete(req.ctx, project)


# -- tags -------------------------------------------------------------------------------------------


def _tags_body(req: Request, tags: Any) -> dict[str, Any]:
    return {"tags": list(tags), "links": {"self": req.url_with_query(), "previous": None, "next": None}}


@routes.get("/{project_id}/tags", policy=policy.LIST_PROJECT_TAGS, load=projects.get, target=_as_target)
def index_tags(req: Request, project: Row) -> dict[str, Any]:
    return _tags_body(req, project.tags)


@routes.put(
    "/{project_id}/tags",
    policy=policy.UPDATE_PROJECT_TAGS,
    load=projects.get,
    target=_as_target,
    body=wire.Object({"tags": TAGS}, required=("tags",)),
)
def update_tags(req: Request, project: Row, body: dict[str, Any]) -> dict[str, Any]:
    return _tags_body(req, projects.set_tags(req.ctx, project, body["tags"]))


@routes.delete("/{project_id}/tags", policy=policy.DELETE_PROJECT_TAGS, load=projects.get, target=_as_target)
def delete_tags(req: Request, project: Row) -> None:
    projects.set_tags(req.ctx, project, ())


@routes.get(
    "/{project_id}/tags/{tag}",
    policy=policy.GET_PROJECT_TAG,
    load=projects.get,
    target=_as_target,
    status=204,
)
def check_tag(req: Request, project: Row, tag: str) -> None:
    projects.check_tag(req.ctx, project, tag)


@routes.put(
    "/{project_id}/tags/{tag}",
    policy=policy.CREATE_PROJECT_TAG,
    load=projects.get,
    target=_as_target,
    status=201,
)
def add_tag(req: Request, project: Row, tag: str) -> None:
    check_value("tag", TAG, tag)
    projects.add_tag(req.ctx, project, tag)


@routes.delete(
    "/{project_id}/tags/{tag}", policy=policy.DELETE_PROJECT_TAG, load=projects.get, target=_as_target
)
def delete_tag(req: Request, project: Row, tag: str) -> None:
    projects.remove_tag(req.ctx, project, tag)
