"""`nacre status`: which services and agents of this cloud run, where, and in which mode."""

from __future__ import annotations

from nacre.cloud.client import CloudClient
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel.errors import NotFound


def connect(state: StateDirectory) -> CloudClient:
    """Return the administrator's client of the running cloud; NotFound if none runs."""
    running = state.running()
    if running is None:
        raise NotFound(f"No cloud runs in {state.root}. Start it: ./nacre up")
    return CloudClient(running.auth_url, "admin", state.secrets().admin_password, "admin")


def run(options: Options) -> None:
    """Print one line for the process, for each service, and for each agent."""
    terminal = Terminal()
    state = StateDirectory(options.state)
    admin = connect(state)
    running = state.running()
    assert running is not None
    resident = _resident_mb(running.pid)
    terminal.say(f"{running.mode} cloud in {state.root}, process {running.pid}, {resident} MB resident")
    admin.log_in()
    for service_type in sorted(admin.services):
        terminal.say(f"  {service_type:20} {admin.url(service_type)}")
    for service in admin.get("compute", "/os-services")["services"]:
        terminal.say(f"  {service['binary']:20} {service['host']:24} {service['state']}")
    for agent in admin.get("network", "/v2.0/agents")["agents"]:
        terminal.say(f"  {agent['binary']:20} {agent['host']:24} {'up' if agent['alive'] else 'down'}")


def _resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    return 0
