"""Who asks: what a token says, and how any service finds out.

Where identity lives in this process, it is asked directly at every request, so a revocation
holds at once.  Elsewhere `GET /v3/auth/tokens` is asked over HTTP and the answer kept for a few
seconds: within that time a revoked token still works there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.clock import Clock
from nacre.kernel.policy import Credentials as PolicyCredentials

CACHE_SECONDS = 10.0
CACHE_SIZE = 10_000


class Credentials(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a valid token says of its bearer.

    Exactly one of project_id, domain_id and system_scope is set in a scoped token; none in an
    unscoped one.  `roles` holds names, implied roles included.
    """

    user_id: str
    user_name: str = ""
    user_domain_id: str = ""
    user_domain_name: str = ""
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system_scope: str | None = None
    roles: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    audit_ids: tuple[str, ...] = ()
    expires_at: datetime | None = None
    application_credential_id: str | None = None
    trust_id: str | None = None
    is_admin_project: bool = True

    @property
    def policy_view(self) -> PolicyCredentials:
        """The attributes that policy rules may name."""
        view = self.__dict__.get("_policy_view")
        if view is None:
            view = self.__dict__["_policy_view"] = PolicyCredentials(
                {
                    "user_id": self.user_id,
                    "user": self.user_id,
                    "project_id": self.project_id,
                    "tenant_id": self.project_id,
                    "tenant": self.project_id,
                    "domain_id": self.domain_id,
                    "user_domain_id": self.user_domain_id,
                    "project_domain_id": self.project_domain_id,
                    "system_scope": self.system_scope,
                    "roles": list(self.roles),
                    "is_admin": "admin" in self.roles,
                    "is_admin_project": self.is_admin_project,
                    "trust_id": self.trust_id,
                    "token": self._token_view(),
                }
            )
        return view

    def _token_view(self) -> dict[str, Any]:
        """What rules written for identity may say of a token: `token.project.domain.id`, `token.domain.id`."""
        return {
            "user": {"id": self.user_id, "domain": {"id": self.user_domain_id}},
            "project": {"id": self.project_id, "domain": {"id": self.project_domain_id}},
            "domain": {"id": self.domain_id},
        }


Authenticator = Callable[[str], Credentials]
"""Turns a token into credentials, or raises Unauthorized."""


class CachingAuthenticator:
    """Asks identity over HTTP and remembers the answer for a short time."""

    def __init__(self, ask: Authenticator, clock: Clock, *, seconds: float = CACHE_SECONDS) -> None:
        self._ask, self._clock, self._seconds = ask, clock, seconds
        self._known: OrderedDict[str, tuple[float, Credentials]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, token: str) -> Credentials:
        now = self._clock.monotonic()
        with self._lock:
            known = self._known.get(token)
        if known and known[0] > now and not _has_expired(known[1], self._clock):
            return known[1]
        credentials = self._ask(token)
        with self._lock:
            self._known[token] = (now + self._seconds, credentials)
            self._known.move_to_end(token)
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return credentials


def _has_expired(credentials: Credentials, clock: Clock) -> bool:
    return credentials.expires_at is not None and credentials.expires_at <= clock.now()


def from_token_body(body: dict[str, Any]) -> Credentials:
    """Read the answer of `GET /v3/auth/tokens` (Identity API v3, validating a token)."""
    try:
        token = body["token"]
        user = token["user"]
        project, domain = token.get("project") or {}, token.get("domain") or {}
        return Credentials(
            user_id=user["id"],
            user_name=user["name"],
            user_domain_id=user["domain"]["id"],
            user_domain_name=user["domain"].get("name", ""),
            project_id=project.get("id"),
            project_name=project.get("name"),
            project_domain_id=(project.get("domain") or {}).get("id"),
            project_domain_name=(project.get("domain") or {}).get("name"),
            domain_id=domain.get("id"),
            domain_name=domain.get("name"),
            system_scope="all" if (token.get("system") or {}).get("all") else None,
            roles=tuple(role["name"] for role in token.get("roles", ())),
            methods=tuple(token.get("methods", ())),
            audit_ids=tuple(token.get("audit_ids", ())),
            expires_at=datetime.fromisoformat(token["expires_at"]),
            application_credential_id=(token.get("application_credential") or {}).get("id"),
        )
    except (KeyError, TypeError, ValueError):
        raise errors.Unavailable("Identity answered with something that is not a token.") from None
