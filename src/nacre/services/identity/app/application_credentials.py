"""Application credentials: a user's secrets for programs, each for one project and some of the user's roles.

The secret is shown once, when it is made.  A credential that is not `unrestricted` cannot be used to
make more of them, or trusts.  Its access rules, which other services enforce, outlive it: they
belong to the user.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app.state import change, state_of
from nacre.services.identity.db import application_credentials as rows
from nacre.services.identity.db import credentials, role_assignments, roles
from nacre.services.identity.db.application_credentials import AccessRule, ApplicationCredential
from nacre.services.identity.db.roles import GLOBAL, Role
from nacre.services.identity.db.tables import Target
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import (
    ApplicationCredentialNotFound,
    CredentialLimitExceeded,
    RoleNotFound,
)

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

SECRET_BYTES = 64


def get(ctx: Context, user_id: str, id: str) -> ApplicationCredential:
    """Return a user's application credential."""
    found = ctx.db.read(rows.get, id)
    if found.user_id != user_id:
        raise ApplicationCredentialNotFound(id)
    return found


def index(ctx: Context, user: User, wanted: Mapping[str, object], page: Page) -> list[ApplicationCredential]:
    """Return a page of a user's application credentials."""
    return ctx.db.read(rows.index, {**wanted, "user_id": user.id}, page)


def roles_of(ctx: Context, credentials: Sequence[ApplicationCredential]) -> dict[str, Role]:
    """Return the roles of some application credentials, by id."""
    return ctx.db.read(roles.find_all, {id for each in credentials for id in each.role_ids})


def refuse_restricted(ctx: Context) -> None:
    """Raise Forbidden for who uses an application credential that may not make further secrets."""
    id = ctx.credentials.application_credential_id
    if id is not None:
        used = ctx.db.read(rows.find, id)
        if used is None or not used.unrestricted:
            raise errors.Forbidden(
                "Using method 'application_credential' is not allowed for managing trusts or "
                "additional application credentials."
            )


def create(
    ctx: Context,
    user: User,
    *,
    name: str,
    description: str | None = None,
    secret: str | None = None,
    expires_at: datetime | None = None,
    unrestricted: bool = False,
    roles: Sequence[Mapping[str, str]] | None = None,
    access_rules: Sequence[Mapping[str, str]] = (),
) -> tuple[ApplicationCredential, str]:
    """Make an application credential for the project of the caller's token; returns the secret too."""
    refuse_restricted(ctx)
    if ctx.credentials.trust_id is not None:
        raise errors.Forbidden("A trust cannot be used to make an application credential.")
    if ctx.project_id is None:
        raise errors.BadRequest("An application credential needs a token for a project.")
    if expires_at is not None and expires_at <= ctx.clock.now():
        raise errors.BadRequest("The expiry of an application credential must be in the future.")
    secret = secret or secrets.token_urlsafe(SECRET_BYTES)
    credential = ApplicationCredential(
        id=new_hex_id(),
        user_id=user.id,
        project_id=ctx.project_id,
        name=name,
        description=description,
        secret_hash=state_of(ctx.service).passwords.hash(secret),
        expires_at=expires_at,
        unrestricted=unrestricted,
    )
    limit = ctx.config.application_credentials_per_user
    made = change(ctx, _insert, credential, roles, ctx.roles, access_rules, limit)
    return made, secret


def _insert(
    tx: Transaction,
    credential: ApplicationCredential,
    wanted: Sequence[Mapping[str, str]] | None,
    of_token: Sequence[str],
    access_rules: Sequence[Mapping[str, str]],
    limit: int,
) -> ApplicationCredential:
    if 0 <= limit <= rows.count(tx, credential.user_id):
        raise CredentialLimitExceeded(f"Maximum number of application credentials ({limit}) reached.")
    if rows.find_named(tx, credential.user_id, credential.name) is not None:
        raise errors.Conflict(
            "Conflict occurred attempting to store application_credential - Duplicate entry found with "
            f"name {credential.name}."
        )
    held = role_assignments.effective_roles(tx, credential.user_id, Target.PROJECT, credential.project_id)
    # compat: an empty list means all roles of the token too; the openstack command sends one.
    chosen = wanted or [{"name": name} for name in of_token]
    credential = msgspec.structs.replace(
        credential,
        role_ids=tuple(dict.fromkeys(_role_id(tx, held, each) for each in chosen)),
        access_rules=tuple(_access_rule(tx, credential.user_id, each) for each in access_rules),
    )
    rows.insert(tx, credential)
    return credential


def _role_id(tx: Transaction, held: Mapping[str, Role], named: Mapping[str, str]) -> str:
    """Return the id of a role that the user holds on the project."""
    if "id" in named:
        role = roles.find_all(tx, [named["id"]]).get(named["id"])
    else:
        role = roles.find_named(tx, GLOBAL, named["name"])
    if role is None:
        raise RoleNotFound(named.get("id") or named["name"])
    if role.id not in held:
        raise errors.BadRequest(
            f"Invalid application credential: Could not find role assignment with role: {role.id}."
        )
    return role.id


def _access_rule(tx: Transaction, user_id: str, given: Mapping[str, str]) -> AccessRule:
    """Return the rule that is given by its id, or one that says the same, or a new one."""
    if "id" in given:
        return rows.get_rule(tx, user_id, given["id"])
    rule = AccessRule(new_hex_id(), user_id, given["service"], given["method"], given["path"])
    known = rows.find_rule(tx, rule)
    if known is not None:
        return known
    rows.insert_rule(tx, rule)
    return rule


def delete(ctx: Context, credential: ApplicationCredential) -> None:
    """Remove an application credential, its tokens, and the EC2 credentials that it made."""
    refuse_restricted(ctx)
    change(ctx, _remove, credential.user_id, credential.id)


def _remove(tx: Transaction, user_id: str, id: str) -> None:
    credentials.delete_of_application_credential(tx, user_id, id)
    rows.delete_one(tx, id)


# -- access rules --------------------------------------------------------------------------------------


def get_rule(ctx: Context, user_id: str, rule_id: str) -> AccessRule:
    """Return a user's access rule."""
    return ctx.db.read(rows.get_rule, user_id, rule_id)


def index_rules(ctx: Context, user: User, wanted: Mapping[str, Any], page: Page) -> list[AccessRule]:
    """Return a page of a user's access rules."""
    return ctx.db.read(rows.index_rules, {**wanted, "user_id": user.id}, page)


def delete_rule(ctx: Context, rule: AccessRule) -> None:
    """Remove an access rule that no application credential uses."""
    ctx.db.run(_remove_rule, rule)


def _remove_rule(tx: Transaction, rule: AccessRule) -> None:
    if rows.rule_is_used(tx, rule.id):
        raise errors.Forbidden(f"The access rule {rule.id} is used by an application credential.")
    rows.delete_rule(tx, rule.id)
