"""Context: on whose behalf something is done, and what the doing may use.

`ctx` is the first argument of everything above the database.  It is made by the stack for a
request and by the task runner for background work, belongs to one service, and never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nacre.kernel.auth import Credentials
from nacre.kernel.client import Reply

if TYPE_CHECKING:
    from nacre.kernel.bus import Bus
    from nacre.kernel.clock import Clock
    from nacre.kernel.db import Database
    from nacre.kernel.policy import Rule
    from nacre.kernel.service import Service


class Context:
    """Who asks (credentials), under which request id, and the service that works on it."""

    __slots__ = ("service", "credentials", "request_id", "token", "project_id", "user_id", "as_service_user")

    def __init__(
        self,
        service: Service,
        credentials: Credentials,
        *,
        request_id: str,
        token: str | None = None,
        as_service_user: bool = False,
    ) -> None:
        self.service, self.credentials = service, credentials
        self.request_id, self.token = request_id, token
        self.project_id: str | None = credentials.project_id
        self.user_id: str = credentials.user_id
        self.as_service_user = as_service_user

    # -- who ---------------------------------------------------------------------------------

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the caller's roles, implied ones included."""
        return self.credentials.roles

    @property
    def is_admin(self) -> bool:
        """Tell whether the caller may see and do everything (the rule `context_is_admin`)."""
        return "admin" in self.credentials.roles

    @property
    def domain_id(self) -> str | None:
        """The domain that the token is scoped to, if it is scoped to one."""
        return self.credentials.domain_id

    @property
    def system_scope(self) -> str | None:
        """ "all" in a system-scoped token, else None."""
        return self.credentials.system_scope

    def can(self, rule: Rule, target: Any = None) -> bool:
        """Hold a policy rule against a target: a mapping, a record, or the caller's own project."""
        if target is None:
            target = {
                "project_id": self.project_id,
                "tenant_id": self.project_id,
                "user_id": self.user_id,
                "domain_id": self.domain_id,
            }
        return self.service.policy.check(rule, self.credentials.policy_view, target)

    # -- what may be used ----------------------------------------------------------------------

    @property
    def db(self) -> Database:
        """The service's own database."""
        return self.service.db

    @property
    def bus(self) -> Bus:
        """The bus to agents and to other processes."""
        return self.service.bus

    @property
    def config(self) -> Any:
        """The service's options."""
        return self.service.config

    @property
    def clock(self) -> Clock:
        """The time of day."""
        return self.service.clock

    def call(
        self,
        service_type: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, Any] | None = None,
        version: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Call another service's API with this context's token; raises its refusal by meaning.

        Only a service's `client.py` calls this.  Never call while a transaction is open.
        """
        return self.service.process.client(service_type).request(
            self, method, path, body=body, query=query, version=version, headers=headers
        )

    def as_service(self) -> Context:
        """Return the same context with the service's own credentials, for what the user may not do."""
        return self.service.background_context(
            request_id=self.request_id, project_id=self.project_id, user_id=self.user_id
        )
