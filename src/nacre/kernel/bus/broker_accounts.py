"""Accounts on the broker for hosts, made and taken back through RabbitMQ's management plugin.

The password is the host's own: it was made there, and only its hash came here.  An account may log in once it
has a permission in the virtual host, and that is given last, so that there is no moment in which it may do
more than in the end.  Everything here may run twice.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import quote

import msgspec
import urllib3

from nacre.kernel.bus.amqp_names import Names, host_permissions
from nacre.kernel.bus.options import BusOptions
from nacre.kernel.errors import Unavailable
from nacre.kernel.pool import blocking

SECONDS = 10.0
SALT_BYTES = 4
PASSWORD_BYTES = 32


def new_password() -> str:
    """Make up a password that nobody guesses."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hash_password(password: str) -> str:
    """Hash a password as RabbitMQ keeps it: salt, and SHA-256 of salt and password."""
    salt = secrets.token_bytes(SALT_BYTES)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def is_hash(text: str) -> bool:
    """Tell whether a text can have come from `hash_password`."""
    try:
        return len(base64.b64decode(text, validate=True)) == SALT_BYTES + hashlib.sha256().digest_size
    except ValueError:
        return False


class BrokerAccounts:
    """The accounts of the hosts of one realm."""

    def __init__(self, options: BusOptions, kinds: tuple[str, ...]) -> None:
        """`kinds` are the agents that a host may run."""
        if options.management_url is None:
            raise Unavailable(
                "Hosts cannot join this cloud.",
                detail="[bus] management_url is not set: without RabbitMQ's management plugin nobody gets an account",
            )
        self._url = options.management_url.rstrip("/") + "/api"
        self._names, self._vhost, self._kinds = Names(options.realm), options.vhost, kinds
        user, password = options.manager()
        self._headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
        self._headers["Content-Type"] = "application/json"
        self._pool = urllib3.PoolManager(timeout=SECONDS, retries=False, ca_certs=options.ca)

    def ensure(self, host: str, password_hash: str) -> None:
        """Give a host its account, with this password from now on."""
        account = quote(self._names.host_account(host), safe="")
        vhost, may = quote(self._vhost, safe=""), host_permissions(self._names.realm, host, self._kinds)
        self._put(
            f"/users/{account}",
            {
                "password_hash": password_hash,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            },
        )
        for exchange, (write, read) in may.topics.items():
            self._put(
                f"/topic-permissions/{vhost}/{account}", {"exchange": exchange, "write": write, "read": read}
            )
        self._put(
            f"/permissions/{vhost}/{account}",
            {"configure": may.configure, "write": may.write, "read": may.read},
        )

    def remove(self, host: str) -> None:
        """Take a host's account back; the broker ends its connections.  One that is gone is no error."""
        self._send("DELETE", f"/users/{quote(self._names.host_account(host), safe='')}", missing_ok=True)

    def names(self) -> set[str]:
        """Return the hosts that have accounts."""
        found = msgspec.json.decode(self._send("GET", "/users?columns=name"))
        return {host for each in found if (host := self._names.host_of(each["name"])) is not None}

    def overview(self) -> dict[str, Any]:
        """Return what the broker says of itself."""
        return dict(msgspec.json.decode(self._send("GET", "/overview")))

    def _put(self, path: str, body: dict[str, str]) -> None:
        self._send("PUT", path, msgspec.json.encode(body))

    def _send(self, method: str, path: str, body: bytes | None = None, *, missing_ok: bool = False) -> bytes:
        try:
            with blocking():
                answer = self._pool.request(method, self._url + path, body=body, headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable("The broker cannot be managed at the moment.", detail=str(error)) from None
        if answer.status >= 400 and not (missing_ok and answer.status == 404):
            text = answer.data[:300].decode(errors="replace")
            raise Unavailable(
                "The broker cannot be managed at the moment.",
                detail=f"{method} {path}: {answer.status} {text}",
            )
        return answer.data
