"""A whole cloud in the test's process: no sockets, its state in a temporary directory.

cloud = TestCloud([identity.MANIFEST, image.MANIFEST], tmp_path)
admin = cloud.login("admin")
answer = admin.post("compute", "/v2.1/servers", {"server": {...}})
assert answer.status == 202
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

import msgspec

from nacre.kernel.bus import Bus
from nacre.kernel.clock import TurnedClock
from nacre.kernel.config import ConfigFile
from nacre.kernel.http.api import Api
from nacre.kernel.http.app import Shell, read_file
from nacre.kernel.http.request import Request, Response
from nacre.kernel.process import Process, ServiceUser
from nacre.kernel.service import Manifest, Service

if TYPE_CHECKING:
    from nacre.kernel.testing.databases import Homes


class NoPorts:
    """A port scheme for a cloud that opens no socket; catalogs still name usual ports."""

    def of(self, usual: int) -> int | None:
        return usual

    def front(self, usual: int) -> int:
        return usual


class Answer:
    """What came back."""

    def __init__(self, response: Response, body: bytes) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers}
        self.body = body

    @property
    def json(self) -> Any:
        """The body as data."""
        return msgspec.json.decode(self.body) if self.body else None

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:500]!r}>"


class User:
    """Somebody with a token (or none), who asks and gets answers."""

    def __init__(
        self, cloud: TestCloud, token: str | None, *, user_id: str = "", project_id: str = ""
    ) -> None:
        self.cloud, self.token = cloud, token
        self.user_id, self.project_id = user_id, project_id

    def request(
        self,
        method: str,
        api: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        version: str | None = None,
        raw: bytes | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send a request to an API by its name ("compute"); `body` is sent as JSON, `raw` as it is."""
        sent = {"content-type": "application/json", "accept": "application/json", "host": "nacre.test"}
        if self.token:
            sent["x-auth-token"] = self.token
        if version:
            sent["openstack-api-version"] = f"{api} {version}"
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        data = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        split = urlsplit(path)
        query_string = urlencode(query, doseq=True) if query else split.query
        return self.cloud.send(
            api, Request(method, split.path, query_string=query_string, headers=sent, body=data)
        )

    def get(self, api: str, path: str, **options: Any) -> Answer:
        return self.request("GET", api, path, **options)

    def post(self, api: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("POST", api, path, body, **options)

    def put(self, api: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("PUT", api, path, body, **options)

    def patch(self, api: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("PATCH", api, path, body, **options)

    def delete(self, api: str, path: str, **options: Any) -> Answer:
        return self.request("DELETE", api, path, **options)


class TestCloud:
    """Services assembled as a real process would, minus the sockets."""

    __test__ = False
    #: Where clouds have their databases whose configuration does not say it; None: in their state directory.
    homes: ClassVar[Homes | None] = None

    def __init__(
        self,
        manifests: Sequence[Manifest],
        state: Path,
        *,
        config: Mapping[str, Any] | None = None,
        bus: Bus | None = None,
        service_user: ServiceUser | None = None,
        prepare: Callable[[Process], None] | None = None,
    ) -> None:
        """Assemble and start; `prepare` is called after the start (to make the first users, say)."""
        self.clock = TurnedClock()
        sections = dict(config or {})
        if self.homes is not None and "url" not in sections.get("database", {}):
            url = self.homes.of(state, [manifest.name for manifest in manifests])
            sections["database"] = {**sections.get("database", {}), "url": url}
        self.process = Process(
            manifests,
            state=state,
            ports=NoPorts(),
            config=ConfigFile(sections),
            bus=bus,
            clock=self.clock,
            service_user=service_user,
        )
        self._shell = Shell({}, None, {}, self.process.pool)
        self.process.start()
        if prepare:
            prepare(self.process)
        self.anonymous = User(self, None)

    def user(self, token: str) -> User:
        """Return a user with a token."""
        return User(self, token)

    def api(self, name: str) -> tuple[Service, Api]:
        """Return an API and its service by the API's name."""
        for service in self.process.services.values():
            for api in service.manifest.apis:
                if api.name == name:
                    return service, api
        raise KeyError(name)

    def send(self, api_name: str, req: Request) -> Answer:
        """Pass a request through the stack as the shell would."""
        service, api = self.api(api_name)
        req.base_url = self.process.public_url(api_name)
        req.service, req.api = service, api
        req.match = service.router(api).match(req.method, req.path)
        if not req.match.streams:
            req.too_large = len(req.body) > api.max_body_bytes
            response = service.handle(api, req)
            if response.stream is None and response.file is None:
                return Answer(response, response.body)
        return asyncio.run(self._stream(req))

    async def _stream(self, req: Request) -> Answer:
        data = req.body

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 65536):
                yield data[start : start + 65536]

        req.chunks = chunks
        response = await self._shell.respond(req)
        body = response.body
        if response.stream is not None:
            body = b"".join([part async for part in response.stream])
        elif response.file is not None:
            start, end = response.file_range or (0, response.file.stat().st_size)
            body = b"".join([part async for part in read_file(response.file, start, end)])
        return Answer(response, body)

    def close(self) -> None:
        """Stop everything."""
        self.process.stop()
