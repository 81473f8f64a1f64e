"""What a cloud stands on: MariaDB and RabbitMQ with Debian's defaults, and memcached for the peer.

Each cloud that is measured has its own, on ports and in a directory of its own, so that what each takes is known.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from peer.daemons import Daemons

ADDRESS = "127.0.0.1"
NAMES = ("mariadb", "epmd", "rabbitmq", "memcached")
PATIENCE_SECONDS = 90.0
OWNER = f"--user={getpass.getuser()}"  # another could not enter our home directory


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """A database and a broker of one cloud, and its memcached where it has a port."""

    root: Path
    daemons: Daemons
    mariadb_port: int
    rabbitmq_port: int
    rabbitmq_cluster_port: int
    epmd_port: int
    memcached_port: int | None = None

    @property
    def broker_account(self) -> str:
        """Return account and address of the broker, as URLs have them."""
        return f"guest:guest@{ADDRESS}:{self.rabbitmq_port}"

    def start(self) -> None:
        """Start all of it; return when it listens."""
        self._start_mariadb()
        self._start_rabbitmq()
        ports = [self.mariadb_port, self.rabbitmq_port]
        if self.memcached_port is not None:
            memory = ["memcached", "-u", "nobody", "-l", ADDRESS, "-p", self.memcached_port]
            self.daemons.start("memcached", [*memory, "-m", 256, "-c", 4096, "-U", 0])
            ports.append(self.memcached_port)
        for port in ports:
            wait_for_port(port)

    def start_broker(self) -> None:
        """Start the broker alone; return when it listens."""
        self._start_rabbitmq()
        wait_for_port(self.rabbitmq_port)

    def stop(self) -> None:
        """End it, the database last and in order."""
        for name in ("memcached", "rabbitmq", "epmd", "mariadb"):
            self.daemons.stop(name, patience_seconds=60.0)

    def remove(self) -> None:
        """Remove what it kept."""
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.rmtree(self.root / "rabbitmq", ignore_errors=True)

    def sql(self, statement: str) -> str:
        """Run a statement as the database's administrator; return what it prints."""
        command = ["mariadb", "--no-defaults", "-uroot", f"--socket={self._data / 'socket'}", "-N", "-e"]
        return subprocess.run([*command, statement], check=True, capture_output=True, text=True).stdout

    def make_databases(self, user: str, password: str, names: list[str]) -> None:
        """Make databases, and a user who may do anything."""
        owner = f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}'; "
        self.sql(owner + f"GRANT ALL ON *.* TO '{user}'@'%';")
        for name in names:
            self.sql(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")

    @property
    def _data(self) -> Path:
        return self.root / "mariadb"

    def _start_mariadb(self) -> None:
        data = self._data
        if not (data / "mysql").is_dir():
            data.mkdir(parents=True, exist_ok=True)
            make = ["mariadb-install-db", "--no-defaults", OWNER, f"--datadir={data}"]
            make.append("--auth-root-authentication-method=normal")
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        where = [f"--datadir={data}", f"--socket={data / 'socket'}", f"--pid-file={data / 'pid'}"]
        network = [f"--bind-address={ADDRESS}", f"--port={self.mariadb_port}", "--skip-name-resolve"]
        sizes = ["--max-connections=1000", "--innodb-buffer-pool-size=512M", "--character-set-server=utf8mb4"]
        program = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin") or "mariadbd"
        self.daemons.start("mariadb", [program, "--no-defaults", OWNER, *where, *network, *sizes])

    def _start_rabbitmq(self) -> None:
        rabbit = self.root / "rabbitmq"
        (rabbit / "home").mkdir(parents=True, exist_ok=True)
        (rabbit / "plugins").write_text("[].\n")
        (rabbit / "rabbitmq.conf").write_text("loopback_users.guest = true\n")
        epmd = {"ERL_EPMD_ADDRESS": ADDRESS, "ERL_EPMD_PORT": str(self.epmd_port)}
        environment = epmd | {
            "HOME": str(rabbit / "home"),
            "RABBITMQ_NODENAME": f"bench-{self.rabbitmq_port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": ADDRESS,
            "RABBITMQ_NODE_PORT": str(self.rabbitmq_port),
            "RABBITMQ_DIST_PORT": str(self.rabbitmq_cluster_port),
            "RABBITMQ_MNESIA_BASE": str(rabbit / "data"),
            "RABBITMQ_LOG_BASE": str(rabbit / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(rabbit / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(rabbit / "none"),
            "RABBITMQ_CONFIG_FILE": str(rabbit / "rabbitmq"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self.daemons.start("epmd", ["epmd", "-address", ADDRESS, "-port", self.epmd_port], epmd)
        wait_for_port(self.epmd_port)
        self.daemons.start("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], environment)


def wait_for_port(port: int) -> None:
    """Return when something listens there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
