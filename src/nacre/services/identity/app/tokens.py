"""Tokens: issued to whoever proved who they are, weighed against the tables whenever they are shown.

A token says who, for what and until when (token_format).  Whether that still means anything, and
with which roles, is decided by reading the tables: the user, the project, their domains, the
assignments.  The result, a Grant, is remembered as long as the tables do not change (token_memory).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.auth import Authenticator, Credentials
from nacre.services.identity.app import token_format
from nacre.services.identity.app.state import change, state_of
from nacre.services.identity.app.token_format import ScopeKind, Token
from nacre.services.identity.db import (
    application_credentials,
    projects,
    role_assignments,
    roles,
    trusts,
    users,
)
from nacre.services.identity.db import tokens as rows
from nacre.services.identity.db.application_credentials import ApplicationCredential
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.roles import Role
from nacre.services.identity.db.tables import Target
from nacre.services.identity.db.trusts import Trust
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import TokenNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction
    from nacre.kernel.service import Service


class Void(TokenNotFound):
    """A token that means nothing any more; the detail says why, the user hears only that."""

    def __init__(self, reason: str) -> None:
        super().__init__(detail=reason)


class Grant(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A token together with what the tables say of it.

    `user` is as whom the bearer acts: in a trust with impersonation that is the trustor.
    """

    token: Token
    user: User
    user_domain: Project
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    roles: tuple[Role, ...] = ()
    application_credential: ApplicationCredential | None = None
    trust: Trust | None = None

    @property
    def credentials(self) -> Credentials:
        """What other services learn of the bearer."""
        known = self.__dict__.get("_credentials")
        if known is None:
            known = self.__dict__["_credentials"] = self._make_credentials()
        return known

    @property
    def bodies(self) -> dict[bool, bytes]:
        """The HTTP answers about this token that were rendered: with and without catalog."""
        bodies: dict[bool, bytes] = self.__dict__.setdefault("_bodies", {})
        return bodies

    def _make_credentials(self) -> Credentials:
        project, project_domain, domain = self.project, self.project_domain, self.domain
        return Credentials(
            user_id=self.user.id,
            user_name=self.user.name,
            user_domain_id=self.user_domain.id,
            user_domain_name=self.user_domain.name,
            project_id=project.id if project else None,
            project_name=project.name if project else None,
            project_domain_id=project_domain.id if project_domain else None,
            project_domain_name=project_domain.name if project_domain else None,
            domain_id=domain.id if domain else None,
            domain_name=domain.name if domain else None,
            system_scope="all" if self.token.scope is ScopeKind.SYSTEM else None,
            roles=tuple(role.name for role in self.roles),
            methods=self.token.methods,
            audit_ids=self.token.audit_ids,
            expires_at=self.token.expires_at,
            application_credential_id=self.token.application_credential_id,
            trust_id=self.token.trust_id,
        )


# -- weighing -------------------------------------------------------------------------------------


def weigh(tx: Transaction, token: Token) -> Grant:
    """Return what a token means now; raises Void if nothing.  Its expiry is the caller's business."""
    if rows.is_revoked(tx, token.audit_id):
        raise Void("it was revoked")
    bearer = _living_user(tx, token.user_id, token.issued_at)
    if token.scope is ScopeKind.TRUST:
        return _weigh_trust(tx, token, bearer)
    grant = Grant(token=token, user=bearer[0], user_domain=bearer[1])
    if token.scope is ScopeKind.NONE:
        return grant
    if token.scope is ScopeKind.SYSTEM:
        held = role_assignments.effective_roles(tx, token.user_id, Target.SYSTEM, role_assignments.SYSTEM_ID)
        return _with_roles(grant, held)
    assert token.scope_id is not None
    if token.scope is ScopeKind.DOMAIN:
        domain = _living_domain(tx, token.scope_id, token.issued_at)
        held = role_assignments.effective_roles(tx, token.user_id, Target.DOMAIN, domain.id)
        return _with_roles(msgspec.structs.replace(grant, domain=domain), held)
    project, project_domain = _living_project(tx, token.scope_id, token.issued_at)
    grant = msgspec.structs.replace(grant, project=project, project_domain=project_domain)
    held = role_assignments.effective_roles(tx, token.user_id, Target.PROJECT, project.id)
    if token.application_credential_id is not None:
        credential = _living_credential(tx, token)
        grant = msgspec.structs.replace(grant, application_credential=credential)
        held = _delegated(tx, held, credential.role_ids)
    return _with_roles(grant, held)


