"""Two hosts, a tunnel between them, and guests on both: addresses, metadata, routing, floating IPs."""

import json

import pytest
from machines import Capture

from nacre.cloud.state import StateDirectory
from real_guests import Guest, wait_for

METADATA = "http://169.254.169.254/openstack/latest/meta_data.json"


class Site:
    """What the tests of this file do to the cloud, as its administrator, who may choose hosts."""

    def __init__(self, admin, state):
        self.admin, self.key = admin, state.keys / "demo.pem"
        public = (state.keys / "demo.pub").read_text()
        admin.post("compute", "/os-keypairs", {"keypair": {"name": "key", "public_key": public}})
        self.group = self._network("security-groups", "security_group", name="open")
        for protocol in ("icmp", "tcp"):
            self._network(
                "security-group-rules",
                "security_group_rule",
                security_group_id=self.group["id"],
                direction="ingress",
                protocol=protocol,
            )
        self.public = admin.find("network", "/v2.0/networks", "networks", "public")["id"]
        gateway = {"network_id": self.public}
        self.router = self._network("routers", "router", name="gate", external_gateway_info=gateway)["id"]
        self.networks = {name: self._make_network(name, n) for n, name in enumerate(("front", "back"), 51)}

    def boot(self, name, network, host):
        """Ask for a server on a host; it is on its way."""
        body = {
            "name": name,
            "imageRef": self.admin.find("image", "/v2/images", "images", "tiny")["id"],
            "flavorRef": self.admin.find("compute", "/flavors", "flavors", "m1.nano")["id"],
            "key_name": "key",
            "security_groups": [{"name": "open"}],
            "networks": [{"uuid": self.networks[network]}],
            "availability_zone": f"nova:{host}",
        }
        return self.admin.post("compute", "/servers", {"server": body})["server"]["id"]

    def built(self, server_id):
        """Return a server that was built, and its port."""

        def look():
            server = self.admin.get("compute", f"/servers/{server_id}")["server"]
            return server if server["status"] in ("ACTIVE", "ERROR") else None

        server = wait_for(look, "the build", every=0.1)
        assert server["status"] == "ACTIVE", server.get("fault")
        return server, self.admin.get("network", "/v2.0/ports", device_id=server_id)["ports"][0]

    def float(self, port):
        """Give a port a floating IP; return the guest behind it, as seen from the world."""
        body = {"floating_network_id": self.public, "port_id": port["id"]}
        made = self.admin.post("network", "/v2.0/floatingips", {"floatingip": body})["floatingip"]
        return Guest(made["floating_ip_address"], self.key)

    def _make_network(self, name, number):
        network = self._network("networks", "network", name=name)["id"]
        cidr = f"10.{number}.0.0/24"
        subnet = self._network("subnets", "subnet", network_id=network, cidr=cidr, ip_version=4)["id"]
        path = f"/v2.0/routers/{self.router}/add_router_interface"
        self.admin.put("network", path, {"subnet_id": subnet})
        return network

    def _network(self, plural, single, **fields):
        return self.admin.post("network", f"/v2.0/{plural}", {single: fields})[single]


class Server:
    """A server that was built: where it is, and the guest in it."""

    def __init__(self, site, server_id):
        self.record, port = site.built(server_id)
        self.host = self.record["OS-EXT-SRV-ATTR:host"]
        self.address = port["fixed_ips"][0]["ip_address"]
        self.mac = port["mac_address"]
        self.guest = site.float(port)


@pytest.fixture(scope="module")
def site(cloud, machines):
    return Site(cloud, StateDirectory(machines[0].state))


@pytest.fixture(scope="module")
def servers(site, machines):
    """Three servers: `left` and `right` on one network and two hosts, `behind` on another network."""
    one, two = (machine.name for machine in machines)
    asked = {
        "left": site.boot("left", "front", one),
        "right": site.boot("right", "front", two),
        "behind": site.boot("behind", "back", two),
    }
    return {name: Server(site, server_id) for name, server_id in asked.items()}


def test_servers_are_where_they_were_asked_for(servers, machines):
    one, two = (machine.name for machine in machines)
    assert {name: server.host for name, server in servers.items()} == {
        "left": one,
        "right": two,
        "behind": two,
    }


def test_the_hosts_show_their_addresses(site, machines):
    hypervisors = site.admin.get("compute", "/os-hypervisors/detail")["hypervisors"]
    shown = {each["hypervisor_hostname"]: each["host_ip"] for each in hypervisors}
    assert shown == {machine.name: machine.address for machine in machines}


@pytest.mark.parametrize("name", ["left", "right", "behind"])
def test_each_is_reached_from_outside_with_the_key_and_name_of_its_metadata(servers, name):
    """There is no configuration drive: a guest that lets the key in has had its metadata, and its address."""
    server = servers[name]
    assert server.guest.wait_ssh("hostname") == name
    metadata = json.loads(server.guest.ssh(f"wget -q -O - {METADATA}"))
    assert (metadata["uuid"], metadata["name"]) == (server.record["id"], name)


@pytest.mark.parametrize("name", ["left", "right", "behind"])
def test_each_has_its_address_by_dhcp(servers, name):
    server = servers[name]
    shown = server.guest.wait_ssh("ip -o addr show dev eth0")
    assert f"inet {server.address}/24" in shown
    assert server.guest.ssh("cat /sys/class/net/eth0/address") == server.mac


def test_neighbours_on_two_hosts_reach_each_other_through_the_tunnel(servers, machines):
    left, right = servers["left"], servers["right"]
    capture = Capture(machines[0])
    try:
        assert left.guest.reaches(right.address)
        assert {machine.address for machine in machines} <= capture.seen()
    finally:
        capture.close()
    assert right.guest.reaches(left.address)
    assert left.guest.reaches(f"-s 1400 {right.address}"), "a full packet does not fit through"


def test_a_network_behind_the_router_is_reached_from_the_other_host(servers):
    assert servers["left"].guest.reaches(servers["behind"].address)
    assert servers["behind"].guest.reaches(servers["left"].address)


def test_a_server_on_the_other_host_is_removed_without_a_trace(site, servers, machines):
    server = servers["right"]
    site.admin.delete("compute", f"/servers/{server.record['id']}")
    wait_for(lambda: len(site.admin.get("compute", "/servers")["servers"]) == 2, "the removal", every=0.1)
    assert not list(machines[1].state.rglob(f"*{server.record['id']}*.qcow2"))
    assert not servers["left"].guest.reaches(server.address)
    assert servers["left"].guest.reaches(servers["behind"].address)
