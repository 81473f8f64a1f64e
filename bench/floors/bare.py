"""Bare things: a request that is only answered, a row that is only inserted, bytes that are only hashed or copied.

Those that need a package are run by the product's own Python, with the versions that the product uses.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clouds.nacre import ROOT
from drive.client import Client
from figures.processes import Processes, used
from peer import places

PYTHON = ROOT / ".venv" / "bin" / "python"
MIB = 1 << 20
FILE_MIB = 512
REQUESTS = 3000

HELLO = """
import uvicorn

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})

uvicorn.run(hello, port=PORT, log_level="error", loop="uvloop", http="httptools", lifespan="off", access_log=False)
"""
TIMED = """
import json, time
COUNT, setup_done = 0, None
SETUP
began, cpu = time.perf_counter(), time.process_time()
for _ in range(COUNT):
    RUN
print(json.dumps([(time.perf_counter() - began) / COUNT, (time.process_time() - cpu) / COUNT]))
"""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What one of it takes: milliseconds on the clock, milliseconds of CPU."""

    wall_ms: float
    cpu_ms: float


FLOORS: dict[str, Callable[[], Floor]] = {}


def floor(title: str) -> Callable[[Callable[[], Floor]], Callable[[], Floor]]:
    """Declare a floor under a title."""

    def declare(function: Callable[[], Floor]) -> Callable[[], Floor]:
        FLOORS[title] = function
        return function

    return declare


@floor("a request that bare uvicorn answers with {}")
def hello() -> Floor:
    """Answer a request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([PYTHON, "-c", HELLO.replace("PORT", str(port))])
    try:
        client, url = Client(), f"http://127.0.0.1:{port}/"
        _wait_for_port(port)
        for _ in range(100):
            client.send("GET", url)
        found = Processes([server.pid])
        before, began = found.cpu_seconds(), time.perf_counter()
        for _ in range(REQUESTS):
            client.send("GET", url)
        wall = time.perf_counter() - began
        cpu = used(before, found.cpu_seconds())
        return Floor(wall_ms=wall * 1000 / REQUESTS, cpu_ms=cpu * 1000 / REQUESTS)
    finally:
        server.terminate()
        server.wait()


@floor("a row inserted into SQLite (WAL, synchronous=NORMAL)")
def sqlite() -> Floor:
    """Insert a row in a transaction of its own."""
    with tempfile.TemporaryDirectory(dir=places.ROOT.parent) as directory:
        setup = f"""
import sqlite3
db = sqlite3.connect({str(Path(directory) / "floor")!r}, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=NORMAL")
db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")"""
        return _timed(setup, 'db.execute("INSERT INTO t (name) VALUES (?)", ("name",))', 3000)


@floor("a row inserted into MariaDB (its CPU and the client's)")
def mariadb() -> Floor:
    """Insert a row in a transaction of its own, into the peer's MariaDB."""
    account = f"host='127.0.0.1', port={places.MARIADB_PORT}, user='peer', password={places.PASSWORD!r}"
    setup = f"""
import pymysql
db = pymysql.connect({account}, autocommit=True).cursor()
db.execute("CREATE DATABASE IF NOT EXISTS floor")
db.execute("CREATE TABLE IF NOT EXISTS floor.t (id INTEGER PRIMARY KEY AUTO_INCREMENT, name TEXT)")"""
    count = 1000
    found = Processes([places.DAEMONS.pids()["mariadb"]])
    before = found.cpu_seconds()
    client = _timed(setup, 'db.execute("INSERT INTO floor.t (name) VALUES (%s)", ("name",))', count)
    server = used(before, found.cpu_seconds()) * 1000 / count
    places.INFRASTRUCTURE.sql("DROP DATABASE floor")
    return Floor(wall_ms=client.wall_ms, cpu_ms=client.cpu_ms + server)


@floor("Argon2id of one password at the product's parameters")
def argon2() -> Floor:
    """Hash a password."""
    setup = """
from argon2 import PasswordHasher
from nacre.services.identity.config import IdentityOptions
o = IdentityOptions()
cost = dict(time_cost=o.argon2_passes, memory_cost=o.argon2_memory_kib, parallelism=o.argon2_lanes)
hash_one = PasswordHasher(**cost).hash"""
    return _timed(setup, 'hash_one("password")', 40)


@floor("sha256sum of 512 MiB")
def sha256() -> Floor:
    """Hash a file."""
    with _file() as path:
        return _command(["sha256sum", str(path)])


@floor("sha512sum of 512 MiB")
def sha512() -> Floor:
    """Hash a file as images are."""
    with _file() as path:
        return _command(["sha512sum", str(path)])


@floor("cp of 512 MiB")
def copy() -> Floor:
    """Copy a file."""
    with _file() as path:
        return _command(["cp", "--reflink=never", str(path), str(path.with_name("copy"))])


@contextmanager
def _file() -> Iterator[Path]:
    """Make a file of random bytes, which the page cache holds."""
    with tempfile.TemporaryDirectory(dir=places.ROOT.parent) as directory:
        path = Path(directory) / "file"
        path.write_bytes(os.urandom(MIB) * FILE_MIB)
        yield path


def _command(command: list[str]) -> Floor:
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Floor(wall_ms=wall * 1000, cpu_ms=cpu * 1000)


def _timed(setup: str, run: str, count: int) -> Floor:
    program = TIMED.replace("COUNT, setup_done = 0, None", f"COUNT = {count}")
    program = program.replace("SETUP", setup).replace("RUN", run)
    done = subprocess.run([PYTHON, "-c", program], check=True, capture_output=True, text=True)
    wall, cpu = json.loads(done.stdout)
    return Floor(wall_ms=wall * 1000, cpu_ms=cpu * 1000)


def _wait_for_port(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
