"""`nacre demo`: the main job of a cloud, end to end, each step with its time.

Boots a server from the test image on the demo network, gives it a floating IP, logs in over SSH,
shows what it saw there, and deletes everything again.  In a simulated cloud there is nobody to log
in to; the rest is the same.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any

from nacre.cloud import first_start
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Mode, Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel.errors import NacreError, NotFound, Unavailable

SSH_SECONDS = 300.0
GUEST_USER = "cirros"
QUESTIONS = ("hostname", "uname -r", "ip -4 -o addr show eth0", "cat /proc/uptime")


class DemoFailed(NacreError):
    """The story did not end well; the text says where."""


def run(options: Options) -> None:
    """Tell the whole story."""
    state = StateDirectory(options.state)
    running = state.running()
    if running is None:
        raise NotFound(f"No cloud runs in {state.root}. Start it: ./nacre up")
    demo = CloudClient(running.auth_url, "demo", state.secrets().demo_password, "demo")
    terminal = Terminal()
    began = time.monotonic()
    server_id, floating_id = "", ""
    try:
        with terminal.step("logged in") as seen:
            demo.log_in()
            seen.append(f"project {demo.project_id[:8]}")
        with terminal.step("asked for a server") as seen:
            server_id = _create(demo)
            seen.append(server_id)
        with terminal.step("server is ACTIVE") as seen:
            server = _wait_active(demo, server_id)
            address = server["addresses"][first_start.PRIVATE][0]["addr"]
            seen.append(address)
        with terminal.step("floating IP") as seen:
            floating_id, floating_address = _give_floating_ip(demo, server_id)
            seen.append(floating_address)
        if running.mode == Mode.REAL:
            with terminal.step("logged in over SSH"):
                answers = _visit(state, floating_address)
            for question, answer in zip(QUESTIONS, answers, strict=False):
                terminal.say(f"              $ {question}")
                terminal.say(f"              {answer}")
        with terminal.step("read the console") as seen:
            seen.append(_last_console_line(demo, server_id))
    finally:
        _clean_up(demo, server_id, floating_id, terminal)
    terminal.say(f"  {time.monotonic() - began:6.1f} s  in all")


def _create(demo: CloudClient) -> str:
    image = next(i for i in demo.get("image", "/v2/images", name=first_start.IMAGE)["images"])
    flavor = next(f for f in demo.get("compute", "/flavors")["flavors"] if f["name"] == "m1.nano")
    network = demo.find("network", "/v2.0/networks", "networks", first_start.PRIVATE)
    body = {
        "name": "demo",
        "imageRef": image["id"],
        "flavorRef": flavor["id"],
        "key_name": first_start.KEY,
        "security_groups": [{"name": first_start.GROUP}],
        "networks": [{"uuid": network["id"]}],
    }
    return str(demo.post("compute", "/servers", {"server": body})["server"]["id"])


def _wait_active(demo: CloudClient, server_id: str) -> Any:
    server = demo.wait(
        lambda: demo.get("compute", f"/servers/{server_id}")["server"],
        lambda server: server["status"] in ("ACTIVE", "ERROR"),
    )
    if server["status"] == "ERROR":
        raise DemoFailed(
            f"The server ended in ERROR: {server.get('fault', {}).get('message', 'no reason given')}"
        )
    return server


def _give_floating_ip(demo: CloudClient, server_id: str) -> tuple[str, str]:
    port = demo.get("network", "/v2.0/ports", device_id=server_id)["ports"][0]
    external = demo.find("network", "/v2.0/networks", "networks", first_start.EXTERNAL)
    body = {"floating_network_id": external["id"], "port_id": port["id"]}
    floating = demo.post("network", "/v2.0/floatingips", {"floatingip": body})["floatingip"]
    return str(floating["id"]), str(floating["floating_ip_address"])


def _visit(state: StateDirectory, address: str) -> list[str]:
    """Log in as soon as the guest answers, and ask it a few questions."""
    command = [
        *("ssh", "-i", str(state.keys / "demo.pem"), "-l", GUEST_USER),
        *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "ConnectTimeout=3", "-o", "LogLevel=ERROR"),
        *(address, " && echo --- && ".join(QUESTIONS)),
    ]
    deadline = time.monotonic() + SSH_SECONDS
    while True:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode == 0:
            return [part.strip() for part in done.stdout.split("---")]
        if time.monotonic() > deadline:
            raise Unavailable(f"{address} does not answer on SSH: {done.stderr.strip()[-300:]}")
        time.sleep(0.3)


def _last_console_line(demo: CloudClient, server_id: str) -> str:
    body = {"os-getConsoleOutput": {"length": 40}}
    output = demo.post("compute", f"/servers/{server_id}/action", body)["output"]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:70] if lines else "(empty)"


def _clean_up(demo: CloudClient, server_id: str, floating_id: str, terminal: Terminal) -> None:
    if not server_id:
        return
    with terminal.step("deleted it again"):
        if floating_id:
            demo.delete("network", f"/v2.0/floatingips/{floating_id}")
        demo.delete("compute", f"/servers/{server_id}")
        demo.wait(lambda: _is_gone(demo, server_id), bool)


def _is_gone(demo: CloudClient, server_id: str) -> bool:
    try:
        demo.get("compute", f"/servers/{server_id}")
    except NotFound:
        return True
    return False
