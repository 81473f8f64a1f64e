"""How a client of the fuzz asks the cloud: it gets an answer, or nobody knows what became of its request.

The cloud is being broken meanwhile.  A connection that ends, and an answer 502, 503 or 504, say neither that
something was done nor that it was not; whoever asked has to look.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import urllib3

UNKNOWN = (502, 503, 504)
CONNECT_SECONDS, READ_SECONDS = 5, 20
TOKEN_SECONDS = 1800.0
AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """What was answered; a status of None: nobody knows what became of it."""

    status: int | None
    body: Any = None
    request_id: str = ""

    @property
    def known(self) -> bool:
        """Tell whether there was an answer of the cloud's."""
        return self.status is not None

    @property
    def done(self) -> bool:
        """Tell whether the cloud said that it was done."""
        return self.status is not None and self.status < 400

    def __str__(self) -> str:
        words = self.body if isinstance(self.body, str) else msgspec.json.encode(self.body).decode()
        return f"{self.status} {words[:300]} ({self.request_id})"


@dataclass
class Tally:
    """What all clients together did and found wrong."""

    requests: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    began_at: float = field(default_factory=time.monotonic)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self, answer: Answer) -> None:
        """Count one request by what was answered."""
        kind = "unknown" if answer.status is None else f"{answer.status // 100}xx"
        with self._guard:
            self.requests[kind] += 1

    def did(self, deed: str) -> None:
        """Count one deed."""
        with self._guard:
            self.deeds[deed] += 1

    def violation(self, words: str) -> None:
        """Note that something must not have happened."""
        with self._guard:
            self.violations.append(f"after {time.monotonic() - self.began_at:.1f} s: {words}")


class Connection:
    """One user in one project; used by one thread, or by several that only borrow it."""

    def __init__(self, tally: Tally, auth_url: str, user: str, password: str, project: str) -> None:
        self._tally, self._auth_url = tally, auth_url
        domain = {"id": "default"}
        self._login = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": password}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False, maxsize=8
        )
        self._token, self._token_until = "", 0.0
        self._urls: dict[str, str] = {}
        self.project_id = ""
        self._guard = threading.Lock()

    def ask(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request once."""
        self.log_in()
        headers = {"X-Auth-Token": self._token, "Accept": "application/json"}
        if version:
            headers["OpenStack-API-Version"] = f"{service} {version}"
        if key:
            headers["Idempotency-Key"] = key
        data: Any = None
        if isinstance(body, Path):
            data, headers["Content-Type"] = body.read_bytes(), "application/octet-stream"
        elif body is not None:
            data, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        return self._send(method, self._urls[service] + path, data, headers)

    def read(self, service: str, path: str, *, version: str | None = None) -> Answer:
        """Ask for something until there is an answer, however long that takes."""
        while not (answer := self.ask("GET", service, path, version=version)).known:
            time.sleep(AGAIN_SECONDS)
        return answer

    def log_in(self) -> None:
        """Have a token that is good for some time, and know where the services are."""
        with self._guard:
            while time.monotonic() > self._token_until:
                headers = {"Content-Type": "application/json"}
                data = msgspec.json.encode(self._login)
                answer = self._send("POST", f"{self._auth_url}/auth/tokens", data, headers)
                if answer.done:
                    self._enter(answer)
                else:
                    if answer.known:
                        self._tally.violation(f"the log-in is answered {answer}")
                    time.sleep(AGAIN_SECONDS)

    def _enter(self, answer: Answer) -> None:
        token = answer.body["token"]
        self._token, self._token_until = answer.body["subject"], time.monotonic() + TOKEN_SECONDS
        self.project_id = token["project"]["id"]
        self._urls = {
            entry["type"]: endpoint["url"].rstrip("/")
            for entry in token["catalog"]
            for endpoint in entry["endpoints"]
            if endpoint["interface"] == "public"
        }

    def _send(self, method: str, url: str, data: Any, headers: dict[str, str]) -> Answer:
        try:
            response = self._pool.request(method, url, body=data, headers=headers)
        except urllib3.exceptions.HTTPError:
            answer = Answer(None)
        else:
            answer = _answer(response)
        self._tally.count(answer)
        return answer


def _answer(response: Any) -> Answer:
    if response.status in UNKNOWN:
        return Answer(None)
    body: Any = response.data.decode(errors="replace")
    if "json" in response.headers.get("content-type", "") and body:
        body = msgspec.json.decode(body)
    request_id = response.headers.get("x-openstack-request-id", "")
    if "x-subject-token" in response.headers:
        body["subject"] = response.headers["x-subject-token"]
    return Answer(response.status, body, request_id)
