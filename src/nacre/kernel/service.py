"""A service: what its package declares (the manifest), and what runs in a process (the Service).

A manifest is data.  It names the APIs, the options, the policies, the tables, the background work, and
the other services that this one needs.  A Service is a manifest with a database, a bus and a
clock; it makes the Context for every request and job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nacre.kernel.auth import Authenticator, Credentials
from nacre.kernel.config import Options
from nacre.kernel.context import Context
from nacre.kernel.http.api import Api
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Router
from nacre.kernel.http.stack import compose
from nacre.kernel.ids import new_request_id
from nacre.kernel.policy import Policy, Rule

if TYPE_CHECKING:
    from nacre.kernel.bus import Bus, Handlers
    from nacre.kernel.clock import Clock
    from nacre.kernel.db import Database, Schema
    from nacre.kernel.policy.decisions import Kind
    from nacre.kernel.process import Process
    from nacre.kernel.tasks import Reconciler, Runner, Workflow


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that the kernel must know of a service.

    name           the package's name; also the section in the configuration and the database's name
    apis           the HTTP APIs it serves; the first is the one that other services call
    options        its section of the configuration
    policies       every rule with its default
    policy_kinds   checks that its rules may use besides those of all services: kind → decision maker
    schema         its tables (with the kernel's `jobs` among them where it has background work)
    workflows, reconcilers   its background work
    rpc            the methods that it serves on the bus topic of its name
    subscriptions  event name → function (ctx, payload)
    needs          names of the services that its code calls
    on_start       called once the database is there and before anything is served; may run again
    authenticator  only identity's: how this process turns tokens into credentials
    control_exchange   under which name the outside expects its notifications ("nova"); its own by default
    """

    name: str
    apis: tuple[Api, ...]
    policies: tuple[Rule, ...]
    options: type[Options] = Options
    policy_kinds: Mapping[str, Kind] = field(default_factory=dict)
    schema: Schema | None = None
    workflows: tuple[Workflow[Any], ...] = ()
    reconcilers: tuple[Reconciler, ...] = ()
    rpc: Callable[[Service], Handlers] | None = None
    subscriptions: Mapping[str, Callable[[Context, Any], None]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    on_start: Callable[[Service], None] | None = None
    authenticator: Callable[[Service], Authenticator] | None = None
    control_exchange: str | None = None


class Service:
    """A service as it runs in one process."""

    def __init__(
        self,
        manifest: Manifest,
        process: Process,
        *,
        db: Database,
        bus: Bus,
        clock: Clock,
        config: Any,
        policy: Policy,
    ) -> None:
        self.manifest, self.process = manifest, process
        self.db, self.bus, self.clock, self.config, self.policy = db, bus, clock, config, policy
        self.runner: Runner | None = None
        self.memory: dict[str, Any] = {}
        """What the service keeps for the life of the process (caches, keys), by its own names."""
        self._routers = {
            api.name: Router(api.routes, trailing_slash=api.trailing_slash) for api in manifest.apis
        }
        self._proceed = compose()

    @property
    def name(self) -> str:
        """The service's name ("compute")."""
        return self.manifest.name

    @property
    def listening_since(self) -> datetime:
        """Since when this process hears what others report; who was silent before may have spoken in vain."""
        return self.process.started_at

    @cached_property
    def authenticator(self) -> Authenticator:
        """How tokens become credentials here."""
        return self.process.authenticator

    def router(self, api: Api) -> Router:
        """Return the routes of one of the service's APIs, compiled."""
        return self._routers[api.name]

    def handle(self, api: Api, req: Request) -> Response:
        """Serve a request in this thread."""
        req.service, req.api = self, api
        if not hasattr(req, "match"):
            req.match = self._routers[api.name].match(req.method, req.path)
        return self._proceed(req)

    # -- contexts ------------------------------------------------------------------------------

    def authenticate(self, token: str, *, request_id: str) -> Context:
        """Return the context of a token's bearer; raises Unauthorized."""
        return Context(self, self.authenticator(token), request_id=request_id, token=token)

    def anonymous_context(self, *, request_id: str) -> Context:
        """Return the context of somebody who showed no token, for public operations."""
        return Context(self, ANONYMOUS, request_id=request_id)

    def background_context(
        self,
        *,
        request_id: str | None = None,
        project_id: str | None = None,
        user_id: str | None = None,
    ) -> Context:
        """Return a context for work without a user's token.

        It remembers for whom it works, and calls other services as nacre's own service user.
        """
        credentials = Credentials(
            user_id=user_id or "", project_id=project_id, roles=("admin", "service"), is_admin_project=True
        )
        return Context(self, credentials, request_id=request_id or new_request_id(), as_service_user=True)


ANONYMOUS = Credentials(user_id="")
