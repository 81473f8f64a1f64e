"""One process of a cloud: some services, their databases, one bus, one clock, and the shell.

The same class builds the cloud on a laptop (every service), a process of a large cloud (one of
them), and the cloud inside a test (no sockets at all).  It knows services only as manifests.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nacre.kernel import errors, events
from nacre.kernel.attendance import Attendance
from nacre.kernel.auth import Authenticator, CachingAuthenticator, Credentials, from_token_body
from nacre.kernel.bus import Bus, BusOptions, Subscription, open_bus
from nacre.kernel.catalog import Catalog
from nacre.kernel.client import Client, LocalClient, RemoteClient
from nacre.kernel.clock import Clock
from nacre.kernel.config import ConfigFile, Options
from nacre.kernel.context import Context
from nacre.kernel.db import Database, answers, prepare
from nacre.kernel.db.kernel_tables import KERNEL_SCHEMA, known_revision
from nacre.kernel.db.migrations import revision_of
from nacre.kernel.http.api import Api
from nacre.kernel.http.app import Shell, listen
from nacre.kernel.ids import new_request_id
from nacre.kernel.policy import Policy
from nacre.kernel.pool import CompensatingPool
from nacre.kernel.service import ANONYMOUS, Manifest, Service
from nacre.kernel.shared_key import SharedKey
from nacre.kernel.tasks import Crew, Runner
from nacre.kernel.tasks.crew import LEASE_SECONDS
from nacre.kernel.tasks.neighbours import share as share_hints

logger = logging.getLogger(__name__)

IDENTITY = "identity"
FRONT_PORT = 8999
TOKEN_RENEWAL = timedelta(minutes=5)
DATABASE_PAUSE_SECONDS = 1.0
RUNNABLE_THREADS, BESIDE_LONG_ONES = 4, 3
"""Where a database server is waited for, four run; where it is files, one, and those that take long beside it."""


class PortScheme(Protocol):
    """Where APIs listen."""

    def of(self, usual: int) -> int | None:
        """Return the port of an API whose usual port is given; None if it has none of its own."""

    def front(self, usual: int) -> int:
        """Return the front port."""


class ProcessOptions(Options, frozen=True, kw_only=True):
    """The section [process] of the configuration."""

    runnable_threads: int | None = None
    """How many threads answer requests at once; those that wait for something do not count. By default one where state
    is kept in files, beside which short requests pass long ones, and four where a database server is waited for."""
    maximum_threads: int = 128
    """How many threads there may be with those that wait."""
    task_threads: int = 8
    """How many steps of background jobs run at once."""
    lease_seconds: float = LEASE_SECONDS
    """How long a job is left to a process that says nothing more, before another goes on with it."""
    public_host: str | None = None
    """The host name in the catalog; by default the address that is listened on."""
    public_scheme: str = "http"
    """`https` in the catalog where a proxy in front of the cloud speaks it."""
    proxies: tuple[str, ...] = ("127.0.0.1",)
    """Addresses of proxies whose `X-Forwarded-Proto` and `X-Forwarded-For` are believed."""
    drain_seconds: float = 0.0
    """How long a process that was told to end still takes requests, while `/healthcheck` tells proxies to go away."""
    finish_seconds: float = 30.0
    """How long requests and steps of jobs may then take that are under way."""


class DatabaseOptions(Options, frozen=True, kw_only=True):
    """The section [database]: where state is kept."""

    url: str | None = None
    """`postgresql://…/nacre_{service}` or `mysql://…`; by default one SQLite file for each service."""
    synchronous: str = "NORMAL"
    """How far SQLite waits for the disk: NORMAL may lose the last moments at a power cut, FULL nothing."""


class ServiceUser(msgspec.Struct, frozen=True, kw_only=True):
    """The account by which services call each other."""

    name: str
    password: str
    project: str = "service"
    domain: str = "default"

    def __repr__(self) -> str:
        return f"ServiceUser(name={self.name!r})"


def public_address(
    options: ProcessOptions, ports: PortScheme, address: str, usual_port: int, prefix: str
) -> str:
    """Return the root address of an API as clients reach it, for whoever knows its usual port and prefix."""
    host = options.public_host or address
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    port = ports.of(usual_port)
    if port is None:
        return f"{options.public_scheme}://{host}:{ports.front(FRONT_PORT)}/{prefix}"
    return f"{options.public_scheme}://{host}:{port}"


class Process:
    """Services that run together."""

    def __init__(
        self,
        manifests: Sequence[Manifest],
        *,
        state: Path,
        ports: PortScheme,
        config: ConfigFile | None = None,
        address: str = "127.0.0.1",
        bus: Bus | None = None,
        clock: Clock | None = None,
        service_user: ServiceUser | None = None,
        shared_key: SharedKey | None = None,
        told_to_hosts: Callable[[str], Mapping[str, Any]] | None = None,
        elsewhere: Mapping[str, str] | None = None,
        policy_overrides: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        """Assemble; nothing runs until `start`.

        shared_key  where there are several control nodes: the secret that they share
        told_to_hosts   host → what its agents must know, besides the broker, when it joins
        elsewhere   service name → base address of the services that other processes serve; where identity
                    is among them, or here, the catalog knows the rest
        """
        self.state, self.ports, self.address = state, ports, address
        self.config = config or ConfigFile()
        self.options = self.config.section("process", ProcessOptions)
        self.clock = clock or Clock()
        self.started_at = self.clock.now()
        bus_options = self.config.section("bus", BusOptions)
        self.bus: Bus = bus or open_bus(bus_options, name=socket.gethostname())
        self._control_exchanges = bus_options.control_exchanges
        self._owns_bus = bus is None
        self.service_user, self.shared_key, self.told_to_hosts = service_user, shared_key, told_to_hosts
        self.pool = self._make_pool()
        self._crew = Crew(
            self.pool, jobs_at_once=self.options.task_threads, lease_seconds=self.options.lease_seconds
        )
        self._elsewhere = dict(elsewhere or {})
        self._clients: dict[str, Client] = {}
        self._catalog = Catalog(self._ask_catalog, self.clock)
        self._ending = False
        self._token: tuple[str, datetime] | None = None
        self._token_lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._stop_hints: list[Callable[[], None]] = []
        self._made_secrets: dict[str, bytes] = {}
        self.shell: Shell | None = None
        self.services: dict[str, Service] = {
            manifest.name: self._assemble(
                manifest, policy_overrides(manifest.name) if policy_overrides else {}
            )
            for manifest in manifests
        }
        self.attendance = self._make_attendance()
        self._check_needs()

    def _make_pool(self) -> CompensatingPool:
        runnable, maximum = self.options.runnable_threads, self.options.maximum_threads
        if runnable is None and self.config.section("database", DatabaseOptions).url is None:
            return CompensatingPool(runnable=1, beside=BESIDE_LONG_ONES, maximum=maximum)
        return CompensatingPool(runnable=runnable or RUNNABLE_THREADS, maximum=maximum)

    def _check_needs(self) -> None:
        """Raise ValueError for a service whose needs are neither here nor elsewhere."""
        if IDENTITY in self.services or IDENTITY in self._elsewhere:
            return  # whose catalog knows all others
        for service in self.services.values():
            for need in service.manifest.needs:
                if need not in self.services and need not in self._elsewhere:
                    raise ValueError(f"{service.name} needs {need}, which is neither here nor elsewhere")

    def _make_attendance(self) -> Attendance:
        revisions = {
            service.db: known_revision(service.manifest.schema)
            for service in self.services.values()
            if service.manifest.schema is not None
        }
        return Attendance(self.state / "db", revisions, self.clock, tidy=(answers.sweep,))

    def _assemble(self, manifest: Manifest, overrides: Mapping[str, str]) -> Service:
        database = self.config.section("database", DatabaseOptions)
        policy = Policy(manifest.policies, overrides, kinds=manifest.policy_kinds)
        for problem in policy.problems:
            logger.warning("%s: %s", manifest.name, problem)
        url = (
            database.url.replace("{service}", manifest.name)
            if database.url
            else f"sqlite:///{self.state / 'db' / (manifest.name + '.sqlite')}"
        )
        exchange = self._control_exchanges.get(manifest.name, manifest.control_exchange)
        return Service(
            replace(manifest, control_exchange=exchange),
            self,
            db=Database(url, synchronous=database.synchronous, clock=self.clock),
            bus=self.bus,
            clock=self.clock,
            config=self.config.section(manifest.name, manifest.options),
            policy=policy,
        )

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring databases up to date, prepare the services, start background work and the bus."""
        (self.state / "db").mkdir(parents=True, exist_ok=True, mode=0o700)
        for service in self.services.values():
            manifest = service.manifest
            if manifest.schema is not None:
                prepare(service.db, KERNEL_SCHEMA)
                prepare(service.db, manifest.schema)
        self.attendance.start()
        for service in self.services.values():
            if service.manifest.on_start:
                service.manifest.on_start(service)
        for service in self.services.values():
            if service.manifest.rpc:
                self._subscriptions.append(
                    self.bus.serve(service.name, service.manifest.rpc(service), group=service.name)
                )
            self._subscriptions += events.subscribe(service)
        for service in self.services.values():
            self._start_runner(service)

    def _start_runner(self, service: Service) -> None:
        manifest = service.manifest
        if not manifest.workflows and not manifest.reconcilers:
            return
        service.runner = Runner(
            service.db,
            workflows=manifest.workflows,
            reconcilers=manifest.reconcilers,
            make_context=lambda job: service.background_context(
                request_id=job.request_id, project_id=job.project_id, user_id=job.user_id
            ),
            owner=f"{socket.gethostname()}:{self.state}:{service.name}",
            lock_file=self.state / "db" / f"{service.name}.runner",
            crew=self._crew,
            outages=lambda: self._outages_for(service),
            clock=self.clock,
        )
        service.runner.start()
        self._stop_hints.append(share_hints(service.db, self.bus, service.name, service.runner.wake))

    def _outages_for(self, service: Service) -> int:
        """Count the outages of what a service hears from others by, as far as they are over."""
        clients = sum(client.outages() for client in list(self._clients.values()))
        return service.db.outages + self.bus.outages + clients

    def serve(self, *, on_ready: Callable[[], None] | None = None, front: bool = True) -> None:
        """Open the sockets and serve until `stop`; call after `start`.

        Without `front` only the APIs' own ports are opened, so that several processes fit on one address.
        """
        by_port, front_port, by_prefix = self.mounts()
        ports = {*by_port, front_port} if front or not by_port else {*by_port}
        self.shell = Shell(
            by_port,
            front_port,
            by_prefix,
            self.pool,
            finish_seconds=self.options.finish_seconds,
            proxies=self.options.proxies,
        )
        if self._ending:
            return
        self.shell.serve(listen(self.address, sorted(ports)), on_ready=on_ready)

    def mounts(
        self,
    ) -> tuple[dict[int, tuple[Service, Api]], int, dict[str, tuple[Service, Api]]]:
        """Return which API is served on which port, the front port, and the prefixes on that."""
        by_port, by_prefix = {}, {}
        for service in self.services.values():
            for api in service.manifest.apis:
                by_prefix[api.prefix] = (service, api)
                port = self.ports.of(api.port)
                if port is not None:
                    by_port[port] = (service, api)
        return by_port, self.ports.front(FRONT_PORT), by_prefix

    def end(self) -> None:
        """Have `serve` return in order: proxies are sent away, then no more is accepted, then all is answered.

        May be called from a signal's handler; the second call does not wait for proxies any more.
        """
        again, self._ending = self._ending, True
        if again or self.shell is None or not self.options.drain_seconds:
            self.stop_serving()
            return
        self.shell.draining = True
        timer = threading.Timer(self.options.drain_seconds, self.stop_serving)
        timer.daemon = True
        timer.start()

    def stop_serving(self) -> None:
        """Have `serve` return once running requests are answered."""
        if self.shell is not None:
            self.shell.stop()

    def stop(self) -> None:
        """Stop serving, let running requests and steps end, close everything."""
        self.stop_serving()
        for stop_hints in self._stop_hints:
            stop_hints()
        self._stop_runners()
        self._crew.close()
        for subscription in self._subscriptions:
            subscription.close()
        if self._owns_bus:
            self.bus.close()
        self.pool.close()
        self.attendance.stop()
        for service in self.services.values():
            service.db.close()

    def _stop_runners(self) -> None:
        """Stop all runners at once, so that none takes a job while another finishes its own."""
        seconds = {"timeout_seconds": self.options.finish_seconds}
        stopping = [
            threading.Thread(target=service.runner.stop, kwargs=seconds, name=f"stop-{service.name}")
            for service in self.services.values()
            if service.runner is not None
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def wait_for_databases(self, on_wait: Callable[[str], None]) -> bool:
        """Return True once every database answers, False when the process is to end; `on_wait` hears why."""
        for service in self.services.values():
            said = ""
            while not self._ending:
                try:
                    revision_of(service.db)
                    break
                except errors.Unavailable as error:
                    if not said:
                        on_wait(
                            said := f"the database of {service.name} does not answer: {error.detail or error}"
                        )
                    time.sleep(DATABASE_PAUSE_SECONDS)
        return not self._ending

    # -- addresses -----------------------------------------------------------------------------

    def public_url(self, api_name: str) -> str:
        """Return the root address of an API as clients reach it, without a trailing slash."""
        api = self._api(api_name)
        if api is not None:
            return self.address_of(api)
        return (self._elsewhere.get(api_name) or self._catalogued(api_name, "public")).rstrip("/")

    def address_of(self, api: Api) -> str:
        """Return the root address of an API as clients reach it, whichever process of this cloud serves it."""
        if api.name in self._elsewhere:
            return self._elsewhere[api.name].rstrip("/")
        return public_address(self.options, self.ports, self.address, api.port, api.prefix)

    def apis(self) -> list[Api]:
        """Return every API that this process serves."""
        return [api for service in self.services.values() for api in service.manifest.apis]

    def _api(self, name: str) -> Api | None:
        """Return an API of this process by its own name, or a service's first by the service's name."""
        for api in self.apis():
            if api.name == name:
                return api
        return self.services[name].manifest.apis[0] if name in self.services else None

    def client(self, service_name: str) -> Client:
        """Return the client of a service, wherever it lives."""
        address = ""
        if service_name not in self.services:
            address = self._elsewhere.get(service_name) or self._catalogued(service_name)
        known = self._clients.get(service_name)
        if known is None or (isinstance(known, RemoteClient) and known.address != address.rstrip("/")):
            service = self.services.get(service_name)
            if service is not None:
                api = service.manifest.apis[0]
                known = LocalClient(service, api, self.public_url(api.name))
            else:
                known = RemoteClient(service_name, address)
            self._clients[service_name] = known
        return known

    def _catalogued(self, service_name: str, interface: str = "internal") -> str:
        address = self._catalog.address(service_name, interface) if service_name != IDENTITY else None
        if address is None:
            raise errors.Unavailable(f"There is no {service_name} service in this cloud.")
        return address

    def _ask_catalog(self) -> list[dict[str, Any]]:
        if IDENTITY not in self.services and IDENTITY not in self._elsewhere:
            return []
        service = next(iter(self.services.values()))
        found = service.background_context().call(IDENTITY, "GET", "/v3/auth/catalog").json()
        catalog: list[dict[str, Any]] = found["catalog"]
        return catalog

    # -- identity ------------------------------------------------------------------------------

    @property
    def authenticator(self) -> Authenticator:
        """How this process turns tokens into credentials."""
        identity = self.services.get(IDENTITY)
        if identity is not None and identity.manifest.authenticator is not None:
            return identity.manifest.authenticator(identity)
        return CachingAuthenticator(self._ask_identity, self.clock)

    def _ask_identity(self, token: str) -> Credentials:
        service = next(iter(self.services.values()))
        ctx = Context(service, ANONYMOUS, request_id=new_request_id(), token=token)
        try:
            reply = ctx.call(IDENTITY, "GET", "/v3/auth/tokens", headers={"X-Subject-Token": token})
        except errors.NotFound:
            raise errors.Unauthorized() from None
        return from_token_body(reply.json())

    def service_token(self, service: Service) -> str:
        """Return a token of the service user, renewed before it expires."""
        with self._token_lock:
            if self._token and self._token[1] - TOKEN_RENEWAL > self.clock.now():
                return self._token[0]
            if self.service_user is None:
                raise errors.Unavailable("This process has no service user.")
            self._token = self._password_token(service, self.service_user)
            return self._token[0]

    def _password_token(self, service: Service, user: ServiceUser) -> tuple[str, datetime]:
        ctx = Context(service, ANONYMOUS, request_id=new_request_id())
        domain = {"id": user.domain}
        try:
            reply = ctx.call(
                IDENTITY,
                "POST",
                "/v3/auth/tokens",
                body={
                    "auth": {
                        "identity": {
                            "methods": ["password"],
                            "password": {
                                "user": {"name": user.name, "domain": domain, "password": user.password}
                            },
                        },
                        "scope": {"project": {"name": user.project, "domain": domain}},
                    }
                },
            )
        except errors.Unauthorized as error:
            raise errors.Unavailable("The service user cannot log in.", detail=str(error)) from error
        expires_at = datetime.fromisoformat(reply.json()["token"]["expires_at"])
        return reply.headers["x-subject-token"], expires_at

    def secret(self, purpose: str) -> bytes:
        """Return a secret that all processes of this cloud can derive, and that no database holds."""
        known = self._made_secrets.get(purpose)
        if known is None:
            if self.shared_key is not None:
                known = self.shared_key.derive(purpose)
            else:
                password = self.service_user.password if self.service_user else ""
                known = HKDF(SHA256(), 32, salt=b"nacre", info=purpose.encode()).derive(password.encode())
            self._made_secrets[purpose] = known
        return known

    def forget_service_token(self) -> None:
        """Drop the service user's token, after it was refused or its keys were changed."""
        with self._token_lock:
            self._token = None
