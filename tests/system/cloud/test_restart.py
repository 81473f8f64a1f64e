"""Stopping the control plane with Ctrl-C and starting it again touches no server and no packet."""

import os
import signal
import subprocess
import sys
import time

import pytest

from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from real_clients import free_port
from real_guests import Guest, wait_for

STOP_SECONDS = 60
BOOT = "cat /proc/sys/kernel/random/boot_id"  # another one at each boot
UPTIME = "cut -d ' ' -f 1 /proc/uptime"


class Foreground:
    """`nacre up` in a terminal of its own."""

    def __init__(self, state, port, output):
        self._state, self._output = StateDirectory(state), output
        self._command = [sys.executable, "-P", "-m", "nacre", "up", "--real", "--state", state]
        self._command += ["--ports", f"single:{port}"]
        self._process = None

    def start(self):
        """Start the cloud and wait until it is ready; return a client for the demo user."""
        with open(self._output, "ab") as output:
            self._process = subprocess.Popen(
                list(map(str, self._command)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = wait_for(self._ready, "the start of the cloud", every=0.05)
        return CloudClient(running.auth_url, "demo", self._state.secrets().demo_password, "demo")

    def press_ctrl_c(self):
        """Interrupt it as a terminal does, with all its family that shares the terminal; wait for its end."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(STOP_SECONDS)

    def end(self):
        if self._process and self._process.poll() is None:
            self.press_ctrl_c()

    def _ready(self):
        assert self._process.poll() is None, self._output.read_text()
        running = self._state.running()
        return running if running and running.ready and running.pid == self._process.pid else None


@pytest.fixture
def foreground(state, tmp_path):
    foreground = Foreground(state, free_port(), tmp_path / "output")
    yield foreground
    foreground.end()


def test_servers_and_packets_outlive_the_control_plane(foreground, state, tmp_path):
    demo = foreground.start()
    guest = boot(demo, state)
    booted, uptime, asked_at = guest.wait_ssh(BOOT), float(guest.ssh(UPTIME)), time.monotonic()
    pinging = guest.keep_pinging()

    assert foreground.press_ctrl_c() == 0
    assert "servers go on" in (tmp_path / "output").read_text()
    assert guest.ssh(BOOT) == booted, "the guest answers while nobody is in control"
    demo = foreground.start()

    assert demo.find("compute", "/servers/detail", "servers", "web")["status"] == "ACTIVE"
    assert guest.ssh(BOOT) == booted
    assert float(guest.ssh(UPTIME)) - uptime > 0.5 * (time.monotonic() - asked_at), "the guest stood still"
    sent, lost = pinging.count()
    assert (sent > 10, lost) == (True, 0)

    # It is in control again: what was made before obeys.
    server = demo.find("compute", "/servers", "servers", "web")
    demo.post("compute", f"/servers/{server['id']}/action", {"reboot": {"type": "HARD"}})
    assert wait_for(lambda: (answer := guest.ssh(BOOT)) != booted and answer, "the reboot")


def boot(demo, state):
    """Boot a server on the demo network with a floating IP; return the guest."""
    private = demo.find("network", "/v2.0/networks", "networks", "private")
    public = demo.find("network", "/v2.0/networks", "networks", "public")
    body = {
        "name": "web",
        "imageRef": demo.find("image", "/v2/images", "images", "tiny")["id"],
        "flavorRef": demo.find("compute", "/flavors", "flavors", "m1.nano")["id"],
        "key_name": "demo",
        "security_groups": [{"name": "ssh"}],
        "networks": [{"uuid": private["id"]}],
    }
    server = demo.post("compute", "/servers", {"server": body})["server"]
    demo.wait(
        lambda: demo.get("compute", f"/servers/{server['id']}")["server"]["status"],
        lambda status: status == "ACTIVE",
    )
    port = demo.get("network", "/v2.0/ports", device_id=server["id"])["ports"][0]
    body = {"floating_network_id": public["id"], "port_id": port["id"]}
    floating = demo.post("network", "/v2.0/floatingips", {"floatingip": body})["floatingip"]
    return Guest(floating["floating_ip_address"], StateDirectory(state).keys / "demo.pem")
