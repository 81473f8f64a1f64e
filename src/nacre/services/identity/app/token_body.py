"""How the API shows a token: the body of its issue and of its validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel.clock import isoformat_micros
from nacre.services.identity.app.catalog import catalog
from nacre.services.identity.app.standings import Standing
from nacre.services.identity.app.token_format import ScopeKind
from nacre.services.identity.app.tokens import Grant
from nacre.services.identity.db.projects import Project

if TYPE_CHECKING:
    from nacre.kernel.service import Service


def rendered(service: Service, grant: Grant, *, with_catalog: bool) -> bytes:
    """Return the JSON text about a token."""
    token = grant.token
    shown = {
        "methods": token.methods,
        "audit_ids": token.audit_ids,
        "expires_at": isoformat_micros(token.expires_at),
        "issued_at": isoformat_micros(token.issued_at),
        **_of_bearer(service, grant, with_catalog),
    }
    return msgspec.json.encode({"token": shown})


def _of_bearer(service: Service, grant: Grant, with_catalog: bool) -> dict[str, msgspec.Raw]:
    """Return what the tokens of one standing have in common: rendered once for as long as that is remembered."""
    known = grant.standing.shown.get(with_catalog)
    if known is None:
        members = _bearer(service, grant.standing, grant.token.scope, with_catalog)
        known = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}
        grant.standing.shown[with_catalog] = known
    return known


def _bearer(service: Service, standing: Standing, scope: ScopeKind, with_catalog: bool) -> dict[str, Any]:
    """Return what the API shows under "token" of its bearer."""
    user = standing.user
    shown: dict[str, Any] = {
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": _named(standing.user_domain),
            "password_expires_at": isoformat_micros(user.password_expires_at),
        },
    }
    if standing.project is not None and standing.project_domain is not None:
        shown["project"] = _named(standing.project) | {"domain": _named(standing.project_domain)}
        shown["is_domain"] = standing.project.is_domain
    elif standing.domain is not None:
        shown["domain"] = _named(standing.domain)
    elif scope is ScopeKind.SYSTEM:
        shown["system"] = {"all": True}
    if scope is not ScopeKind.NONE:
        shown["roles"] = [{"id": role.id, "name": role.name} for role in standing.roles]
        if with_catalog:
            project_id = standing.project.id if standing.project else None
            shown["catalog"] = catalog(service, user_id=user.id, project_id=project_id)
    if credential := standing.application_credential:
        shown["application_credential"] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": not credential.unrestricted,
        }
        if credential.access_rules:
            shown["application_credential"]["access_rules"] = [
                {"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path}
                for rule in credential.access_rules
            ]
    if trust := standing.trust:
        shown["OS-TRUST:trust"] = {
            "id": trust.id,
            "impersonation": trust.impersonation,
            "trustor_user": {"id": trust.trustor_user_id},
            "trustee_user": {"id": trust.trustee_user_id},
        }
    return shown


def _named(thing: Project) -> dict[str, Any]:
    return {"id": thing.id, "name": thing.name}
