"""nacre as it ships: one process, SQLite, the simulated driver."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

from drive.session import Login
from peer import places

from clouds.cloud import Cloud

ROOT = Path(__file__).resolve().parents[2]
STATE = places.ROOT.parent / "nacre"

# No quotas, and one host with room for ten thousand servers, as the peer has it.
SETTINGS = """
[network]
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_security_group = -1

[compute]
quota_instances = -1
quota_cores = -1
quota_ram_mb = -1

[simulated_compute]
vcpus = 1000
memory_mb = 800000
disk_gb = 600000
"""


class Nacre(Cloud):
    """`nacre up --simulated`."""

    name = "nacre"
    title = "nacre (one process, SQLite)"

    def __init__(self, state: Path = STATE, settings: str = "") -> None:
        """Keep its state in a directory of its own; `settings` go into its configuration."""
        self._state, self._settings = state, settings

    def prepare(self) -> None:
        """Start it, on a fresh state."""
        self.close()
        self._state.mkdir(parents=True)
        (self._state / "bench.toml").write_text(SETTINGS + self._settings)
        self._port = _free_port()
        self.start_services()

    def close(self) -> None:
        if self._state.exists():
            self._nacre("down", "--purge")
            shutil.rmtree(self._state, ignore_errors=True)

    def stop_services(self) -> None:
        self._nacre("down")

    def start_services(self) -> None:
        options = ["--config", self._state / "bench.toml", "--ports", f"single:{self._port}"]
        self._nacre("up", "--simulated", "--detach", *options)

    def answers_at(self) -> list[str]:
        front = f"http://127.0.0.1:{self._port}"
        paths = ("identity/v3", "placement/", "image/versions", "network/", "compute/")
        return [f"{front}/{path}" for path in paths]

    def leaders(self) -> list[int]:
        try:
            return [int(json.loads((self._state / "run" / "cloud.json").read_text())["pid"])]
        except (OSError, ValueError, KeyError):
            return []

    def login(self) -> Login:
        password = json.loads((self._state / "keys" / "secrets.json").read_text())["admin_password"]
        url = f"http://127.0.0.1:{self._port}/identity/v3"
        return Login(auth_url=url, user="admin", password=password, project="admin")

    def versions(self) -> str:
        describe = ["git", "-C", ROOT, "describe", "--always", "--dirty", "--tags"]
        commit = subprocess.run(describe, capture_output=True, text=True, check=False).stdout.strip()
        return f"nacre {commit}"

    def _nacre(self, *arguments: object) -> None:
        command = [str(ROOT / "nacre"), *map(str, arguments), "--state", str(self._state)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
