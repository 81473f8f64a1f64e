"""What other services ask identity about: whether a project or user exists, and what it is called.

Users may not see other people's projects, so a service that must know asks in its own name:
`identity.project_exists(ctx.as_service(), project_id)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors

if TYPE_CHECKING:
    from nacre.kernel.context import Context


class Project(msgspec.Struct, frozen=True):
    """A project, as far as other services care."""

    id: str
    name: str
    domain_id: str | None = None
    parent_id: str | None = None
    enabled: bool = True
    is_domain: bool = False
    tags: list[str] = []


class User(msgspec.Struct, frozen=True):
    """A user, as far as other services care."""

    id: str
    name: str
    domain_id: str
    enabled: bool = True
    default_project_id: str | None = None


def get_project(ctx: Context, project_id: str) -> Project:
    """Return a project; raises NotFound, or Forbidden where the context may not see it."""
    return msgspec.convert(_get(ctx, "project", "projects", project_id), Project)


def project_exists(ctx: Context, project_id: str) -> bool:
    """Tell whether there is such a project."""
    try:
        get_project(ctx, project_id)
    except errors.NotFound:
        return False
    return True


def get_user(ctx: Context, user_id: str) -> User:
    """Return a user; raises NotFound, or Forbidden where the context may not see the user."""
    return msgspec.convert(_get(ctx, "user", "users", user_id), User)


def role_names(ctx: Context, user_id: str, project_id: str) -> set[str]:
    """Return the names of the roles that a user has on a project, implied and inherited ones included."""
    query = {
        "user.id": user_id,
        "scope.project.id": project_id,
        "effective": "true",
        "include_names": "true",
    }
    reply = ctx.call("identity", "GET", "/v3/role_assignments", query=query)
    return {assignment["role"]["name"] for assignment in reply.json()["role_assignments"]}


def _get(ctx: Context, key: str, collection: str, id: str) -> Any:
    if not id or "/" in id or "?" in id:
        raise errors.NotFound(f"Could not find {key}: {id[:64]}.")
    return ctx.call("identity", "GET", f"/v3/{collection}/{id}").json()[key]
