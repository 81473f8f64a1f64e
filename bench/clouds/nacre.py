"""nacre as it ships: one process, SQLite, the simulated driver."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

from clouds.cloud import Cloud
from drive.session import Login
from peer import places

ROOT = Path(__file__).resolve().parents[2]
STATE = places.ROOT.parent / "nacre"

ROOM = 1000, 800_000, 600_000
"""What the one host has, as the peer's fake driver has it: processors, MiB, GiB."""

Sections = dict[str, dict[str, object]]


def no_quotas() -> Sections:
    """Return the settings by which a project may have as much as it wants, as the peer is set up."""
    network = ("network", "subnet", "port", "security_group")
    compute = ("instances", "cores", "ram_mb")
    return {
        "network": {f"quota_{noun}": -1 for noun in network},
        "compute": {f"quota_{noun}": -1 for noun in compute},
    }


def roomy_host() -> Sections:
    """Return the settings of the simulated host."""
    vcpus, memory_mb, disk_gb = ROOM
    return {"simulated_compute": {"vcpus": vcpus, "memory_mb": memory_mb, "disk_gb": disk_gb}}


class Nacre(Cloud):
    """`nacre up --simulated`."""

    name = "nacre"
    title = "nacre (one process, SQLite)"
    boots_thousands = True

    def __init__(self, state: Path = STATE, settings: Sections | None = None) -> None:
        """Keep its state in a directory of its own."""
        self._state = state
        self._settings = {**no_quotas(), **roomy_host(), **(settings or {})}

    def prepare(self) -> None:
        """Start it, on a fresh state."""
        self.close()
        self._state.mkdir(parents=True)
        lines = []
        for section, keys in self._settings.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        (self._state / "bench.toml").write_text("\n".join(lines))
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
