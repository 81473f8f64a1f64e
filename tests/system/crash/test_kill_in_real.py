"""kill -9 of a real cloud after each step of building and deleting servers, and after each undo.

All of it in one death: every server stops at a step of its own, and when the last has got there the process kills
itself.  The next one must bring each server to its end, and leave nothing of those that are gone: not an allocation,
a port, a tap, a rule, a disk, a definition, or a process.
"""

import time

from nacre.kernel.errors import NotFound
from nacre.services.compute.service import MANIFEST
from real_guests import wait_for

BUILD, DELETE = (
    next(w for w in MANIFEST.workflows if w.name == f"server_{name}") for name in ("build", "delete")
)
DELETED = [f"server_delete.{step.name} noted" for step in DELETE.steps] + ["host: remove performed"]
BUILT = [f"server_build.{step.name} noted" for step in BUILD.steps] + ["host: ensure performed"]
UNDONE = [f"server_build.{step.undo.__name__} worked" for step in BUILD.steps if step.undo]
TRACES_SECONDS = 30


def named(kind, events):
    return {f"{kind}-{n}": event for n, event in enumerate(events)}


class Servers:
    """The servers of the demo user, and how each is known on its host."""

    def __init__(self, lives):
        self._lives, self.ids, self.marks = lives, {}, {}

    def create(self, names):
        demo = self._lives.demo
        body = {
            "imageRef": demo.find("image", "/v2/images", "images", "tiny")["id"],
            "flavorRef": demo.find("compute", "/flavors", "flavors", "m1.nano")["id"],
            "networks": [{"uuid": demo.find("network", "/v2.0/networks", "networks", "private")["id"]}],
        }
        for name in names:
            self.ids[name] = demo.post("compute", "/servers", {"server": {**body, "name": name}})["server"][
                "id"
            ]

    def wait(self, names, status):
        for name in names:
            wait_for(lambda name=name: self.show(name, settled=True), f"the end of {name}", every=0.1)
            assert self.show(name)["status"] == status, self.show(name)

    def show(self, name, *, settled=False):
        """Return a server; while it must be settled and is not, nothing."""
        try:
            server = self._lives.demo.get("compute", f"/servers/{self.ids[name]}")["server"]
        except NotFound:
            return {"status": "gone"}
        busy = server["OS-EXT-STS:task_state"] or server["status"] == "BUILD"
        return None if settled and busy else server

    def delete(self, names):
        for name in names:
            self._lives.demo.delete("compute", f"/servers/{self.ids[name]}")

    def mark(self):
        """Learn by what the servers and their ports can be told on a machine."""
        for port in self._lives.admin.get("network", "/v2.0/ports")["ports"]:
            for name, server_id in self.ids.items():
                if port["device_id"] == server_id:
                    address = port["fixed_ips"][0]["ip_address"]
                    self.marks[name] = {
                        server_id,
                        port["id"],
                        port["id"][:11],
                        port["mac_address"],
                        f" {address} ",
                    }

    def traces(self, names):
        """Return what is left of servers that are gone."""
        admin, left = self._lives.admin, []
        said = self._lives.machine()
        for name in names:
            held = admin.get("placement", f"/allocations/{self.ids[name]}")["allocations"]
            ports = admin.get("network", "/v2.0/ports", device_id=self.ids[name])["ports"]
            left += [(name, each) for each in (held, ports) if each]
            marks = self.marks.get(name, {self.ids[name]})
            left += [(name, mark, where) for mark in marks for where in said if mark in said[where]]
        return left

    def wait_without_traces(self, names):
        """Wait until nothing is left of servers; the network's agents hear of it a moment after the user."""
        deadline = time.monotonic() + TRACES_SECONDS
        while left := self.traces(names):
            assert time.monotonic() < deadline, left
            time.sleep(0.2)


def test_a_death_at_every_step(lives, record_property):
    deleted, built, undone = named("deleted", DELETED), named("built", BUILT), named("undone", UNDONE)
    lives.begin(fates=deleted | built | undone, refused=undone)
    lives.admin.put("compute", f"/os-quota-sets/{lives.demo.project_id}", {"quota_set": {"instances": -1}})
    servers = Servers(lives)
    servers.create(deleted)
    servers.wait(deleted, "ACTIVE")
    servers.mark()
    assert {name for name, *_ in servers.traces(deleted)} == set(deleted), "we know where to look"
    servers.create([*built, *undone])
    servers.delete(deleted)
    lives.await_death()

    lives.begin()
    servers.wait(built, "ACTIVE")
    servers.wait(undone, "ERROR")
    servers.wait(deleted, "gone")
    record_property("told", f"{len(deleted | built | undone)} real servers died at a step each")
    assert all(servers.show(name)["fault"]["message"] == "This is refused by the test." for name in undone)
    servers.mark()
    servers.wait_without_traces([*deleted, *undone])

    servers.delete([*built, *undone])
    servers.wait([*built, *undone], "gone")
    servers.wait_without_traces(servers.ids)
