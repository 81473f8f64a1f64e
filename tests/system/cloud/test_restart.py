"""Nacre stops, by Ctrl-C or by force, and starts again: no server and no packet hears of it.

One server is pinged all the time, from before the first stop until after the last start.
"""

import os
import signal
import subprocess
import sys

import pytest

from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from real_clients import free_port
from real_guests import Guest, wait_for

STOP_SECONDS = 120
BOOT = "cat /proc/sys/kernel/random/boot_id"  # another one at each boot
UPTIME = "cut -d ' ' -f 1 /proc/uptime"
BOOTED = "boot finished"


class Foreground:
    """`nacre up` in a terminal of its own."""

    def __init__(self, state, port, output):
        self._state, self.output = StateDirectory(state), output
        self._command = [sys.executable, "-P", "-m", "nacre", "up", "--real", "--state", state]
        self._command += ["--ports", f"single:{port}"]
        self._process = self.demo = None

    def start(self):
        """Start the cloud and wait until it is ready; from then on there is a client for the demo user."""
        with open(self.output, "ab") as output:
            self._process = subprocess.Popen(
                list(map(str, self._command)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = wait_for(self._ready, "the start of the cloud", every=0.05)
        password = self._state.secrets().demo_password
        self.demo = CloudClient(running.auth_url, "demo", password, "demo")

    def press_ctrl_c(self):
        """Interrupt it as a terminal does, with all its family that shares the terminal."""
        os.killpg(self._process.pid, signal.SIGINT)
        assert self._process.wait(STOP_SECONDS) == 0
        assert "servers go on" in self.output.read_text()

    def kill(self):
        """End it as a lack of memory would."""
        self._process.kill()
        assert self._process.wait(STOP_SECONDS) == -signal.SIGKILL

    def end(self):
        if self._process and self._process.poll() is None:
            self.press_ctrl_c()

    def _ready(self):
        assert self._process.poll() is None, self.output.read_text()
        running = self._state.running()
        return running if running and running.ready and running.pid == self._process.pid else None


class Web:
    """The server of these tests, and the guest in it."""

    def __init__(self, state):
        self._key, self.id, self.guest = StateDirectory(state).keys / "demo.pem", "", None

    def boot(self, demo):
        """Boot it on the demo network, with a floating IP; wait until it answers."""
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
        self.id = demo.post("compute", "/servers", {"server": body})["server"]["id"]
        self.wait_active(demo)
        port = demo.get("network", "/v2.0/ports", device_id=self.id)["ports"][0]
        body = {"floating_network_id": public["id"], "port_id": port["id"]}
        floating = demo.post("network", "/v2.0/floatingips", {"floatingip": body})["floatingip"]
        self.guest = Guest(floating["floating_ip_address"], self._key)
        self.guest.wait_ssh(BOOT)

    def wait_active(self, demo):
        def look():
            server = demo.get("compute", f"/servers/{self.id}")["server"]
            settled = server["status"] in ("ACTIVE", "ERROR") and server["OS-EXT-STS:task_state"] is None
            return server if settled else None

        server = wait_for(look, "an ACTIVE server", every=0.1)
        assert server["status"] == "ACTIVE", server.get("fault")

    def act(self, demo, body):
        return demo.post("compute", f"/servers/{self.id}/action", body)


@pytest.fixture(scope="module")
def foreground(state, tmp_path_factory):
    foreground = Foreground(state, free_port(), tmp_path_factory.mktemp("up") / "output")
    yield foreground
    foreground.end()


@pytest.fixture(scope="module")
def web(foreground, state):
    web = Web(state)
    foreground.start()
    web.boot(foreground.demo)
    return web


@pytest.mark.parametrize("how", ["press_ctrl_c", "kill"])
def test_guests_and_packets_outlive_nacre(foreground, web, how):
    booted, uptime = web.guest.wait_ssh(BOOT), float(web.guest.wait_ssh(UPTIME))
    pinging = web.guest.keep_pinging()

    getattr(foreground, how)()
    assert web.guest.wait_ssh(BOOT) == booted, "the guest answers while nobody is in control"
    foreground.start()

    demo = foreground.demo
    web.wait_active(demo)
    assert web.guest.wait_ssh(BOOT) == booted
    assert float(web.guest.wait_ssh(UPTIME)) > uptime
    answered, lost = pinging.count()
    assert (answered > 10, lost) == (True, 0)

    # It is in control again: what was made before obeys.
    web.act(demo, {"reboot": {"type": "HARD"}})
    web.wait_active(demo)
    assert web.guest.wait_ssh(BOOT) != booted
    console = {"os-getConsoleOutput": {}}
    wait_for(lambda: BOOTED in web.act(demo, console)["output"], "the end of the boot on the console")


def test_a_server_that_was_there_before_can_be_deleted(foreground, web):
    foreground.press_ctrl_c()
    foreground.start()
    foreground.demo.delete("compute", f"/servers/{web.id}")
    wait_for(lambda: not foreground.demo.get("compute", "/servers")["servers"], "the removal", every=0.1)
    assert not web.guest.answers_ping()


def test_purge_takes_a_server_along(foreground, state):
    """A guest runs when the cloud is purged, after a kill: the fixture `state` looks for what is left."""
    Web(state).boot(foreground.demo)
    foreground.kill()
