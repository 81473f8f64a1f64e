"""Short words for what compute's tests want of the real network service."""


class Networks:
    """The network API as its administrator speaks it, for the projects of the tests."""

    def __init__(self, user):
        self.user = user

    def _ask(self, method, path, body=None, **query):
        answer = self.user.request(method, "network", f"/v2.0/{path}", body, query=query)
        assert answer.status < 300, answer
        return answer.json

    def make_network(self, name="net", project_id="p1", cidr="10.0.0.0/24", **fields):
        """Make a network with one IPv4 subnet."""
        body = {"network": {"name": name, "project_id": project_id, **fields}}
        network = self._ask("POST", "networks", body)["network"]
        subnet = {
            "network_id": network["id"],
            "ip_version": 4,
            "cidr": cidr,
            "project_id": project_id,
        }
        self._ask("POST", "subnets", {"subnet": subnet})
        return self._ask("GET", f"networks/{network['id']}")["network"]

    def make_port(self, network, project_id="p1", **fields):
        body = {"port": {"network_id": network["id"], "project_id": project_id, **fields}}
        return self._ask("POST", "ports", body)["port"]

    def drop_port(self, port):
        self._ask("DELETE", f"ports/{port['id']}")

    def join(self, inside, outside, project_id="p1"):
        """Make a router from a network to an external one."""
        gateway = {"network_id": outside["id"]}
        body = {"router": {"project_id": project_id, "external_gateway_info": gateway}}
        router = self._ask("POST", "routers", body)["router"]
        subnet = {"subnet_id": inside["subnets"][0]}
        self._ask("PUT", f"routers/{router['id']}/add_router_interface", subnet)

    def make_floating_ip(self, outside, port, project_id="p1"):
        body = {"floating_network_id": outside["id"], "port_id": port["id"], "project_id": project_id}
        return self._ask("POST", "floatingips", {"floatingip": body})["floatingip"]

    def drop_floating_ip(self, floating_ip):
        self._ask("DELETE", f"floatingips/{floating_ip['id']}")

    def make_group(self, name, project_id="p1"):
        body = {"security_group": {"name": name, "project_id": project_id}}
        return self._ask("POST", "security-groups", body)["security_group"]

    def ports(self, **query):
        """Return ports, without those that the network service keeps for itself (DHCP)."""
        listed = self._ask("GET", "ports", **query)["ports"]
        return [port for port in listed if not port["device_owner"].startswith("network:")]

    def port(self, port_id):
        return self._ask("GET", f"ports/{port_id}")["port"]

    def networks(self):
        return self._ask("GET", "networks")["networks"]

    def all_up(self):
        """Tell whether every port that is bound carries packets."""
        return all(port["status"] == "ACTIVE" for port in self.ports() if port["binding:host_id"])
