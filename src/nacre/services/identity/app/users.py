"""Users: made, changed and removed, with everything that hangs on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Match, Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes, new_passwords
from nacre.services.identity.app.proofs import check_password
from nacre.services.identity.app.state import change
from nacre.services.identity.app.tokens import revoke_earlier
from nacre.services.identity.db import (
    application_credentials,
    credentials,
    groups,
    projects,
    role_assignments,
    trusts,
    users,
)
from nacre.services.identity.db.groups import Group
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import NameTaken

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

DEFAULT_DOMAIN = "default"


def get(ctx: Context, user_id: str) -> User:
    """Return a user."""
    return ctx.db.read(users.get, user_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[User]:
    """Return a page of users; who has a token for a domain sees only that domain's."""
    return ctx.db.read(users.index, within_own_domain(ctx, wanted), page)


def of_group(ctx: Context, group: Group, wanted: Mapping[str, object], page: Page) -> list[User]:
    """Return a page of a group's members."""
    return ctx.db.read(users.of_group, group.id, wanted, page)


def groups_of(ctx: Context, user: User, wanted: Mapping[str, object], page: Page) -> list[Group]:
    """Return a page of the groups that a user is in."""
    return ctx.db.read(groups.of_user, user.id, wanted, page)


def within_own_domain(ctx: Context, wanted: Mapping[str, object]) -> dict[str, object]:
    """Narrow filters to the domain that the token is for, if it is for one."""
    if ctx.domain_id is None:
        return dict(wanted)
    asked = wanted.get("domain_id", ctx.domain_id)
    return {**wanted, "domain_id": [Match("eq", ctx.domain_id), Match("eq", asked)]}


def create(
    ctx: Context,
    *,
    name: str,
    domain_id: str | None = None,
    password: str | None = None,
    enabled: bool = True,
    default_project_id: str | None = None,
    options: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> User:
    """Make a user, in the caller's domain unless one is named."""
    now = ctx.clock.now()
    user = User(
        id=new_hex_id(),
        domain_id=domain_id or home_domain_id(ctx),
        name=name,
        enabled=enabled,
        default_project_id=default_project_id,
        password_hash=None,
        password_changed_at=None,
        password_expires_at=None,
        failed_logins=0,
        failed_login_at=None,
        options={key: value for key, value in (options or {}).items() if value is not None},
        extra=dict(extra or {}),
        created_at=now,
    )
    columns = new_passwords.columns(ctx, password, chosen_by_user=False) if password is not None else {}
    return change(ctx, _insert, user, columns)


def _insert(tx: Transaction, user: User, columns: Mapping[str, Any]) -> User:
    projects.get_domain(tx, user.domain_id)
    _refuse_taken(tx, user.domain_id, user.name)
    users.insert(tx, user)
    users.update(tx, user.id, columns)
    return users.get(tx, user.id)


def home_domain_id(ctx: Context) -> str:
    """Return the domain for things that are made without naming one."""
    return ctx.domain_id or DEFAULT_DOMAIN


def update(ctx: Context, user: User, changes: Mapping[str, Any]) -> User:
    """Change a user; a new password, or being disabled, ends all of the user's tokens."""
    values = attributes.merged(user, changes)
    if "domain_id" in values and values.pop("domain_id") != user.domain_id:
        raise errors.BadRequest("Cannot change Domain ID")
    password = values.pop("password", None)
    if password is not None:
        values |= new_passwords.columns(ctx, password, chosen_by_user=False)
    ends_tokens = password is not None or values.get("enabled") is False
    return change(ctx, _update, user, values, ends_tokens)


def _update(tx: Transaction, user: User, values: dict[str, Any], ends_tokens: bool) -> User:
    if values.get("name", user.name) != user.name:
        _refuse_taken(tx, user.domain_id, values["name"])
    users.update(tx, user.id, values | (revoke_earlier(tx) if ends_tokens else {}))
    return users.get(tx, user.id)


def change_password(ctx: Context, user_id: str, *, original_password: str, password: str) -> None:
    """Let a user set a new password by showing the old one; ends all of the user's tokens."""
    user = check_password(ctx, {"id": user_id}, original_password)
    new_passwords.refuse_unsuitable(ctx, user, password)
    columns = new_passwords.columns(ctx, password, chosen_by_user=True)
    change(ctx, _set_password, user, columns, ctx.config.unique_last_passwords)


def _set_password(tx: Transaction, user: User, columns: Mapping[str, Any], keep: int) -> None:
    if keep and user.password_hash:
        users.remember_password(tx, user.id, user.password_hash, keep)
    users.update(tx, user.id, {**columns, **revoke_earlier(tx)})


def delete(ctx: Context, user: User) -> None:
    """Remove a user, with all roles, memberships, credentials and trusts."""
    change(ctx, remove, user.id)


def remove(tx: Transaction, user_id: str) -> None:
    """Remove a user and everything that hangs on the user."""
    role_assignments.delete_of_actor(tx, user_id)
    application_credentials.delete_of_user(tx, user_id)
    application_credentials.delete_rules_of_user(tx, user_id)
    credentials.delete_of_user(tx, user_id)
    trusts.delete_of_user(tx, user_id)
    users.delete_user(tx, user_id)


def _refuse_taken(tx: Transaction, domain_id: str, name: str) -> None:
    if users.find_named(tx, domain_id, name) is not None:
        raise NameTaken("user", name)


def expiry_wish(text: str) -> Match:
    """Read the filter `password_expires_at=lt:2026-11-08T02:48:04Z`; BadRequest if it makes no sense."""
    operator, _, moment = text.partition(":")
    if operator not in ("lt", "lte", "gt", "gte", "eq", "neq"):
        raise errors.BadRequest(f"{operator[:20]!r} is not one of lt, lte, gt, gte, eq, neq.")
    try:
        value = datetime.fromisoformat(moment)
        if value.tzinfo is None:
            raise ValueError(moment)
    except ValueError:
        raise errors.BadRequest(f"{moment[:40]!r} is not a time like 2026-11-08T02:48:04Z.") from None
    return Match("ne" if operator == "neq" else operator, value)  # type: ignore[arg-type]
