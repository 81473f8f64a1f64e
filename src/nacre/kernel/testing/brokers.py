"""A real RabbitMQ for tests: Debian's, on free ports of the loopback, in a temporary directory.

A test that takes the fixture `broker` gets one that runs for the whole session, and makes a realm of
its own on it, so that no test hears another's messages::

    def test_something(broker):
        bus = AmqpBus(BusOptions(url=broker.url, realm=broker.new_realm()), name="test")

Accounts and what they may do are read by RabbitMQ when it starts, so a broker is made with all of them.
A broker can be killed and started again, and then still has what was durable.

(tests/conftest.py lists this module as a plugin.)
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from nacre.kernel.bus.amqp_names import Names, Permissions, host_permissions
from nacre.kernel.bus.broker_accounts import hash_password
from nacre.kernel.testing import daemons

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in PATH insists on its own directories
START_SECONDS = 180  # three are enough on an idle machine; under much load sixty were not
ALL = Permissions(configure=".*", write=".*", read=".*", topics={})
OWNER = "nacre"

# Hosts that have accounts of their own, the realm where these may do something, and the agents on them.
HOSTS_REALM = "cloud.1"
HOSTS = ("h.1", "h.2")
KINDS = ("compute", "network")

# No spinning while idle, and the port for clusters not open to the network.
ERLANG = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


class Broker:
    """A RabbitMQ that runs for the tests."""

    def __init__(
        self,
        directory: Path,
        user: str | None,
        accounts: Mapping[str, Permissions] | None = None,
        certificates: Path | None = None,
        address: str = "127.0.0.1",
        *,
        management: bool = False,
        mutual: bool = True,
    ) -> None:
        """Prepare a broker; with `certificates` (ca.pem, broker.pem, broker.key) it speaks TLS only.

        Then it speaks with those alone who have a certificate, too, unless it is not `mutual`.

        With `management` it has RabbitMQ's plugin of that name, which takes some seconds more to start.

        Where it is to answer others than this machine, `address` is one of the network namespace in which
        `start` is called.
        """
        self._address = address
        self.directory, self._user = directory, user
        self._realms = count(1)
        self._passwords = {name: secrets.token_urlsafe(9) for name in (OWNER, *(accounts or ()))}
        self.port, distribution, self._epmd_port, self._management_port = daemons.free_ports(4)
        self._scheme = "amqps" if certificates else "amqp"
        self._write("definitions.json", json.dumps(self._definitions({OWNER: ALL, **(accounts or {})})))
        managed = self._management_port if management else None
        self._write(
            "rabbitmq.conf", _configuration(address, self.port, directory, certificates, managed, mutual)
        )
        self._write("enabled_plugins", f"[{'rabbitmq_management' if management else ''}].\n")
        self._ports = (self.port, managed) if managed else (self.port,)
        self._write("environment.conf", "")
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(directory),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"nacre-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "environment.conf"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory / "logs"),
            # Otherwise a shell stands between us and the process that is to be ended.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The numbers of its processes."""
        return [each.pid for each in (self._process, self._epmd) if each is not None]

    @property
    def url(self) -> str:
        """The URL of an account that may do anything."""
        return self.url_of(OWNER)

    def url_of(self, account: str) -> str:
        """Return the URL of an account."""
        where = "localhost" if self._address == "127.0.0.1" else self._address
        return f"{self._scheme}://{account}:{self._passwords[account]}@{where}:{self.port}/"

    def host_url(self, host: str) -> str:
        """Return the URL of the account that one of HOSTS has in HOSTS_REALM."""
        return self.url_of(Names(HOSTS_REALM).host_account(host))

    def management(self) -> dict[str, str]:
        """Return the options of the section [bus] for whoever manages this broker."""
        return {
            "management_url": f"{'https' if self._scheme == 'amqps' else 'http'}://{self._address}:{self._management_port}",
            "management_user": OWNER,
            "management_password": self._passwords[OWNER],
        }

    def new_realm(self) -> str:
        """Return a name that no other test uses."""
        return f"test-{next(self._realms)}"

    def start(self) -> None:
        """Start, or start again with what was durable; returns when it answers."""
        epmd = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = daemons.start(epmd, self.directory, self._user, self._environment)
        self._process = daemons.start([str(PROGRAM)], self.directory, self._user, self._environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text(errors="replace")[-3000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        for process in (self._process, self._epmd):
            if process is not None:
                daemons.end(process)
        self._process = self._epmd = None

    def stop(self) -> None:
        """End it in order: what is durable is on the disk."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_SECONDS)
        self.kill()

    def _answers(self) -> bool:
        try:
            for port in self._ports:
                socket.create_connection((self._address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def _definitions(self, accounts: Mapping[str, Permissions]) -> dict[str, object]:
        return {
            "vhosts": [{"name": "/"}],
            "users": [
                {
                    "name": name,
                    "password_hash": hash_password(self._passwords[name]),
                    "tags": "administrator" if name == OWNER else "",
                }
                for name in accounts
            ],
            "permissions": [
                {"user": name, "vhost": "/", "configure": may.configure, "write": may.write, "read": may.read}
                for name, may in accounts.items()
            ],
            "topic_permissions": [
                {"user": name, "vhost": "/", "exchange": exchange, "write": write, "read": read}
                for name, may in accounts.items()
                for exchange, (write, read) in may.topics.items()
            ],
        }

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        if self._user:
            shutil.chown(path, self._user)


@contextmanager
def running_broker(
    accounts: Mapping[str, Permissions] | None = None,
    certificates: Path | None = None,
    *,
    management: bool = False,
) -> Iterator[Broker]:
    """Run a RabbitMQ for a while."""
    if not PROGRAM.exists():
        pytest.skip("no RabbitMQ is installed (Debian's package rabbitmq-server)")
    with daemons.private_directory("rabbitmq") as (directory, user):
        broker = Broker(directory, user, accounts, certificates, management=management)
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()


def _configuration(
    address: str, port: int, directory: Path, certificates: Path | None, managed: int | None, mutual: bool
) -> str:
    lines = [f"load_definitions = {directory / 'definitions.json'}", "log.console = true", "log.file = false"]
    if certificates is None:
        lines.append(f"listeners.tcp.1 = {address}:{port}")
    else:
        lines += [
            "listeners.tcp = none",
            f"listeners.ssl.1 = {address}:{port}",
            f"ssl_options.cacertfile = {certificates / 'ca.pem'}",
            f"ssl_options.certfile = {certificates / 'broker.pem'}",
            f"ssl_options.keyfile = {certificates / 'broker.key'}",
            f"ssl_options.verify = {'verify_peer' if mutual else 'verify_none'}",
            f"ssl_options.fail_if_no_peer_cert = {str(mutual).lower()}",
        ]
    if managed:
        door = "tcp" if certificates is None else "ssl"
        lines += [f"management.{door}.ip = {address}", f"management.{door}.port = {managed}"]
    if managed and certificates is not None:
        lines += [
            f"management.ssl.cacertfile = {certificates / 'ca.pem'}",
            f"management.ssl.certfile = {certificates / 'broker.pem'}",
            f"management.ssl.keyfile = {certificates / 'broker.key'}",
        ]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A RabbitMQ for the session, with accounts for two hosts in the realm HOSTS_REALM."""
    names = Names(HOSTS_REALM)
    accounts = {names.host_account(host): host_permissions(HOSTS_REALM, host, KINDS) for host in HOSTS}
    with running_broker(accounts) as broker:
        yield broker
