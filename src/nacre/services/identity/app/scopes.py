"""What a token shall be good for: a project, a domain, the system, a trust, or nothing in particular."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.services.identity.app.token_format import ScopeKind
from nacre.services.identity.db import projects, trusts
from nacre.services.identity.db.projects import NO_DOMAIN, Project
from nacre.services.identity.errors import AuthenticationFailed

if TYPE_CHECKING:
    from nacre.kernel.db import Transaction


class Scope(msgspec.Struct, frozen=True):
    """A kind of scope, and the id of the project, domain or trust."""

    kind: ScopeKind
    id: str | None = None


UNSCOPED = Scope(ScopeKind.NONE)
SYSTEM = Scope(ScopeKind.SYSTEM)


def resolve(tx: Transaction, asked: Mapping[str, Any]) -> Scope:
    """Turn the scope that a request names into ids; AuthenticationFailed for what does not exist."""
    if "project" in asked:
        return Scope(ScopeKind.PROJECT, _project_id(tx, asked["project"]))
    if "domain" in asked:
        return Scope(ScopeKind.DOMAIN, domain_id(tx, asked["domain"]))
    if "system" in asked:
        return SYSTEM
    if "OS-TRUST:trust" in asked:
        trust = trusts.find(tx, asked["OS-TRUST:trust"]["id"])
        if trust is None:
            raise AuthenticationFailed("the trust does not exist")
        return Scope(ScopeKind.TRUST, trust.id)
    return UNSCOPED


def domain_id(tx: Transaction, named: Mapping[str, Any]) -> str:
    """Return the id of a domain that is given by id or name."""
    found: Project | None
    if "id" in named:
        found = projects.find_untagged(tx, named["id"])
    else:
        found = projects.find_named(tx, NO_DOMAIN, named["name"])
    if found is None or not found.is_domain:
        raise AuthenticationFailed("the domain does not exist")
    return found.id


def _project_id(tx: Transaction, named: Mapping[str, Any]) -> str:
    """Return the id of a project that is given by id, or by name and domain."""
    if "id" in named:
        found = projects.find_untagged(tx, named["id"])
    else:
        found = projects.find_named(tx, domain_id(tx, named["domain"]), named["name"])
    if found is None:
        raise AuthenticationFailed("the project does not exist")
    return found.id
