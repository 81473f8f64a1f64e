"""/v3/groups/{id}/users: the members of a group.  Apart from groups because it shows users."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import many, page
from nacre.services.identity.api.users import User, filters
from nacre.services.identity.app import groups, targets, users
from nacre.services.identity.db.groups import Group

routes = Routes("/v3/groups", resource=User)


@routes.get(
    "/{group_id}/users",
    policy=policy.LIST_USERS_IN_GROUP,
    load=groups.get,
    target=lambda ctx, group, body: targets.group(group),
)
def index(req: Request, group: Group) -> dict[str, Any]:
    asked = page(req, User)
    return many(req, User, users.of_group(req.ctx, group, filters(req), asked), asked)
