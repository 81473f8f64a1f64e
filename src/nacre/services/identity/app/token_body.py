"""How the API shows a token: the body of its issue and of its validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel.clock import isoformat_micros
from nacre.services.identity.app.catalog import catalog
from nacre.services.identity.app.token_format import ScopeKind
from nacre.services.identity.app.tokens import Grant
from nacre.services.identity.db.projects import Project

if TYPE_CHECKING:
    from nacre.kernel.service import Service


def rendered(service: Service, grant: Grant, *, with_catalog: bool) -> bytes:
    """Return the JSON text about a token; made once for as long as the grant is remembered."""
    known = grant.bodies.get(with_catalog)
    if known is None:
        known = msgspec.json.encode({"token": body(service, grant, with_catalog=with_catalog)})
        grant.bodies[with_catalog] = known
    return known


def body(service: Service, grant: Grant, *, with_catalog: bool) -> dict[str, Any]:
    """Return what the API shows under "token"."""
    token, user = grant.token, grant.user
    shown: dict[str, Any] = {
        "methods": list(token.methods),
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": _named(grant.user_domain),
            "password_expires_at": isoformat_micros(user.password_expires_at),
        },
        "audit_ids": list(token.audit_ids),
        "expires_at": isoformat_micros(token.expires_at),
        "issued_at": isoformat_micros(token.issued_at),
    }
    if grant.project is not None and grant.project_domain is not None:
        shown["project"] = _named(grant.project) | {"domain": _named(grant.project_domain)}
        shown["is_domain"] = grant.project.is_domain
    elif grant.domain is not None:
        shown["domain"] = _named(grant.domain)
    elif token.scope is ScopeKind.SYSTEM:
        shown["system"] = {"all": True}
    if token.scope is not ScopeKind.NONE:
        shown["roles"] = [{"id": role.id, "name": role.name} for role in grant.roles]
        if with_catalog:
            project_id = grant.project.id if grant.project else None
            shown["catalog"] = catalog(service, user_id=user.id, project_id=project_id)
    if credential := grant.application_credential:
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
    if trust := grant.trust:
        shown["OS-TRUST:trust"] = {
            "id": trust.id,
            "impersonation": trust.impersonation,
            "trustor_user": {"id": trust.trustor_user_id},
            "trustee_user": {"id": trust.trustee_user_id},
        }
    return shown


def _named(thing: Project) -> dict[str, Any]:
    return {"id": thing.id, "name": thing.name}
