"""Standings: what the tables say of somebody who bears a token for a scope.

A token says who, for what and until when.  Whether that still means anything, and with which roles, is
decided by reading the tables: the user, the project, their domains, the assignments.  None of it differs
between two tokens of the same bearer for the same scope, but for when they were made; so it is read
once and remembered as long as the tables do not change (token_memory).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nacre.services.identity.app.state import state_of
from nacre.services.identity.app.token_format import ScopeKind, Token
from nacre.services.identity.db import (
    application_credentials,
    projects,
    role_assignments,
    roles,
    trusts,
    users,
)
from nacre.services.identity.db.application_credentials import ApplicationCredential
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.roles import Role
from nacre.services.identity.db.tables import Target
from nacre.services.identity.db.trusts import Trust
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import TokenNotFound

if TYPE_CHECKING:
    from nacre.kernel.db import Transaction
    from nacre.kernel.service import Service


class Void(TokenNotFound):
    """A token that means nothing any more; the detail says why, the user hears only that."""

    def __init__(self, reason: str) -> None:
        super().__init__(detail=reason)


class Bearing(msgspec.Struct, frozen=True):
    """Who bears a token, and for what: all of it that the tables have something to say of."""

    user_id: str
    scope: ScopeKind
    scope_id: str | None
    application_credential_id: str | None
    trust_id: str | None

    @classmethod
    def of(cls, token: Token) -> Bearing:
        """Return what a token says of its bearer."""
        return cls(
            token.user_id, token.scope, token.scope_id, token.application_credential_id, token.trust_id
        )


class Standing(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the tables say of a bearer.

    `user` is as whom the bearer acts: in a trust with impersonation that is the trustor, and not the
    `bearer`.  Tokens that were issued before `since` are void: they were revoked all at once.
    """

    bearer: User
    user: User
    user_domain: Project
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    roles: tuple[Role, ...] = ()
    application_credential: ApplicationCredential | None = None
    trust: Trust | None = None
    since: datetime | None = None

    @property
    def shown(self) -> dict[bool, dict[str, msgspec.Raw]]:
        """What the API shows of it, with and without catalog, as far as that was rendered."""
        shown: dict[bool, dict[str, msgspec.Raw]] = self.__dict__.setdefault("_shown", {})
        return shown

    def uphold(self, token: Token, now: datetime) -> None:
        """Raise Void where time has made an end of the token, though nothing in the tables has changed."""
        if self.since is not None and token.issued_at < self.since:
            raise Void("it was issued before the tokens of its user, project or domain were revoked")
        for what, delegation in (
            ("the application credential", self.application_credential),
            ("the trust", self.trust),
        ):
            if delegation and delegation.expires_at is not None and delegation.expires_at <= now:
                raise Void(f"{what} has expired")


def standing_of(service: Service, token: Token) -> Standing:
    """Return what the tables say of a token's bearer; raises Void where they say no."""
    memory, bearing = state_of(service).tokens, Bearing.of(token)
    standing: Standing | None = memory.find(bearing)
    if standing is None:
        generation = memory.generation()
        standing = service.db.read(_look_up, bearing)
        memory.remember(generation, bearing, standing)
    standing.uphold(token, service.clock.now())
    return standing


