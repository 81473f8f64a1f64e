"""Tokens: issued to whoever proved who they are, weighed against the tables whenever they are shown.

A token says who, for what and until when (token_format).  Whether that still means anything, and
with which roles, is decided by reading the tables (standings).  The result, a Grant, is remembered as
long as the tables do not change (token_memory).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.auth import Authenticator, Credentials
from nacre.services.identity.app import token_format
from nacre.services.identity.app.standings import Standing, Void, standing_of
from nacre.services.identity.app.state import change, state_of
from nacre.services.identity.app.token_format import ScopeKind, Token
from nacre.services.identity.db import tokens as rows
from nacre.services.identity.errors import TokenNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction
    from nacre.kernel.service import Service


class Grant(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A token together with what the tables say of its bearer."""

    token: Token
    standing: Standing

    @property
    def credentials(self) -> Credentials:
        """What other services learn of the bearer."""
        known = self.__dict__.get("_credentials")
        if known is None:
            known = self.__dict__["_credentials"] = self._make_credentials()
        return known

    def _make_credentials(self) -> Credentials:
        token, standing = self.token, self.standing
        project, project_domain, domain = standing.project, standing.project_domain, standing.domain
        return Credentials(
            user_id=standing.user.id,
            user_name=standing.user.name,
            user_domain_id=standing.user_domain.id,
            user_domain_name=standing.user_domain.name,
            project_id=project.id if project else None,
            project_name=project.name if project else None,
            project_domain_id=project_domain.id if project_domain else None,
            project_domain_name=project_domain.name if project_domain else None,
            domain_id=domain.id if domain else None,
            domain_name=domain.name if domain else None,
            system_scope="all" if token.scope is ScopeKind.SYSTEM else None,
            roles=tuple(role.name for role in standing.roles),
            methods=token.methods,
            audit_ids=token.audit_ids,
            expires_at=token.expires_at,
            application_credential_id=token.application_credential_id,
            trust_id=token.trust_id,
        )


# -- validating -----------------------------------------------------------------------------------


def validate(service: Service, text: str, *, grace: timedelta = timedelta()) -> Grant:
    """Return what a token means now; raises TokenNotFound.  `grace` is how long ago it may have expired."""
    memory = state_of(service).tokens
    grant: Grant | None = memory.find(text)
    if grant is None:
        generation = memory.generation()
        token = token_format.unseal(state_of(service).token_keys, text)
        if service.db.read(rows.is_revoked, token.audit_id):
            raise Void("it was revoked")
        grant = Grant(token=token, standing=standing_of(service, token))
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


def issue(service: Service, token: Token) -> tuple[str, Grant]:
    """Return a new token's text and what it means; raises Void where it would mean nothing."""
    memory = state_of(service).tokens
    generation = memory.generation()
    grant = Grant(token=token, standing=standing_of(service, token))
    text = token_format.seal(state_of(service).token_keys, token)
    memory.remember(generation, text, grant)
    return text, grant


def revoke(ctx: Context, grant: Grant) -> None:
    """Make one token void; those that were got from it, or that it was got from, stay valid."""
    token = grant.token
    noted_until = token.expires_at + timedelta(seconds=ctx.config.allow_expired_seconds)
    change(ctx, rows.revoke, token.audit_id, noted_until)


def revoke_earlier(tx: Transaction) -> dict[str, Any]:
    """Return the column to change on a user, project or domain whose tokens so far become void."""
    return {"tokens_valid_from": tx.now()}
