"""The walk of a user through a real cloud, with the unmodified client: each test is a stretch of it.

They run in order on one cloud and one server, because guests take seconds to boot.
"""

import struct
import subprocess
import time
import zlib

import pytest

PATIENCE_SECONDS = 240
USER_DATA = "#!/bin/sh\necho hello from user data > /tmp/greeting\n"
BROWSER = "chromium"


def wait_for(look, what):
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.5)


class Walk:
    """What the stretches of the walk hand on to each other."""

    def __init__(self, openstack, cloud):
        self.openstack, self.cloud = openstack, cloud
        self.key = cloud.state / "keys" / "walk.pem"
        self.address = ""

    def ssh(self, command, address=None, check=True):
        """Run a command in the guest; return what it prints, or None if nobody answers."""
        done = subprocess.run(
            [*("ssh", "-i", str(self.key), "-l", "cirros", "-o", "BatchMode=yes"),
             *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"),
             *("-o", "LogLevel=ERROR"), address or self.address, command],
            capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.stdout.strip() if done.returncode == 0 or not check else None

    def answers_ping(self):
        """Tell whether the server answers one of three pings through its floating IP."""
        command = ["ping", "-c", "3", "-i", "0.3", "-W", "2", self.address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def status(self, name="web"):
        return self.openstack.value("server", "show", name, column="status")

    def wait_status(self, status, name="web"):
        wait_for(lambda: self.status(name) in (status, "ERROR"), f"{name} {status}")
        assert self.status(name) == status


@pytest.fixture(scope="module")
def walk(openstack, real_cloud):
    return Walk(openstack, real_cloud)


def test_networks_router_and_security_group(walk):
    run = walk.openstack.run
    run("network", "create", "lan")
    run("subnet", "create", "--network", "lan", "--subnet-range", "10.77.0.0/24", "lan")
    run("router", "create", "--external-gateway", "public", "gate")
    run("router", "add", "subnet", "gate", "lan")
    run("security", "group", "create", "web")
    run("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "web")
    run("security", "group", "rule", "create", "--protocol", "icmp", "web")


def test_a_server_with_key_pair_and_user_data(walk, tmp_path):
    openstack = walk.openstack
    openstack.run("keypair", "create", "--private-key", walk.key, "walk")
    walk.key.chmod(0o600)
    script = tmp_path / "user-data"
    script.write_text(USER_DATA)
    made = openstack(
        *(
            "server",
            "create",
            "--image",
            "tiny",
            "--flavor",
            "m1.nano",
            "--network",
            "lan",
            "--key-name",
            "walk",
        ),
        *("--security-group", "web", "--user-data", script, "--wait", "web"),
    )
    assert made["status"] == "ACTIVE"
    floating = openstack("floating", "ip", "create", "public")
    walk.address = floating["floating_ip_address"]
    openstack.run("server", "add", "floating", "ip", "web", walk.address)
    assert wait_for(lambda: walk.ssh("hostname"), "SSH through the floating IP") == "web"
    assert wait_for(lambda: walk.ssh("cat /tmp/greeting"), "user data") == "hello from user data"


def test_the_console_log_shows_the_boot(walk):
    assert "boot finished" in walk.openstack.run("console", "log", "show", "web").stdout


def test_the_console_page_shows_the_screen(walk, tmp_path):
    url = walk.openstack.value("console", "url", "show", "--novnc", "web", column="url")
    picture = tmp_path / "screen.png"
    subprocess.run(
        [*(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,600", "--timeout=15000"),
         f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", url],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    dark, bright = count_pixels(picture)
    assert dark > 100_000, "the page shows no screen"
    assert bright > 300, "the screen shows no text"


def test_ping_follows_the_security_group(walk):
    assert walk.answers_ping()
    rules = walk.openstack("security", "group", "rule", "list", "web", "--protocol", "icmp")
    walk.openstack.run("security", "group", "rule", "delete", rules[0]["ID"])
    wait_for(lambda: not walk.answers_ping(), "the refusal of ping")
    walk.openstack.run("security", "group", "rule", "create", "--protocol", "icmp", "web")
    wait_for(walk.answers_ping, "the answer to ping")


def test_a_neighbour_is_reached_and_a_spoofed_source_is_not(walk):
    walk.openstack.run(
        *(
            "server",
            "create",
            "--image",
            "tiny",
            "--flavor",
            "m1.nano",
            "--network",
            "lan",
            "--key-name",
            "walk",
        ),
        *("--security-group", "web", "--wait", "db"),
    )
    neighbour = walk.openstack("server", "show", "db")["addresses"]["lan"][0]
    wait_for(lambda: walk.ssh(f"sudo ping -c 1 -W 2 {neighbour} >/dev/null && echo yes"), "the neighbour's answer")
    stranger = "10.77.0.250"
    walk.ssh(f"sudo ip addr add {stranger}/32 dev eth0")
    spoofed = walk.ssh(f"sudo ping -c 3 -W 2 -I {stranger} {neighbour}; true")
    assert "100% packet loss" in spoofed
    assert walk.ssh(f"sudo ping -c 1 -W 2 {neighbour} >/dev/null && echo yes") == "yes"
    walk.openstack.run("server", "delete", "--wait", "db")


def test_stop_start_reboot(walk):
    run = walk.openstack.run
    run("server", "stop", "web")
    walk.wait_status("SHUTOFF")
    assert not walk.answers_ping()
    run("server", "start", "web")
    walk.wait_status("ACTIVE")
    before = float(wait_for(lambda: walk.ssh("cut -d' ' -f1 /proc/uptime"), "SSH after the start"))
    run("server", "reboot", "--hard", "web")
    walk.wait_status("ACTIVE")
    after = float(wait_for(lambda: walk.ssh("cut -d' ' -f1 /proc/uptime"), "SSH after the reboot"))
    assert after < before + PATIENCE_SECONDS
    assert walk.ssh("cat /tmp/greeting; true", check=False) is not None


def test_pause_and_suspend(walk):
    run = walk.openstack.run
    run("server", "pause", "web")
    walk.wait_status("PAUSED")
    assert not walk.answers_ping()
    run("server", "unpause", "web")
    walk.wait_status("ACTIVE")
    wait_for(walk.answers_ping, "the answer after the pause")
    walk.ssh("echo remembered > /dev/shm/memory")
    run("server", "suspend", "web")
    walk.wait_status("SUSPENDED")
    assert not walk.answers_ping()
    run("server", "resume", "web")
    walk.wait_status("ACTIVE")
    wait_for(walk.answers_ping, "the answer after the sleep")
    assert walk.ssh("cat /dev/shm/memory") == "remembered"


def test_delete(walk):
    walk.openstack.run("server", "delete", "--wait", "web")
    assert "No server" in walk.openstack.refused("server", "show", "web")
    assert not walk.answers_ping()
    walk.openstack.run("floating", "ip", "delete", walk.address)
    walk.openstack.run("router", "remove", "subnet", "gate", "lan")
    walk.openstack.run("router", "delete", "gate")
    walk.openstack.run("network", "delete", "lan")


def count_pixels(path):
    """Return how many pixels of a PNG are nearly black, and how many are bright."""
    data = path.read_bytes()
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (depth, colour in (2, 6)) == (8, True)
    channels = 3 if colour == 2 else 4
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    raw, stride = zlib.decompress(packed), width * channels
    above = bytes(stride)
    dark = bright = 0
    for row in range(height):
        start = row * (stride + 1)
        line = unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels)
        for x in range(0, stride, channels):
            brightest = max(line[x : x + 3])
            dark += brightest < 16
            bright += brightest > 128
        above = line
    return dark, bright


def unfilter(kind, line, above, channels):
    """Undo a PNG row's filter (PNG specification, 9.2)."""
    for x in range(len(line)):
        left = line[x - channels] if x >= channels else 0
        up = above[x]
        corner = above[x - channels] if x >= channels else 0
        if kind == 1:
            line[x] = (line[x] + left) & 255
        elif kind == 2:
            line[x] = (line[x] + up) & 255
        elif kind == 3:
            line[x] = (line[x] + (left + up) // 2) & 255
        elif kind == 4:
            estimate = left + up - corner
            nearest = min((left, up, corner), key=lambda one: abs(estimate - one))
            line[x] = (line[x] + nearest) & 255
    return line