def _look_up(tx: Transaction, bearing: Bearing) -> Standing:
    bearer, user_domain = _living_user(tx, bearing.user_id)
    if bearing.scope is ScopeKind.TRUST:
        return _by_trust(tx, bearing, bearer, user_domain)
    standing = Standing(
        bearer=bearer, user=bearer, user_domain=user_domain, since=_latest(bearer, user_domain)
    )
    if bearing.scope is ScopeKind.NONE:
        return standing
    if bearing.scope is ScopeKind.SYSTEM:
        held = role_assignments.effective_roles(tx, bearer.id, Target.SYSTEM, role_assignments.SYSTEM_ID)
        return _with_roles(standing, held)
    assert bearing.scope_id is not None
    if bearing.scope is ScopeKind.DOMAIN:
        domain = _living_domain(tx, bearing.scope_id)
        held = role_assignments.effective_roles(tx, bearer.id, Target.DOMAIN, domain.id)
        standing = msgspec.structs.replace(standing, domain=domain, since=_latest(standing, domain))
        return _with_roles(standing, held)
    standing = _on_project(tx, standing, bearing.scope_id)
    held = role_assignments.effective_roles(tx, bearer.id, Target.PROJECT, bearing.scope_id)
    if bearing.application_credential_id is not None:
        credential = _credential(tx, bearing.application_credential_id, bearer.id)
        standing = msgspec.structs.replace(standing, application_credential=credential)
        held = _delegated(tx, held, credential.role_ids)
    return _with_roles(standing, held)


def _by_trust(tx: Transaction, bearing: Bearing, bearer: User, bearer_domain: Project) -> Standing:
    """Look up somebody who acts in place of the trustor."""
    trust = trusts.find(tx, bearing.trust_id or "")
    if trust is None or trust.trustee_user_id != bearer.id:
        raise Void("the trust is gone")
    trustor, trustor_domain = _living_user(tx, trust.trustor_user_id)
    standing = Standing(
        bearer=bearer,
        user=trustor if trust.impersonation else bearer,
        user_domain=trustor_domain if trust.impersonation else bearer_domain,
        trust=trust,
        since=_latest(bearer, bearer_domain, trustor, trustor_domain),
    )
    if trust.project_id is None:
        return standing
    held = role_assignments.effective_roles(tx, trustor.id, Target.PROJECT, trust.project_id)
    standing = _on_project(tx, standing, trust.project_id)
    if not set(trust.role_ids) <= set(held):
        raise Void("the trustor no longer has all the roles of the trust")
    return _with_roles(standing, _delegated(tx, held, trust.role_ids))


def _delegated(tx: Transaction, held: dict[str, Role], role_ids: tuple[str, ...]) -> dict[str, Role]:
    """Return the roles that were passed on, with what they imply, as far as they are still held."""
    passed_on = roles.closure(roles.all_implications(tx), role_ids)
    return {id: role for id, role in held.items() if id in passed_on}


def _with_roles(standing: Standing, held: dict[str, Role]) -> Standing:
    if not held:
        raise Void("the user has no role there")
    ordered = sorted(held.values(), key=lambda role: role.name)
    return msgspec.structs.replace(standing, roles=tuple(ordered))


def _living_user(tx: Transaction, user_id: str) -> tuple[User, Project]:
    user = users.find(tx, user_id)
    if user is None:
        raise Void("the user does not exist")
    if not user.enabled:
        raise Void("the user is disabled")
    return user, _living_domain(tx, user.domain_id)


def _living_domain(tx: Transaction, domain_id: str) -> Project:
    domain = projects.find_untagged(tx, domain_id)
    if domain is None or not domain.is_domain:
        raise Void("the domain does not exist")
    if not domain.enabled:
        raise Void("the domain is disabled")
    return domain


def _on_project(tx: Transaction, standing: Standing, project_id: str) -> Standing:
    project = projects.find_untagged(tx, project_id)
    if project is None:
        raise Void("the project does not exist")
    if not project.enabled:
        raise Void("the project is disabled")
    domain = _living_domain(tx, project.own_domain_id)
    since = _latest(standing, project, domain)
    return msgspec.structs.replace(standing, project=project, project_domain=domain, since=since)


def _credential(tx: Transaction, credential_id: str, user_id: str) -> ApplicationCredential:
    credential = application_credentials.find(tx, credential_id)
    if credential is None or credential.user_id != user_id:
        raise Void("the application credential is gone")
    return credential


def _latest(*things: Standing | User | Project) -> datetime | None:
    """Return the moment before which a token stands on nothing any more."""
    moments = [each.since if isinstance(each, Standing) else each.tokens_valid_from for each in things]
    return max((moment for moment in moments if moment is not None), default=None)
