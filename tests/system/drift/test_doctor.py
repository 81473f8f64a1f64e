"""A real cloud to which things are done behind its back: `nacre doctor` finds them, and its commands heal them."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from real_clients import free_port, nacre
from real_guests import wait_for

if os.geteuid() != 0:
    pytest.skip("a real cloud needs root", allow_module_level=True)

NOBODY = "11111111-2222-4333-8444-555555555555"


class Cloud:
    """A real cloud on a state directory with a short name."""

    def __init__(self, state):
        self.state = state
        known = StateDirectory(state)
        running, secrets = known.running(), known.secrets()
        self.admin = CloudClient(running.auth_url, "admin", secrets.admin_password, "admin")
        self.demo = CloudClient(running.auth_url, "demo", secrets.demo_password, "demo")
        self.admin.log_in()
        self.demo.log_in()

    def boot(self):
        """Make a server on the project's network; return its id and its port's."""
        network = self.demo.find("network", "/v2.0/networks", "networks", "private")["id"]
        image = self.demo.get("image", "/v2/images")["images"][0]["id"]
        flavors = self.demo.get("compute", "/flavors/detail")["flavors"]
        flavor = min(flavors, key=lambda each: each["ram"])["id"]
        body = {"name": "patient", "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}
        server_id = self.demo.post("compute", "/servers", {"server": body})["server"]["id"]
        self.settle(server_id, "ACTIVE")
        return server_id, self.demo.get("network", "/v2.0/ports", device_id=server_id)["ports"][0]["id"]

    def settle(self, server_id, status):
        def look():
            server = self.admin.get("compute", f"/servers/{server_id}")["server"]
            return server["status"] == status and not server["OS-EXT-STS:task_state"]

        wait_for(look, f"server {server_id} {status}")

    def act(self, server_id, action):
        self.admin.post("compute", f"/servers/{server_id}/action", action)
        self.settle(server_id, "ACTIVE")

    def doctor(self, *arguments):
        """Run `nacre doctor`; return its exit code and the findings by kind and id."""
        command = [sys.executable, "-P", "-m", "nacre", "doctor", "--state", self.state, "--json", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        findings = json.loads(done.stdout)["findings"]
        return done.returncode, {(each["kind"], each["resource_id"]): each for each in findings}

    @property
    def data_plane(self):
        """The network namespace of the data plane."""
        (found,) = {
            name.rpartition("-d-")[0] for name in os.listdir("/run/netns") if f"-d-{self.network_id}" in name
        }
        return found

    @property
    def network_id(self):
        return self.demo.find("network", "/v2.0/networks", "networks", "private")["id"]

    def dnsmasq(self):
        return int(next(self.state.rglob(f"dhcp/{self.network_id}/pid")).read_text())


@pytest.fixture(scope="module")
def cloud():
    state = Path(tempfile.mkdtemp(prefix="nxd-", dir="/tmp"))
    try:
        nacre("up", "--real", "--detach", "--state", state, "--ports", f"single:{free_port()}")
        yield Cloud(state)
    finally:
        nacre("down", "--purge", "--state", state)
        shutil.rmtree(state, ignore_errors=True)


def test_what_was_done_behind_a_clouds_back(cloud):
    (killed, killed_port), (cut, cut_port) = cloud.boot(), cloud.boot()
    code, found = cloud.doctor()
    assert (code, found) == (0, {})

    os.kill(int(next(cloud.state.rglob(f"server-{killed}.pid")).read_text()), signal.SIGKILL)
    plane = cloud.data_plane
    subprocess.run(["ip", "-n", plane, "link", "del", f"tap{cut_port[:11]}"], check=True)
    subprocess.run(["ip", "netns", "exec", plane, "nft", "flush", "ruleset"], check=True)
    os.kill(cloud.dnsmasq(), signal.SIGKILL)
    (next(cloud.state.rglob(f"servers/{cut}")).parent / NOBODY).mkdir()
    subprocess.run(["ip", "netns", "add", f"{plane}-r-{NOBODY}"], check=True)

    code, found = cloud.doctor()
    assert code == 1
    states = {key: each["state"] for key, each in found.items()}
    assert states[("server_crashed", killed)] == "left"
    assert (
        states[("card_unplugged", cut)] == "left"
    )  # its tap is there again, and its guest holds the old one
    assert states[("files_stray", NOBODY)] == "left"
    assert states[("port_broken", cut_port)] == "healed"
    assert states[("port_broken", killed_port)] == "healed"
    assert states[("network_broken", cloud.network_id)] == "healed"
    assert states[("router_stray", NOBODY)] == "healed"
    assert f"{plane}-r-{NOBODY}" not in os.listdir("/run/netns")

    assert found[("server_crashed", killed)]["command"] == f"openstack server start {killed}"
    cloud.act(killed, {"os-start": None})
    assert found[("card_unplugged", cut)]["command"] == f"openstack server reboot --hard {cut}"
    cloud.act(cut, {"reboot": {"type": "HARD"}})
    nacre("doctor", "--state", cloud.state, "--heal", "files_stray", NOBODY)
    wait_for(lambda: cloud.doctor()[0] == 0, "a cloud in order")
    assert not list(cloud.state.rglob(f"servers/{NOBODY}"))


def test_a_guest_that_was_undefined_and_a_row_that_was_deleted(cloud):
    (lost, _), (unknown, port_id) = cloud.boot(), cloud.boot()
    (socket,) = cloud.state.rglob("libvirt-sock")
    for verb in ("destroy", "undefine"):
        subprocess.run(
            ["virsh", "-c", f"qemu+unix:///system?socket={socket}", verb, f"server-{lost}"], check=True
        )
    database = sqlite3.connect(cloud.state / "db" / "compute.sqlite", timeout=60)
    with database:
        database.execute("DELETE FROM servers WHERE id = ?", (unknown,))
    database.close()

    code, found = cloud.doctor()
    assert code == 1
    assert found[("server_missing", lost)]["command"] == f"openstack server reboot --hard {lost}"
    assert found[("server_unknown", unknown)]["state"] == "left"
    assert found[("allocation_orphaned", unknown)]["state"] == "left"
    assert found[("port_of_gone_server", port_id)]["command"] == f"openstack port delete {port_id}"

    cloud.act(lost, {"reboot": {"type": "HARD"}})
    nacre("doctor", "--state", cloud.state, "--heal", "server_unknown", unknown)
    cloud.admin.delete("network", f"/v2.0/ports/{port_id}")
    wait_for(lambda: cloud.doctor()[0] == 0, "a cloud in order")
    assert not list(cloud.state.rglob(f"servers/{unknown}"))
