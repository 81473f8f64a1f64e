"""What the peer's services stand on: MariaDB, RabbitMQ, memcached, with Debian's defaults."""

import getpass
import os
import shutil
import socket
import subprocess
import time

from peer import daemons, places

NAMES = ("mariadb", "epmd", "rabbitmq", "memcached")
PATIENCE_SECONDS = 90.0

DATA = places.ROOT / "mariadb"
SOCKET = DATA / "socket"
RABBIT = places.ROOT / "rabbitmq"
OWNER = f"--user={getpass.getuser()}"  # another could not enter our home directory


def start() -> None:
    """Start all of it; return when it listens."""
    _start_mariadb()
    _start_rabbitmq()
    memory = ["memcached", "-u", "nobody", "-l", places.ADDRESS, "-p", places.MEMCACHED_PORT]
    daemons.start("memcached", [*memory, "-m", 256, "-c", 4096, "-U", 0])
    for port in (places.MARIADB_PORT, places.RABBITMQ_PORT, places.MEMCACHED_PORT):
        wait_for_port(port)


def stop() -> None:
    """End it, the database last and in order."""
    for name in ("memcached", "rabbitmq", "epmd", "mariadb"):
        daemons.stop(name, patience_seconds=60.0)


def sql(statement: str) -> str:
    """Run a statement as the database's administrator; return what it prints."""
    command = ["mariadb", "--no-defaults", "-uroot", f"--socket={SOCKET}", "-N", "-e", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _start_mariadb() -> None:
    if not (DATA / "mysql").is_dir():
        DATA.mkdir(exist_ok=True)
        make = ["mariadb-install-db", "--no-defaults", OWNER, f"--datadir={DATA}"]
        subprocess.run(
            [*make, "--auth-root-authentication-method=normal"], check=True, stdout=subprocess.DEVNULL
        )
    where = [f"--datadir={DATA}", f"--socket={SOCKET}", f"--pid-file={DATA / 'pid'}"]
    network = [f"--bind-address={places.ADDRESS}", f"--port={places.MARIADB_PORT}", "--skip-name-resolve"]
    sizes = ["--max-connections=1000", "--innodb-buffer-pool-size=512M", "--character-set-server=utf8mb4"]
    program = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin") or "mariadbd"
    daemons.start("mariadb", [program, "--no-defaults", OWNER, *where, *network, *sizes])


def _start_rabbitmq() -> None:
    (RABBIT / "home").mkdir(parents=True, exist_ok=True)
    (RABBIT / "plugins").write_text("[].\n")
    (RABBIT / "rabbitmq.conf").write_text("loopback_users.guest = true\n")
    epmd = {"ERL_EPMD_ADDRESS": places.ADDRESS, "ERL_EPMD_PORT": str(places.EPMD_PORT)}
    environment = epmd | {
        "HOME": str(RABBIT / "home"),
        "RABBITMQ_NODENAME": "peer@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": places.ADDRESS,
        "RABBITMQ_NODE_PORT": str(places.RABBITMQ_PORT),
        "RABBITMQ_DIST_PORT": str(places.RABBITMQ_CLUSTER_PORT),
        "RABBITMQ_MNESIA_BASE": str(RABBIT / "data"),
        "RABBITMQ_LOG_BASE": str(RABBIT / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(RABBIT / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(RABBIT / "none"),
        "RABBITMQ_CONFIG_FILE": str(RABBIT / "rabbitmq"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    daemons.start("epmd", ["epmd", "-address", places.ADDRESS, "-port", places.EPMD_PORT], epmd)
    wait_for_port(places.EPMD_PORT)
    daemons.start("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], environment)


def wait_for_port(port: int) -> None:
    """Return when something listens there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((places.ADDRESS, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
