"""What one real cloud leaves on its machine: found while it lives, looked for when it should be gone.

Only what is this cloud's own counts, by its name and its directory, for other clouds come and go beside it.
"""

import hashlib
import os
import subprocess
from pathlib import Path

import msgspec

from nacre.cloud import settings
from nacre.cloud.options import Options


class Traces:
    """The traces of one cloud: files, namespaces, links, firewall tables, processes, control groups."""

    def __init__(self, state):
        section, _ = settings.read(Options(state=state))
        self._state, self._name = state, section.name
        self._inodes = {inode(Path("/run/netns", name)) for name in self._namespaces()}
        self._servers = [path.name for path in state.glob("hosts/*/compute/servers/*")]

    def look(self):
        """Return all that is there at present."""
        table = f"nacre_{hashlib.sha256(self._name.encode()).hexdigest()[:12]}"
        return [
            *([str(self._state)] if self._state.exists() else []),
            *self._namespaces(),
            *(
                link["ifname"]
                for link in links()
                if link.get("ifalias", "").startswith(f"nacre {self._name} ")
            ),
            *(line for line in output("nft", "list", "tables").splitlines() if line.endswith(table)),
            *self._processes(),
            *self._control_groups(),
        ]

    def _namespaces(self):
        names = (line.split()[0] for line in output("ip", "netns", "list").splitlines())
        return [name for name in names if name == self._name or name.startswith(f"{self._name}-")]

    def _processes(self):
        """Find the processes that name the cloud's directory or live in its namespaces."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                said = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                ours = str(self._state) in said or inode(process / "ns" / "net") in self._inodes
            except OSError:  # it has just ended
                continue
            if ours and process.name != str(os.getpid()):
                found.append(f"{process.name} {said}")
        return found

    def _control_groups(self):
        groups = Path("/sys/fs/cgroup").glob("*/machine/qemu-*")
        return [str(group) for group in groups if any(server in group.name for server in self._servers)]


def links():
    return msgspec.json.decode(output("ip", "-json", "link"))


def inode(path):
    return path.stat().st_ino


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
