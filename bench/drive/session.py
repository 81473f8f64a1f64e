"""A session with one cloud.

Addresses come from the catalog, so that the same script drives any cloud.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drive.client import Client, Refused

BUFFER_BYTES = 1 << 20
MICROVERSIONS = {"compute": "compute 2.90", "placement": "placement 1.36"}


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who logs in, and where."""

    auth_url: str
    user: str
    password: str
    project: str
    domain: str = "default"

    def body(self) -> dict[str, Any]:
        """Return the request for a token."""
        domain = {"id": self.domain}
        user = {"name": self.user, "domain": domain, "password": self.password}
        return {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": self.project, "domain": domain}},
            }
        }


class Session(Client):
    """Requests to a cloud's services with one token."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        self.login = login
        headers, answer = self.send("POST", login.auth_url + "/auth/tokens", login.body())
        self.token: str = headers["X-Subject-Token"]
        self.project_id: str = answer["token"]["project"]["id"]
        self.urls = {"identity": login.auth_url}
        for service in answer["token"]["catalog"]:
            public = [one["url"] for one in service["endpoints"] if one["interface"] == "public"]
            if service["type"] != "identity" and public:
                self.urls[service["type"]] = public[0].rstrip("/")

    def get(self, service: str, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """Get and read."""
        return self.request("GET", service, path, headers=headers)

    def post(self, service: str, path: str, body: object) -> Any:
        """Post and read the answer."""
        return self.request("POST", service, path, body)

    def put(self, service: str, path: str, body: object = None) -> Any:
        """Put and read the answer."""
        return self.request("PUT", service, path, body)

    def delete(self, service: str, path: str) -> None:
        """Delete; a thing that is gone already is as good."""
        try:
            self.request("DELETE", service, path)
        except Refused as refused:
            if refused.args[0] != 404:
                raise

    def request(
        self,
        method: str,
        service: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request to a service and read the JSON of its answer."""
        return self.send(
            method, self.urls[service] + path, body, self.headers(service) | dict(headers or {})
        )[1]

    def take(self, service: str, path: str) -> int:
        """Get an answer and only count its bytes, as a client does that saves a file."""
        connection, target = self._connection(self.urls[service] + path)
        connection.request("GET", target, headers=self.headers(service))
        response = connection.getresponse()
        buffer, count = bytearray(BUFFER_BYTES), 0
        while read := response.readinto(buffer):
            count += read
        self._done(connection, response)
        if response.status != 200:
            raise Refused(response.status, path)
        return count

    def give(self, service: str, path: str, chunk: bytes, chunks: int) -> None:
        """Put a body of many equal chunks."""
        connection, target = self._connection(self.urls[service] + path)
        connection.putrequest("PUT", target)
        for name, value in self.headers(service).items():
            connection.putheader(name, value)
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Content-Length", str(len(chunk) * chunks))
        connection.endheaders()
        for _ in range(chunks):
            connection.send(chunk)
        response = connection.getresponse()
        text = response.read()
        self._done(connection, response)
        if response.status >= 300:
            raise Refused(response.status, path, text[:300])

    def headers(self, service: str) -> dict[str, str]:
        """Return the headers that every request to a service carries."""
        headers = {"X-Auth-Token": self.token}
        if service in MICROVERSIONS:
            headers["OpenStack-API-Version"] = MICROVERSIONS[service]
        return headers
