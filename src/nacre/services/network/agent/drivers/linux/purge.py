"""Remove all traces of one data plane from the machine, found by its names alone."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.drivers.linux.links import open_links
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

PATIENCE_SECONDS = 5.0


def purge(settings: LinuxSettings) -> None:
    """Remove processes, then interfaces, then namespaces, then files."""
    owned = [name for name, _, _ in names.owned_namespaces(settings.namespace, namespaces.present())]
    _end_processes(settings.state_dir)
    if namespaces.exists(settings.namespace):
        with open_links(settings.namespace) as links:
            for link in links.all().values():
                # Bridges, tunnels, taps and both ends of every veth; a wire that the operator lent us stays.
                if link.kind in ("bridge", "vxlan", "vlan", "tun") or (link.kind == "veth" and link.alias):
                    links.remove(link.name)
    for name in (*owned, names.probe_namespace(settings.namespace), settings.namespace):
        namespaces.remove(name)
    for directory in ("dhcp", "routers"):
        shutil.rmtree(settings.state_dir / directory, ignore_errors=True)


def _end_processes(state_dir: Path) -> None:
    """End the dnsmasq processes that run by a configuration in our directory, pid file or not."""
    pids = _processes(state_dir)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while pids and time.monotonic() < ends_at:
            time.sleep(0.01)
            pids = _processes(state_dir)
        if not pids:
            return


def _processes(state_dir: Path) -> list[int]:
    ours = [f"--conf-file={state_dir / name}/".encode() for name in ("dhcp", "routers")]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if any(argument.startswith(prefix) for argument in arguments for prefix in ours):
                    found.append(int(entry.name))
    return found
