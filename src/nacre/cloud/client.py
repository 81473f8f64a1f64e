"""A small client of one's own cloud, over HTTP like any other: for the first start, the demo, and `look`.

It logs in with a password, finds services in the catalog, and speaks JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3

from nacre.kernel import errors

TOO_LONG_SECONDS = 600.0


class CloudClient:
    """One user in one project.

    Raises the kernel's errors by their meaning when the cloud refuses, Unavailable when it is silent.
    """

    def __init__(
        self,
        auth_url: str,
        user: str,
        password: str,
        project: str,
        *,
        domain: str = "default",
        ca: str | None = None,
    ) -> None:
        """Log in later; `ca` is the file of the authority that vouches for the cloud, if not the system's."""
        self._auth_url = auth_url
        self._login = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": {"id": domain}, "password": password}},
                },
                "scope": {"project": {"name": project, "domain": {"id": domain}}},
            }
        }
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=120), retries=False, maxsize=32, ca_certs=ca
        )
        self._token = ""
        self._urls: dict[str, str] = {}
        self.project_id = ""
        self.user_id = ""

    def log_in(self) -> None:
        """Get a token and the catalog."""
        headers, body = self._send("POST", f"{self._auth_url}/auth/tokens", self._login)
        token = body["token"]
        self._token = headers["x-subject-token"]
        self.project_id, self.user_id = token["project"]["id"], token["user"]["id"]
        self._urls = {
            entry["type"]: endpoint["url"].rstrip("/")
            for entry in token["catalog"]
            for endpoint in entry["endpoints"]
            if endpoint["interface"] == "public"
        }

    @property
    def services(self) -> Iterable[str]:
        """The types of the services in the catalog."""
        return self._urls.keys()

    def url(self, service_type: str) -> str:
        """Return a service's address."""
        if not self._token:
            self.log_in()
        return self._urls[service_type]

    def get(self, service: str, path: str, *, version: str | None = None, **query: Any) -> Any:
        """Read something; returns the decoded body."""
        suffix = f"?{urlencode(query, doseq=True)}" if query else ""
        return self._send(
            "GET", f"{self.url(service)}{path}{suffix}", version=version and f"{service} {version}"
        )[1]

    def find(self, service: str, path: str, key: str, name: str) -> Any:
        """Return the first item of a list that has the name; None if there is none."""
        items = self.get(service, path, name=name)[key]
        return next((item for item in items if item["name"] == name), None)

    def post(self, service: str, path: str, body: Any, *, version: str | None = None) -> Any:
        """Create something; returns the decoded body."""
        return self._send(
            "POST", f"{self.url(service)}{path}", body, version=version and f"{service} {version}"
        )[1]

    def put(self, service: str, path: str, body: Any, *, version: str | None = None) -> Any:
        """Change something; returns the decoded body."""
        return self._send(
            "PUT", f"{self.url(service)}{path}", body, version=version and f"{service} {version}"
        )[1]

    def delete(self, service: str, path: str) -> None:
        """Delete something; what is gone already is no error."""
        try:
            self._send("DELETE", f"{self.url(service)}{path}")
        except errors.NotFound:
            return

    def upload(self, service: str, path: str, file: Path) -> None:
        """Send a file's bytes."""
        with file.open("rb") as stream:
            self._send("PUT", f"{self.url(service)}{path}", stream=stream, size=file.stat().st_size)

    def wait(
        self,
        look: Callable[[], Any],
        done: Callable[[Any], bool],
        *,
        seconds: float = TOO_LONG_SECONDS,
        every: float = 0.1,
    ) -> Any:
        """Look until it is done and return what was last seen; Unavailable when it takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if done(seen):
                return seen
            if time.monotonic() > deadline:
                raise errors.Unavailable(f"Nothing came of it within {seconds:.0f} seconds.")
            time.sleep(every)

    def _send(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        stream: Any = None,
        size: int = 0,
        version: str | None = None,
    ) -> tuple[Any, Any]:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        if version:
            headers["OpenStack-API-Version"] = version
        if stream is not None:
            headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        elif body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(
                method,
                url,
                body=stream if stream is not None else None if body is None else msgspec.json.encode(body),
                headers=headers,
            )
        except urllib3.exceptions.HTTPError as error:
            raise errors.Unavailable("The cloud does not answer.", detail=str(error)) from None
        if answer.status >= 400:
            raise errors.from_status(
                answer.status, f"{method} {url}: {answer.data.decode(errors='replace')[:500]}"
            )
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.headers, msgspec.json.decode(answer.data) if is_json and answer.data else None
