"""As much of the network service as compute talks to, in memory: until tests can have the real one."""

import itertools

import msgspec

from nacre.kernel import errors
from nacre.kernel.http.api import Api
from nacre.kernel.http.faults import Typed
from nacre.kernel.http.request import Response
from nacre.kernel.http.routing import AUTHENTICATED, Routes
from nacre.kernel.ids import new_id
from nacre.kernel.service import Manifest


class StandIn:
    def __init__(self):
        self.tables = {"networks": {}, "subnets": {}, "ports": {}, "security_groups": {}, "floatingips": {}}
        self.numbers = itertools.count(5)
        self.unreachable_hosts = set()

    def add(self, table, **row):
        row.setdefault("id", new_id())
        self.tables[table][row["id"]] = row
        return row

    def make_network(self, name="net", project_id="p1", **fields):
        network = self.add("networks", name=name, project_id=project_id, mtu=1450, subnets=[], **fields)
        subnet = self.add(
            "subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4, gateway_ip="10.0.0.1",
            enable_dhcp=True, dns_nameservers=["10.0.0.2"], host_routes=[],
        )  # fmt: skip
        network["subnets"] = [subnet["id"]]
        return network

    def bind(self, port):
        host = port.get("binding:host_id")
        port["binding:vif_type"] = (
            "unbound" if not host else "binding_failed" if host in self.unreachable_hosts else "tap"
        )
        port["status"] = "ACTIVE" if port["binding:vif_type"] == "tap" else "DOWN"
        port["binding:vif_details"] = {"tap_name": "tap" + port["id"][:11], "mtu": 1450} if host else {}


def make_service():
    state = StandIn()
    routes = Routes("/v2.0")

    def body(req, key):
        return msgspec.json.decode(req.body)[key]

    def index(wire, table):
        @routes.get(f"/{wire}", policy=AUTHENTICATED)
        def list_(req):
            rows = list(state.tables[table].values())
            for name, values in req.query.items():
                if name in ("id", "device_id", "port_id", "network_id", "project_id"):
                    rows = [row for row in rows if row.get(name) in values]
                if name == "shared":
                    rows = [row for row in rows if row.get("shared")]
            return {table: rows}

    for wire, table in (("networks", "networks"), ("subnets", "subnets"), ("ports", "ports"),
                        ("security-groups", "security_groups"), ("floatingips", "floatingips")):  # fmt: skip
        index(wire, table)

    def find(table, id):
        if id not in state.tables[table]:
            raise errors.NotFound(f"{table} {id} not found")
        return state.tables[table][id]

    @routes.get("/networks/{id}", policy=AUTHENTICATED)
    def show_network(req, id):
        return {"network": find("networks", id)}

    @routes.get("/ports/{id}", policy=AUTHENTICATED)
    def show_port(req, id):
        return {"port": find("ports", id)}

    @routes.post("/ports", policy=AUTHENTICATED)
    def create_port(req):
        asked = body(req, "port")
        if asked.get("id") in state.tables["ports"]:
            raise errors.Conflict("the port exists")
        network = find("networks", asked["network_id"])
        number = next(state.numbers)
        address = (asked.get("fixed_ips") or [{}])[0].get("ip_address") or f"10.0.0.{number}"
        default = next(iter(state.tables["security_groups"]))
        port = {
            "name": "", "device_id": "", "device_owner": "", "security_groups": [default],
            "mac_address": f"fa:16:3e:00:00:{number:02x}", **asked,
            "fixed_ips": [{"subnet_id": network["subnets"][0], "ip_address": address}],
        }  # fmt: skip
        port.setdefault("project_id", req.ctx.project_id)
        port = state.add("ports", **port)
        state.bind(port)
        return Response(201, {"port": port})

    @routes.put("/ports/{id}", policy=AUTHENTICATED)
    def update_port(req, id):
        port = find("ports", id)
        port.update(body(req, "port"))
        state.bind(port)
        return {"port": port}

    @routes.delete("/ports/{id}", policy=AUTHENTICATED)
    def delete_port(req, id):
        find("ports", id)
        del state.tables["ports"][id]

    state.add("security_groups", name="default", project_id="p1")
    manifest = Manifest(
        name="network",
        apis=(Api(name="network", port=9696, prefix="network", routes=(routes,), faults=Typed()),),
        policies=(),
    )
    return manifest, state
