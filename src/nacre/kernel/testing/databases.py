"""Real database servers for tests: PostgreSQL and MariaDB in temporary directories, SQLite in files.

A test that takes the fixture `database_url` runs once for each engine, each time with an empty
database of its own; `sqlite_url` gives SQLite alone, which is enough for most.  The servers are
Debian's, started when the first test asks for them, and stopped at the end of the session.  They have no network
ports (they listen on sockets in their directories) unless they are given an address.  What they committed
outlives `kill` and `start`, but not the machine: nothing waits for the disk.

    def test_servers_are_paged(database_url):
        db = Database(database_url, synchronous="OFF")
        …

(tests/conftest.py lists this module as a plugin.)
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from nacre.kernel.testing import daemons
from nacre.kernel.testing.cloud import TestCloud
from nacre.kernel.testing.daemons import free_ports, private_directory

ENGINES = ("sqlite", "postgresql", "mariadb")
START_SECONDS = 60
CLOUDS_KEPT = 100


class Server:
    """A database server that runs for the tests."""

    def __init__(
        self, admin_url: str, url: str, command: Sequence[str], directory: Path, user: str | None
    ) -> None:
        self._url = url
        self._command, self.directory, self._user = command, directory, user
        self._process: subprocess.Popen[bytes] | None = None
        self._engine = create_engine(admin_url, isolation_level="AUTOCOMMIT")
        self._numbers = count(1)

    @property
    def pids(self) -> list[int]:
        """The numbers of its processes, the first of them first."""
        if self._process is None:
            return []
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def start(self) -> None:
        """Start, or start again with what was committed; returns when it answers."""
        self._process = daemons.start(self._command, self.directory, self._user)
        self.wait()

    def kill(self) -> None:
        """End it as a power cut would, with all its processes."""
        if self._process is None:
            return
        children = self.pids[1:]
        daemons.end(self._process)
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(map(_lives, children)):  # who starts it again is refused as long as one is left
            time.sleep(0.01)
        self._process = None

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return self._url.format(name=name)

    def new_cloud(self, services: Iterable[str]) -> str:
        """Create an empty database for each service, and return their URL with `{service}` in it."""
        prefix = f"cloud_{os.getpid()}_{next(self._numbers)}_"
        with self._engine.connect() as connection:
            for service in services:
                connection.execute(text(f"CREATE DATABASE {prefix}{service}"))
        return self._url.format(name=prefix + "{service}")

    def drop_cloud(self, url: str, services: Iterable[str]) -> None:
        """Remove what `new_cloud` made, whoever is connected to it."""
        force = " WITH (FORCE)" if self._engine.dialect.name == "postgresql" else ""
        with self._engine.connect() as connection:
            for service in services:
                name = make_url(url.format(service=service)).database
                connection.execute(text(f"DROP DATABASE IF EXISTS {name}{force}"))

    def wait(self) -> None:
        """Return when the server answers."""
        self._engine.dispose()  # those of an earlier life
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._engine.connect().close()
            except Exception:  # noqa: BLE001 - each driver has its own way to say "not yet"
                if time.monotonic() > deadline or self._has_ended():
                    raise RuntimeError((self.directory / "log").read_text(errors="replace")[-3000:]) from None
                time.sleep(0.05)
            else:
                return

    def execute(self, *statements: str) -> None:
        """Execute statements as the server's administrator."""
        with self._engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def close(self) -> None:
        """End it."""
        self._engine.dispose()
        self.kill()

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


