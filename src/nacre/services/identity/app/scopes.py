"""What a token shall be good for: a project, a domain, the system, a trust, or nothing in particular."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.services.identity.app.token_format import ScopeKind
from nacre.services.identity.db import projects, trusts
from nacre.services.identity.db.projects import NO_DOMAIN, Project
from nacre.services.identity.db.trusts import Trust
from nacre.services.identity.errors import AuthenticationFailed

if TYPE_CHECKING:
    from nacre.kernel.db import Database, Transaction


class Scope(msgspec.Struct, frozen=True):
    """A kind of scope, and the id of the project or domain, or the trust."""

    kind: ScopeKind
    id: str | None = None
    trust: Trust | None = None


UNSCOPED = Scope(ScopeKind.NONE)
SYSTEM = Scope(ScopeKind.SYSTEM)


def resolve(db: Database, asked: Mapping[str, Any]) -> Scope:
    """Turn the scope that a request names into ids; AuthenticationFailed for a name of nothing.

    Whether there is anything of an id shows when the token is weighed.
    """
    if "project" in asked:
        project = asked["project"]
        return Scope(ScopeKind.PROJECT, project["id"] if "id" in project else db.read(_project_id, project))
    if "domain" in asked:
        domain = asked["domain"]
        return Scope(ScopeKind.DOMAIN, domain["id"] if "id" in domain else db.read(domain_id, domain))
    if "system" in asked:
        return SYSTEM
    if "OS-TRUST:trust" in asked:
        trust = db.read(trusts.find, asked["OS-TRUST:trust"]["id"])
        if trust is None:
            raise AuthenticationFailed("the trust does not exist")
        return Scope(ScopeKind.TRUST, trust=trust)
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
    """Return the id of a project that is given by name and domain."""
    found = projects.find_named(tx, domain_id(tx, named["domain"]), named["name"])
    if found is None:
        raise AuthenticationFailed("the project does not exist")
    return found.id