def _weigh_trust(tx: Transaction, token: Token, bearer: tuple[User, Project]) -> Grant:
    """Weigh a token by which somebody acts in place of the trustor."""
    trust = trusts.find(tx, token.trust_id or "")
    if trust is None or trust.trustee_user_id != token.user_id:
        raise Void("the trust is gone")
    if trust.expires_at is not None and trust.expires_at <= tx.now():
        raise Void("the trust has expired")
    trustor, trustor_domain = _living_user(tx, trust.trustor_user_id, token.issued_at)
    user, user_domain = (trustor, trustor_domain) if trust.impersonation else bearer
    grant = Grant(token=token, user=user, user_domain=user_domain, trust=trust)
    if trust.project_id is None:
        return grant
    project, project_domain = _living_project(tx, trust.project_id, token.issued_at)
    held = role_assignments.effective_roles(tx, trustor.id, Target.PROJECT, project.id)
    if not set(trust.role_ids) <= set(held):
        raise Void("the trustor no longer has all the roles of the trust")
    grant = msgspec.structs.replace(grant, project=project, project_domain=project_domain)
    return _with_roles(grant, _delegated(tx, held, trust.role_ids))


def _delegated(tx: Transaction, held: dict[str, Role], role_ids: tuple[str, ...]) -> dict[str, Role]:
    """Return the roles that were passed on, with what they imply, as far as they are still held."""
    passed_on = roles.closure(roles.all_implications(tx), role_ids)
    return {id: role for id, role in held.items() if id in passed_on}


def _with_roles(grant: Grant, held: dict[str, Role]) -> Grant:
    if not held:
        raise Void("the user has no role there")
    ordered = sorted(held.values(), key=lambda role: role.name)
    return msgspec.structs.replace(grant, roles=tuple(ordered))


def _living_user(tx: Transaction, user_id: str, issued_at: datetime) -> tuple[User, Project]:
    user = users.find(tx, user_id)
    if user is None:
        raise Void("the user does not exist")
    if not user.enabled:
        raise Void("the user is disabled")
    _refuse_older(issued_at, user.tokens_valid_from, "the user")
    return user, _living_domain(tx, user.domain_id, issued_at)


def _living_domain(tx: Transaction, domain_id: str, issued_at: datetime) -> Project:
    domain = projects.find_untagged(tx, domain_id)
    if domain is None or not domain.is_domain:
        raise Void("the domain does not exist")
    if not domain.enabled:
        raise Void("the domain is disabled")
    _refuse_older(issued_at, domain.tokens_valid_from, "the domain")
    return domain


def _living_project(tx: Transaction, project_id: str, issued_at: datetime) -> tuple[Project, Project]:
    project = projects.find_untagged(tx, project_id)
    if project is None:
        raise Void("the project does not exist")
    if not project.enabled:
        raise Void("the project is disabled")
    _refuse_older(issued_at, project.tokens_valid_from, "the project")
    return project, _living_domain(tx, project.own_domain_id, issued_at)


def _living_credential(tx: Transaction, token: Token) -> ApplicationCredential:
    credential = application_credentials.find(tx, token.application_credential_id or "")
    if credential is None or credential.user_id != token.user_id:
        raise Void("the application credential is gone")
    if credential.expires_at is not None and credential.expires_at <= tx.now():
        raise Void("the application credential has expired")
    return credential


def _refuse_older(issued_at: datetime, valid_from: datetime | None, whose: str) -> None:
    if valid_from is not None and issued_at < valid_from:
        raise Void(f"it was issued before the tokens of {whose} were revoked")


# -- validating -----------------------------------------------------------------------------------


def validate(service: Service, text: str, *, grace: timedelta = timedelta()) -> Grant:
    """Return what a token means now; raises TokenNotFound.  `grace` is how long ago it may have expired."""
    memory = state_of(service).tokens
    grant: Grant | None = memory.find(text)
    if grant is None:
        generation = memory.generation()
        token = token_format.unseal(state_of(service).token_keys, text)
        grant = service.db.read(weigh, token)
        memory.remember(generation, text, grant)
    if grant.token.expires_at + grace <= service.clock.now():
        raise Void("it has expired")
    return grant


def authenticator(service: Service) -> Authenticator:
    """Return how this process turns a token into credentials, at every request of every service."""

    def authenticate(text: str) -> Credentials:
        try:
            return validate(service, text).credentials
        except TokenNotFound as error:
            raise errors.Unauthorized(detail=error.detail) from None

    return authenticate


# -- issuing and revoking ---------------------------------------------------------------------------


def issue(service: Service, token: Token) -> str:
    """Return a token's text."""
    return token_format.seal(state_of(service).token_keys, token)


def revoke(ctx: Context, grant: Grant) -> None:
    """Make one token void; those that were got from it, or that it was got from, stay valid."""
    token = grant.token
    noted_until = token.expires_at + timedelta(seconds=ctx.config.allow_expired_seconds)
    change(ctx, rows.revoke, token.audit_id, noted_until)


def revoke_earlier(tx: Transaction) -> dict[str, Any]:
    """Return the column to change on a user, project or domain whose tokens so far become void."""
    return {"tokens_valid_from": tx.now()}