class Homes:
    """Databases for clouds that say nothing of theirs: each state directory has its own, as long as it is young."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._known: dict[Path, tuple[str, list[str]]] = {}

    def of(self, state: Path, services: Iterable[str]) -> str:
        """Return the URL, with `{service}` in it, for the cloud of a state directory."""
        if state not in self._known:
            names = list(services)
            self._known[state] = self._server.new_cloud(names), names
            if len(self._known) > CLOUDS_KEPT:
                self._server.drop_cloud(*self._known.pop(next(iter(self._known))))
        return self._known[state][0]


@contextmanager
def postgresql_server(address: str = "") -> Iterator[Server]:
    """Run a PostgreSQL server for a while; with an address it answers there, and asks for a password."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    with private_directory("postgres") as (directory, user):
        data = str(directory / "data")
        initdb = [
            str(programs / "initdb"),
            "-D",
            data,
            "-U",
            "nacre",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        # C.UTF-8 would sort as we want by itself; take a locale that does not, where there is one.
        initdb += ["--no-sync", "--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8"]
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=directory)
        settings = ["fsync=off", "full_page_writes=off", "max_connections=300"]
        command = [str(programs / "postgres"), "-D", data, "-k", str(directory), "-h", address]
        admin_url = url = f"postgresql+psycopg://nacre@/{{name}}?host={directory}"
        password = secrets.token_urlsafe(12)
        if address:
            (port,) = free_ports(1)
            settings.append(f"port={port}")
            admin_url = f"{url}&port={port}"
            url = f"postgresql+psycopg://nacre:{password}@{address}:{port}/{{name}}"
            with (directory / "data" / "pg_hba.conf").open("a") as access:
                access.write("host all nacre samenet scram-sha-256\n")
        for setting in settings:
            command += ["-c", setting]
        with _running(Server(admin_url.format(name="postgres"), url, command, directory, user)) as server:
            if address:
                server.execute(f"ALTER USER nacre PASSWORD '{password}'")
            yield server


@contextmanager
def mariadb_server(address: str = "") -> Iterator[Server]:
    """Run a MariaDB server for a while; with an address it answers there, and asks for a password."""
    program, installer = shutil.which("mariadbd") or "/usr/sbin/mariadbd", shutil.which("mariadb-install-db")
    if not Path(program).exists() or installer is None:
        pytest.skip("no MariaDB server is installed")
    with private_directory("mysql") as (directory, user):
        where = ["--no-defaults", f"--datadir={directory / 'data'}"]
        installed = subprocess.run(
            [installer, *where, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=False,
            capture_output=True,
            text=True,
            user=user,
            cwd=directory,
        )
        if installed.returncode:
            raise RuntimeError(f"MariaDB cannot be set up: {installed.stdout} {installed.stderr}")
        socket = directory / "socket"
        command = [program, *where, f"--socket={socket}", "--skip-log-bin"]
        command += ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"]
        admin_url = url = f"mariadb+pymysql://root@localhost/{{name}}?unix_socket={socket}"
        password = secrets.token_urlsafe(12)
        if address:
            (port,) = free_ports(1)
            command += [f"--bind-address={address}", f"--port={port}", "--skip-name-resolve"]
            command.append("--max-connections=500")
            url = f"mariadb+pymysql://nacre:{password}@{address}:{port}/{{name}}"
        else:
            command.append("--skip-networking")
        with _running(Server(admin_url.format(name=""), url, command, directory, user)) as server:
            if address:
                account = "nacre@'%'"
                server.execute(
                    f"CREATE USER {account} IDENTIFIED BY '{password}'", f"GRANT ALL ON *.* TO {account}"
                )
            yield server


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.close()


def _lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for the session."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A MariaDB server for the session."""
    with mariadb_server() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: Server = request.getfixturevalue(request.param)
    return server.new_database()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The clouds of tests may live on a server instead of SQLite: `nacre test tests/services --engine mariadb`."""
    words = "where the clouds of tests have their databases"
    parser.addoption("--engine", choices=ENGINES, default=ENGINES[0], help=words)


@pytest.fixture(scope="session", autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give clouds whose configuration says nothing of databases those that --engine asks for."""
    name = request.config.getoption("--engine")
    if name != ENGINES[0]:
        TestCloud.homes = Homes(request.getfixturevalue(name))
    yield
    TestCloud.homes = None
