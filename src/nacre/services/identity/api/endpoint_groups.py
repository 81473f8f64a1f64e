"""/v3/OS-EP-FILTER: endpoint groups, and the limits that they or single endpoints put on catalogs."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.endpoints import Endpoint
from nacre.services.identity.api.projects import Project
from nacre.services.identity.api.shapes import DESCRIPTION, many, no_target, one, page, self_link, wanted
from nacre.services.identity.app import endpoint_groups, endpoints, projects
from nacre.services.identity.db.catalog import Endpoint as EndpointRow
from nacre.services.identity.db.endpoint_groups import EndpointGroup as Row
from nacre.services.identity.db.projects import Project as ProjectRow

FILTERS = wire.Object(
    {
        "service_id": wire.Str(1, 64),
        "region_id": wire.Str(1, 191),
        "interface": wire.Enum("admin", "internal", "public"),
        "enabled": wire.Bool(strings=False),
    }
)


class EndpointGroup(Resource):
    key, keys = "endpoint_group", "endpoint_groups"

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Str(1, 255), required=True)
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    filters = field(CREATE, UPDATE, SHOW, check=FILTERS, required=True)
    links = self_link("OS-EP-FILTER", "endpoint_groups")


routes = Routes("/v3/OS-EP-FILTER", resource=EndpointGroup)

GroupInProject = tuple[Row, ProjectRow]
EndpointInProject = tuple[ProjectRow, EndpointRow]


def _group_in_project(ctx: Context, group_id: str, project_id: str) -> GroupInProject:
    return endpoint_groups.get(ctx, group_id), projects.get(ctx, project_id)


def _endpoint_in_project(ctx: Context, project_id: str, endpoint_id: str) -> EndpointInProject:
    return projects.get(ctx, project_id), endpoints.get(ctx, endpoint_id)


@routes.get("/endpoint_groups", policy=policy.LIST_ENDPOINT_GROUPS, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, EndpointGroup)
    found = endpoint_groups.index(req.ctx, wanted(req, EndpointGroup), asked)
    return many(req, EndpointGroup, found, asked)


@routes.post("/endpoint_groups", status=201, policy=policy.CREATE_ENDPOINT_GROUP, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, EndpointGroup, endpoint_groups.create(req.ctx, **body))


@routes.get(
    "/endpoint_groups/{id}", policy=policy.GET_ENDPOINT_GROUP, load=endpoint_groups.get, target=no_target
)
def show(req: Request, group: Row) -> dict[str, Any]:
    return one(req, EndpointGroup, group)


@routes.patch(
    "/endpoint_groups/{id}", policy=policy.UPDATE_ENDPOINT_GROUP, load=endpoint_groups.get, target=no_target
)
def update(req: Request, group: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, EndpointGroup, endpoint_groups.update(req.ctx, group, body))


@routes.delete(
    "/endpoint_groups/{id}", policy=policy.DELETE_ENDPOINT_GROUP, load=endpoint_groups.get, target=no_target
)
def delete(req: Request, group: Row) -> None:
    endpoint_groups.delete(req.ctx, group)


@routes.get(
    "/endpoint_groups/{id}/endpoints",
    policy=policy.LIST_ENDPOINTS_OF_ENDPOINT_GROUP,
    load=endpoint_groups.get,
    target=no_target,
)
def index_endpoints_of_group(req: Request, group: Row) -> dict[str, Any]:
    return many(req, Endpoint, endpoint_groups.endpoints_of(req.ctx, group))


@routes.get(
    "/endpoint_groups/{id}/projects",
    policy=policy.LIST_PROJECTS_OF_ENDPOINT_GROUP,
    load=endpoint_groups.get,
    target=no_target,
)
def index_projects_of_group(req: Request, group: Row) -> dict[str, Any]:
    return many(req, Project, endpoint_groups.projects_of_group(req.ctx, group))


# -- groups and projects -----------------------------------------------------------------------------------


@routes.put(
    "/endpoint_groups/{id}/projects/{project_id}",
    policy=policy.ADD_ENDPOINT_GROUP_TO_PROJECT,
    load=_group_in_project,
    target=no_target,
    status=204,
)
def add_group(req: Request, pair: GroupInProject) -> None:
    endpoint_groups.add_group(req.ctx, *pair)


@routes.get(
    "/endpoint_groups/{id}/projects/{project_id}",
    policy=policy.GET_ENDPOINT_GROUP_IN_PROJECT,
    load=_group_in_project,
    target=no_target,
)
def show_group_in_project(req: Request, pair: GroupInProject) -> dict[str, Any]:
    endpoint_groups.check_group(req.ctx, *pair)
    return one(req, EndpointGroup, pair[0])


@routes.delete(
    "/endpoint_groups/{id}/projects/{project_id}",
    policy=policy.REMOVE_ENDPOINT_GROUP_FROM_PROJECT,
    load=_group_in_project,
    target=no_target,
)
def remove_group(req: Request, pair: GroupInProject) -> None:
    endpoint_groups.remove_group(req.ctx, *pair)


@routes.get(
    "/projects/{project_id}/endpoint_groups",
    policy=policy.LIST_ENDPOINT_GROUPS_FOR_PROJECT,
    load=projects.get,
    target=no_target,
)
def index_groups_of_project(req: Request, project: ProjectRow) -> dict[str, Any]:
    return many(req, EndpointGroup, endpoint_groups.groups_of_project(req.ctx, project))


# -- endpoints and projects --------------------------------------------------------------------------------


@routes.put(
    "/projects/{project_id}/endpoints/{endpoint_id}",
    policy=policy.ADD_ENDPOINT_TO_PROJECT,
    load=_endpoint_in_project,
    target=no_target,
    status=204,
)
def add_endpoint(req: Request, pair: EndpointInProject) -> None:
    endpoint_groups.add_endpoint(req.ctx, *pair)


@routes.get(
    "/projects/{project_id}/endpoints/{endpoint_id}",
    policy=policy.CHECK_ENDPOINT_IN_PROJECT,
    load=_endpoint_in_project,
    target=no_target,
    status=204,
)
def check_endpoint(req: Request, pair: EndpointInProject) -> None:
    endpoint_groups.check_endpoint(req.ctx, *pair)


@routes.delete(
    "/projects/{project_id}/endpoints/{endpoint_id}",
    policy=policy.REMOVE_ENDPOINT_FROM_PROJECT,
    load=_endpoint_in_project,
    target=no_target,
)
def remove_endpoint(req: Request, pair: EndpointInProject) -> None:
    endpoint_groups.remove_endpoint(req.ctx, *pair)


@routes.get(
    "/projects/{project_id}/endpoints",
    policy=policy.LIST_ENDPOINTS_FOR_PROJECT,
    load=projects.get,
    target=no_target,
)
def index_endpoints_of_project(req: Request, project: ProjectRow) -> dict[str, Any]:
    return many(req, Endpoint, endpoint_groups.endpoints_of_project(req.ctx, project))


@routes.get(
    "/endpoints/{endpoint_id}/projects",
    policy=policy.LIST_PROJECTS_FOR_ENDPOINT,
    load=endpoints.get,
    target=no_target,
)
def index_projects_of_endpoint(req: Request, endpoint: EndpointRow) -> dict[str, Any]:
    return many(req, Project, endpoint_groups.projects_of_endpoint(req.ctx, endpoint))
