"""Hosts of the lab that run real servers: QEMU processes, bridges, tunnels, each in namespaces of its own.

To the agents it is a machine like any other: its end of tunnels is its address, and its data plane has a wire to
the external network.  Only the data plane has another name on each, for all namespaces of a computer are in
one list; and libvirt leaves control groups alone, which the hosts would share.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nacre.cloud import novnc, real_mode
from nacre.cloud.lab.machines import Machine
from nacre.cloud.lab.programs import NACRE, Failed
from nacre.cloud.lab.switch import PUBLIC_WIRE, Switch
from nacre.cloud.packages import Progress
from nacre.cloud.toml import Sections
from nacre.cloud.welcome import METADATA_PORT, secret_of
from nacre.kernel.errors import Unavailable
from nacre.kernel.shared_key import SharedKey

PURGE_SECONDS = 120.0
STATE_OF_HOST = "{host}/hosts/{host}"


def prepare(where: Path, hosts: Sequence[str], progress: Progress) -> None:
    """See to it that real servers can run below a directory; Unavailable says why they cannot."""
    for host in hosts:
        if reasons := real_mode.obstacles(where / STATE_OF_HOST.format(host=host)):
            raise Unavailable("Real servers are not possible here:\n  " + "\n  ".join(reasons))
    real_mode.prepare(progress)
    novnc.ensure(where / "novnc", progress)


def control_sections(where: Path, external: str) -> dict[str, dict[str, Any]]:
    """Return what control nodes must know of it."""
    sections: dict[str, dict[str, Any]] = {"cloud": {"mode": "real", "external_cidr": external}}
    if (where / "novnc").exists():
        sections["compute"] = {"novnc_directory": str(where / "novnc")}
    return sections


def host_sections(ground: Switch, host: str, front_url: str, key: SharedKey) -> Sections:
    """Return what the agents of a host must know besides the broker; `front_url` lacks only the port."""
    return {
        "cloud": {"name": ground.data_plane(host), "mode": "real", "host": host},
        "linux": {"tunnel_ip": ground.machine(host).address, "physical_networks": {"public": PUBLIC_WIRE}},
        "libvirt": {"cgroups": False},
        "agent": {
            "metadata_url": f"{front_url}:{METADATA_PORT}",
            "metadata_secret": secret_of(key.password("metadata_secret"), host),
        },
    }


def purge(machine: Machine, state: Path, config: Path) -> None:
    """Remove the servers and networks of a host whose agents have ended."""
    if not state.exists():
        return
    command = machine.command([*NACRE, "down", "--purge", "--state", str(state), "--config", str(config)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PURGE_SECONDS)
    if done.returncode:
        raise Failed(f"{machine.name} cannot be purged.", detail=done.stdout + done.stderr)
