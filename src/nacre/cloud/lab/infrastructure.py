"""What a cloud of several machines stands on: a database server and a broker, on a machine of their own.

They are Debian's, each in a temporary directory, and end with the lab.  Every host has an account of its own on the
broker, with which it can do what a host may do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from nacre.cloud.lab.machines import DATA, Ground, Machine
from nacre.kernel.bus.amqp_names import Names, host_permissions
from nacre.kernel.testing import daemons, databases
from nacre.kernel.testing.authority import Authority
from nacre.kernel.testing.brokers import Broker
from nacre.services import NAMES

ENGINES = ("postgresql", "mariadb")
REALM = "lab"
KINDS = ("network", "compute")


@dataclass(frozen=True)
class Infrastructure:
    """A database server with an empty database for each service, and a broker.

    Who starts one of them again after its death must do so on their machine: `machine.run(broker.start)`.
    """

    machine: Machine
    database: databases.Server
    database_url: str = field(repr=False)
    broker: Broker
    realm: str = REALM

    def host_broker_url(self, host: str) -> str:
        """Return the broker's URL with the account of a host."""
        return self.broker.url_of(Names(self.realm).host_account(host))


@contextmanager
def running(
    ground: Ground, *, engine: str, hosts: Sequence[str], authority: Authority | None = None
) -> Iterator[Infrastructure]:
    """Run both for a while on the machine `data`; with an authority the broker speaks TLS only."""
    machine = ground.machine(DATA)
    servers: dict[str, Callable[[str], AbstractContextManager[databases.Server]]] = {
        "postgresql": databases.postgresql_server,
        "mariadb": databases.mariadb_server,
    }
    accounts = {Names(REALM).host_account(host): host_permissions(REALM, host, KINDS) for host in hosts}
    with ExitStack() as stack:
        database = machine.run(stack.enter_context, servers[engine](machine.address))
        directory, user = stack.enter_context(daemons.private_directory("rabbitmq"))
        certificates = None
        if authority is not None:
            certificates = directory
            (directory / "ca.pem").write_bytes(authority.certificate)
            authority.issue("broker", machine.address, to=directory, owner=user)
        broker = Broker(
            directory, user, accounts, certificates, machine.address, management=True, mutual=False
        )
        stack.callback(broker.kill)
        machine.run(broker.start)
        yield Infrastructure(machine, database, database.new_cloud(NAMES), broker)
