"""The walk of a user through a real cloud, with the unmodified client: each test is a stretch of it.

They run in order on one cloud and one server, because guests take seconds to boot.  What the user does is
done with the `openstack` command; waiting is done by a client that costs nothing.
"""

import pytest
from browser import Browser
from pictures import count_pixels

from real_guests import Guest, wait_for

USER_DATA = "#!/bin/sh\necho hello from user data > /tmp/greeting\n"
BOOT = "cat /proc/sys/kernel/random/boot_id"  # another one at each boot
STRANGER = "10.77.0.250"

#: How many pixels of the screen are bright by now; noVNC draws it on the page's one canvas.
BRIGHT_PIXELS = """
    const canvas = document.querySelector("canvas");
    if (!canvas || !canvas.width) return 0;
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let bright = 0;
    for (let i = 0; i < data.length; i += 4) bright += Math.max(data[i], data[i + 1], data[i + 2]) > 128;
    return bright;
"""
TEXT_PIXELS = 1000  # a screen with some lines of text; a cursor alone has 16


class Walk:
    """What the stretches of the walk hand on to each other."""

    def __init__(self, openstack, demo, state):
        self.openstack, self._demo = openstack, demo
        self.key = state / "keys" / "walk.pem"
        self.web = Guest("", self.key)

    def server(self, name):
        return self._demo.find("compute", "/servers/detail", "servers", name)

    def wait_status(self, name, status):
        seen = wait_for(
            lambda: (server := self.server(name))["status"] in (status, "ERROR") and server,
            f"{name} {status}",
            every=0.1,
        )
        assert seen["status"] == status, seen.get("fault")
        return seen


@pytest.fixture(scope="module")
def walk(openstack, demo, state):
    return Walk(openstack, demo, state)


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
    walk.openstack.run("keypair", "create", "--private-key", walk.key, "walk")
    walk.key.chmod(0o600)
    script = tmp_path / "user-data"
    script.write_text(USER_DATA)
    create_server(walk, "web", "--user-data", script)
    walk.web.address = walk.openstack("floating", "ip", "create", "public")["floating_ip_address"]
    walk.wait_status("web", "ACTIVE")
    walk.openstack.run("server", "add", "floating", "ip", "web", walk.web.address)
    assert walk.web.wait_ssh("hostname") == "web"
    assert walk.web.wait_ssh("cat /tmp/greeting", "user data") == "hello from user data"


def create_server(walk, name, *options):
    walk.openstack.run(
        *("server", "create", "--image", "tiny", "--flavor", "m1.nano", "--network", "lan"),
        *("--key-name", "walk", "--security-group", "web", *options, name),
    )


def test_the_console_log_shows_the_boot(walk):
    assert "boot finished" in walk.openstack.run("console", "log", "show", "web").stdout


def test_the_console_page_shows_the_screen(walk, tmp_path):
    url = walk.openstack.value("console", "url", "show", "--novnc", "web", column="url")
    with Browser() as browser:
        browser.open(url)
        wait_for(lambda: browser.run(BRIGHT_PIXELS) > TEXT_PIXELS, "the guest's screen")
        picture = browser.picture()
    (tmp_path / "screen.png").write_bytes(picture)
    dark, bright = count_pixels(picture)
    assert dark > 100_000, "the page shows no screen"
    assert bright > TEXT_PIXELS, "the screen shows no text"


def test_ping_follows_the_security_group(walk):
    assert walk.web.answers_ping()
    rules = walk.openstack("security", "group", "rule", "list", "web", "--protocol", "icmp")
    walk.openstack.run("security", "group", "rule", "delete", rules[0]["ID"])
    wait_for(lambda: not walk.web.answers_ping(), "the refusal of ping")
    walk.openstack.run("security", "group", "rule", "create", "--protocol", "icmp", "web")
    wait_for(walk.web.answers_ping, "the answer to ping")


def test_a_neighbour_is_reached_and_a_spoofed_source_is_not(walk):
    create_server(walk, "db")
    neighbour = walk.wait_status("db", "ACTIVE")["addresses"]["lan"][0]["addr"]
    wait_for(lambda: walk.web.reaches(neighbour), "the neighbour's answer")
    walk.web.ssh(f"sudo ip addr add {STRANGER}/24 dev eth0")
    assert not walk.web.reaches(f"-I {STRANGER} {neighbour}")
    assert walk.web.reaches(neighbour)
    walk.openstack.run("server", "delete", "--wait", "db")


def test_stop_start_reboot(walk):
    run = walk.openstack.run
    run("server", "stop", "web")
    walk.wait_status("web", "SHUTOFF")
    assert not walk.web.answers_ping()
    run("server", "start", "web")
    walk.wait_status("web", "ACTIVE")
    booted = walk.web.wait_ssh(BOOT)
    run("server", "reboot", "--hard", "web")
    walk.wait_status("web", "ACTIVE")
    assert walk.web.wait_ssh(BOOT) != booted


def test_pause_and_suspend(walk):
    run = walk.openstack.run
    run("server", "pause", "web")
    walk.wait_status("web", "PAUSED")
    assert not walk.web.answers_ping()
    run("server", "unpause", "web")
    walk.wait_status("web", "ACTIVE")
    wait_for(walk.web.answers_ping, "the answer after the pause")
    booted = walk.web.wait_ssh(BOOT)
    run("server", "suspend", "web")
    walk.wait_status("web", "SUSPENDED")
    assert not walk.web.answers_ping()
    run("server", "resume", "web")
    walk.wait_status("web", "ACTIVE")
    assert walk.web.wait_ssh(BOOT) == booted, "the guest woke up as another"


def test_delete(walk):
    walk.openstack.run("server", "delete", "--wait", "web")
    assert "No Server found" in walk.openstack.refused("server", "show", "web")
    assert not walk.web.answers_ping()
    walk.openstack.run("floating", "ip", "delete", walk.web.address)
    walk.openstack.run("router", "remove", "subnet", "gate", "lan")
    walk.openstack.run("router", "delete", "gate")
    walk.openstack.run("network", "delete", "lan")
