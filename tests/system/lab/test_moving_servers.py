"""Real servers go from host to host at the word of the `openstack` command, and people notice little."""

import re
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import urllib3
from websockets.sync.client import connect

from real_guests import Guest, wait_for

VERSION = ("--os-compute-api-version", "2.79")
PATIENCE_SECONDS = 60
GREETING = re.compile(rb"RFB 003\.00\d\n")


class Site:
    """What the administrator has in the cloud: a network with a way out, and a server on each host."""

    def __init__(self, bed):
        self.admin = bed.admin()
        self.key = bed.state_of("control-1").keys / "demo.pem"
        public = self.key.with_suffix(".pub").read_text()
        self.admin.post("compute", "/os-keypairs", {"keypair": {"name": "key", "public_key": public}})
        self.public = self.admin.find("network", "/v2.0/networks", "networks", "public")["id"]
        self.network = self._make("network", name="front")["id"]
        subnet = self._make("subnet", network_id=self.network, cidr="10.51.0.0/24", ip_version=4)["id"]
        gateway = {"network_id": self.public}
        router = self._make("router", name="gate", external_gateway_info=gateway)["id"]
        self.admin.put("network", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
        group = self._make("security_group", name="open")["id"]
        for protocol in ("icmp", "tcp"):
            rule = {"security_group_id": group, "direction": "ingress", "protocol": protocol}
            self._make("security_group_rule", **rule)
        self.servers = {host: self._boot(f"on-{host}", host) for host in bed.hosts}
        self.guests = {host: self._float(server) for host, server in self.servers.items()}

    def server(self, server_id):
        return self.admin.get("compute", f"/servers/{server_id}")["server"]

    def address(self, server_id):
        (port,) = self.admin.get("network", "/v2.0/ports", device_id=server_id)["ports"]
        return port["fixed_ips"][0]["ip_address"]

    def settled(self, server_id, *statuses):
        """Return a server once it has one of these statuses and nobody works on it."""

        def look():
            server = self.server(server_id)
            assert server["status"] != "ERROR", server.get("fault")
            done = server["status"] in statuses and server["OS-EXT-STS:task_state"] is None
            return server if done else None

        return wait_for(look, f"the server's being {' or '.join(statuses)}", every=0.1)

    def _boot(self, name, host):
        body = {
            "name": name,
            "imageRef": self.admin.find("image", "/v2/images", "images", "tiny")["id"],
            "flavorRef": self.admin.find("compute", "/flavors", "flavors", "m1.nano")["id"],
            "key_name": "key",
            "security_groups": [{"name": "open"}],
            "networks": [{"uuid": self.network}],
            "availability_zone": f"nova:{host}",
        }
        return self.admin.post("compute", "/servers", {"server": body})["server"]["id"]

    def _float(self, server_id):
        self.settled(server_id, "ACTIVE")
        (port,) = self.admin.get("network", "/v2.0/ports", device_id=server_id)["ports"]
        made = self._make("floatingip", floating_network_id=self.public, port_id=port["id"])
        return Guest(made["floating_ip_address"], self.key)

    def _make(self, single, **fields):
        path = f"/v2.0/{single.replace('_', '-')}s"
        return self.admin.post("network", path, {single: fields})[single]


@pytest.fixture(scope="module")
def site(bed):
    return Site(bed)


@pytest.fixture(scope="module")
def traveller(site, bed):
    """The server that is moved; it begins on the first host."""
    return site.servers[bed.hosts[0]]


@pytest.fixture(scope="module")
def guest(site, bed):
    return site.guests[bed.hosts[0]]


def see_screen(site, openstack, server_id):
    """Look at a server's screen as a browser does; return which host it is on, and the greeting."""
    url = openstack(*VERSION, "console", "url", "show", "--novnc", server_id)["url"]
    page = urllib3.request("GET", url)
    assert page.status == 200
    assert b"noVNC" in page.data
    (path,) = parse_qs(urlsplit(url).query)["path"]
    (token,) = parse_qs(urlsplit(path).query)["token"]
    shown = site.admin.get("compute", f"/os-console-auth-tokens/{token}", version="2.31")["console"]
    assert shown["instance_uuid"] == server_id
    address = urljoin(url, path).replace("http", "ws", 1)
    with connect(address, subprotocols=["binary"]) as connection:
        return shown["host"], connection.recv(timeout=PATIENCE_SECONDS)


def files_of(bed, host, server_id):
    """Return what a host keeps of a server."""
    return list((bed.where / host).rglob(f"*{server_id}*"))


def test_they_are_where_they_were_asked_for_and_reach_each_other(site, bed):
    for host in bed.hosts:
        assert site.server(site.servers[host])["OS-EXT-SRV-ATTR:host"] == host
        assert site.guests[host].wait_ssh("hostname") == f"on-{host}"
    one, two = bed.hosts
    assert site.guests[one].reaches(site.address(site.servers[two]))


def test_a_live_migration(site, bed, openstack, traveller, guest, record_property):
    host, greeting = see_screen(site, openstack, traveller)
    assert host == bed.hosts[0]
    assert GREETING.match(greeting)
    guest.wait_ssh("echo written on the first host | sudo tee /root/memo && sudo sync")
    booted = guest.wait_ssh("cat /proc/sys/kernel/random/boot_id")
    pings = guest.keep_pinging()
    openstack.run(
        *VERSION, "server", "migrate", "--live-migration", "--host", bed.hosts[1], "--wait", traveller
    )
    server = site.settled(traveller, "ACTIVE")
    assert server["OS-EXT-SRV-ATTR:host"] == bed.hosts[1]
    assert guest.wait_ssh("cat /proc/sys/kernel/random/boot_id") == booted, "it is not the same guest"
    answered, lost = pings.count()
    assert answered > 0
    record_property("told", f"live migration: {lost} of {answered + lost} pings lost, one every 0.1 s")
    host, greeting = see_screen(site, openstack, traveller)
    assert host == bed.hosts[1]
    assert GREETING.match(greeting)


def test_neighbours_find_it_at_its_new_place(site, bed, traveller, guest):
    other = site.servers[bed.hosts[1]]
    assert guest.reaches(site.address(other))
    assert site.guests[bed.hosts[1]].reaches(site.address(traveller))


def test_a_cold_migration_back(site, bed, openstack, traveller, guest):
    openstack.run(*VERSION, "server", "migrate", "--wait", traveller)
    server = site.settled(traveller, "VERIFY_RESIZE")
    assert server["OS-EXT-SRV-ATTR:host"] == bed.hosts[0]
    openstack.run(*VERSION, "server", "migrate", "confirm", traveller)
    site.settled(traveller, "ACTIVE")
    assert guest.wait_ssh("sudo cat /root/memo") == "written on the first host"
    assert site.guests[bed.hosts[1]].reaches(site.address(traveller))
    host, greeting = see_screen(site, openstack, traveller)
    assert host == bed.hosts[0]
    assert GREETING.match(greeting)


def test_nothing_is_left_behind(site, bed, traveller):
    """After two journeys the other host has nothing of it."""
    wait_for(lambda: not files_of(bed, bed.hosts[1], traveller), "the clearing away of the other host")
    for server in site.servers.values():
        site.admin.delete("compute", f"/servers/{server}")
    wait_for(lambda: not site.admin.get("compute", "/servers")["servers"], "the removal", every=0.1)
    for server in site.servers.values():
        for host in bed.hosts:
            assert files_of(bed, host, server) == []
