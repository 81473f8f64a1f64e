"""How a process reaches its broker: the section [bus] of the configuration.

    [bus]
    url = "amqps://compute-7@rabbit-1.example,rabbit-2.example/cloud"
    password_file = "/etc/nacre/bus-password"
    ca = "/etc/nacre/ca.pem"

Without a `url` the bus lives within the process.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nacre.kernel.config import ConfigError, Options

SCHEMES = ("amqp", "amqps")


class BusOptions(Options, frozen=True, kw_only=True):
    """The section [bus].

    url                 amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://; hosts with commas between are tried
                        in turn.  A VHOST that begins with a slash is written %2F….
    user, password, password_file   stand in for those in the URL
    ca                  file of the authorities that may vouch for the broker, if not the system's
    certificate, key    files by which this process proves who it is
    management_url      http://HOST:15672, RabbitMQ's management plugin, by which hosts that join get accounts
    management_user, management_password, management_password_file   an administrator there
    host_url            the broker as hosts reach it, amqp://HOST or amqps://HOST; as `url` by default
    realm               what all names on the broker begin with; one for each cloud
    name                as whom this process gets its replies; the host's name by default
    heartbeat_seconds   after about twice this a silent broker counts as gone
    patience_seconds    how long a call waits for a broker that is away
    control_exchanges   service → the exchange under which its notifications are expected
    notification_exchanges_durable   whether those are declared as durable.
                        compat: oslo.messaging declares them as not durable unless `amqp_durable_queues` is
                        set, and whoever declares one otherwise is refused by the broker.
    """

    url: str | None = None
    user: str | None = None
    password: str | None = None
    password_file: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    management_url: str | None = None
    management_user: str | None = None
    management_password: str | None = None
    management_password_file: str | None = None
    host_url: str | None = None
    realm: str = "nacre"
    name: str | None = None
    heartbeat_seconds: int = 15
    patience_seconds: float = 10.0
    control_exchanges: dict[str, str] = {}
    notification_exchanges_durable: bool = False

    def __repr__(self) -> str:  # a URL may hold a password
        return f"BusOptions(realm={self.realm!r})"

    def urls(self) -> list[str]:
        """Return one complete URL for each host."""
        try:
            parts = urlsplit(self.url or "")
        except ValueError:
            raise ConfigError("section [bus]: url: that is not a URL") from None
        account, _, hosts = parts.netloc.rpartition("@")
        if parts.scheme not in SCHEMES or not hosts or "@" in parts.path:
            raise ConfigError("section [bus]: url: it must be amqp://HOST or amqps://HOST")
        user, _, password = account.partition(":")
        user = self.user if self.user is not None else unquote(user)
        password = _secret(self.password, self.password_file, "password_file") or unquote(password)
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return [
            urlunsplit((parts.scheme, login + host.strip(), parts.path, parts.query, ""))
            for host in hosts.split(",")
            if host.strip()
        ]

    def tls(self) -> ssl.SSLContext | None:
        """Return how to encrypt, and whom to believe; None for amqp://."""
        if urlsplit(self.url or "").scheme != "amqps":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise ConfigError(f"section [bus]: ca, certificate, key: {error}") from None
        return context

    @property
    def vhost(self) -> str:
        """The virtual host on the broker."""
        return unquote(urlsplit(self.url or "").path.removeprefix("/")) or "/"

    def url_for_hosts(self) -> str:
        """Return where hosts find the broker: an address without an account."""
        parts = urlsplit(self.host_url or self.url or "")
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def manager(self) -> tuple[str, str]:
        """Return the name and the password of an administrator of the broker."""
        password = _secret(
            self.management_password, self.management_password_file, "management_password_file"
        )
        return self.management_user or "guest", password or ""


def _secret(given: str | None, file: str | None, key: str) -> str | None:
    """Return a password that was given, or is in a file."""
    if given is not None or file is None:
        return given
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ConfigError(f"section [bus]: {key}: {error}") from None
