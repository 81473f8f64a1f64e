"""A simulated cloud of a test's own, driven by the commands that people use, each as a process of its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from nacre.cloud.client import CloudClient
from nacre.cloud.databases import opened
from nacre.cloud.state import StateDirectory
from nacre.kernel.db.copying import sum_of
from nacre.kernel.db.kernel_tables import processes
from nacre.services import NAMES


class Place:
    """A state directory, and the commands that are run on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.state = root, StateDirectory(root)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "nacre", *arguments, "--state", str(self.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def up(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.run("up", "--simulated", "--detach", "--ports", f"single:{port}")

    def client(self, name: str = "demo") -> CloudClient:
        running, secrets = self.state.running(), self.state.secrets()
        assert running is not None
        return CloudClient(running.auth_url, name, getattr(secrets, f"{name}_password"), name)

    def urls(self) -> dict[str, str]:
        return {name: f"sqlite:///{self.root}/db/{name}.sqlite" for name in NAMES}

    def sums(self, urls: dict[str, str]) -> dict[str, object]:
        """Return the sum of every table that a cloud at rest leaves alone."""
        with opened(urls) as found:
            return {
                f"{each.service}.{table.name}": sum_of(each.db, table)
                for each in found
                for schema in each.schemas
                for table in schema.metadata.tables.values()
                if table is not processes
            }
