"""All clients of the fuzz: made before, let loose, called back, and told to clear up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cluster.fuzz import images, networks, servers
from cluster.fuzz.asking import Connection, Tally
from cluster.fuzz.person import KINDS, Person
from nacre.cloud import first_start, simulated_image
from nacre.cloud.lab.bed import Bed

Deed = Callable[[Person], None]
PASSWORD = "a client's password"
PAUSE_SECONDS = (0.0, 0.3)
PATIENCE_SECONDS = 120.0

#: What clients do, and how often compared with the rest.
DEEDS: dict[Deed, int] = {
    servers.create: 8,
    servers.act: 14,
    servers.act_at_any_time: 2,
    servers.plug: 4,
    servers.unplug: 3,
    servers.regroup: 2,
    servers.delete: 4,
    servers.look_again: 3,
    networks.add_network: 2,
    networks.delete_network: 2,
    networks.add_port: 4,
    networks.change_port: 2,
    networks.delete_port: 2,
    networks.release_ports: 1,
    networks.add_router: 2,
    networks.change_legs: 3,
    networks.change_gateway: 2,
    networks.delete_router: 2,
    networks.add_floating_ip: 3,
    networks.move_floating_ip: 5,
    networks.delete_floating_ip: 2,
    networks.add_group: 2,
    networks.change_group: 2,
    networks.delete_group: 2,
    images.add: 2,
    images.delete: 2,
}


class Crowd:
    """So many clients, each a user alone in a project."""

    def __init__(self, bed: Bed, seed: int, count: int, directory: Path) -> None:
        self.tally, self._bed = Tally(), bed
        password = bed.state_of("control-1").secrets().admin_password
        self.operator = Connection(self.tally, bed.auth_url, "admin", password, "admin")
        facts = self._facts(directory)
        role = self._operator("GET", "identity", "/roles?name=member")["roles"][0]["id"]
        with ThreadPoolExecutor(8) as pool:
            self.persons = list(
                pool.map(lambda number: self._person(number, seed, role, facts), range(1, count + 1))
            )
            list(pool.map(networks.begin, self.persons))

    def _facts(self, directory: Path) -> dict[str, Any]:
        flavors = self._operator("GET", "compute", "/flavors")["flavors"]
        external = self._operator("GET", "network", f"/v2.0/networks?name={first_start.EXTERNAL}")
        found = self._operator("GET", "image", f"/v2/images?name={first_start.IMAGE}")["images"]
        return {
            "flavors": {each["name"]: each["id"] for each in flavors},
            "external": external["networks"][0]["id"],
            "image": found[0]["id"],
            "image_file": simulated_image.write(directory),
        }

    def _person(self, number: int, seed: int, role: str, facts: dict[str, Any]) -> Person:
        name = f"client-{number}"
        project = self._operator("POST", "identity", "/projects", {"project": {"name": name}})["project"][
            "id"
        ]
        user = {"name": name, "password": PASSWORD}
        user_id = self._operator("POST", "identity", "/users", {"user": user})["user"]["id"]
        self._operator("PUT", "identity", f"/projects/{project}/users/{user_id}/roles/{role}")
        own = Connection(self.tally, self._bed.auth_url, name, PASSWORD, name)
        return Person(number, seed, self.tally, own, self.operator, facts)

    def _operator(self, method: str, service: str, path: str, body: Any = None) -> Any:
        answer = self.operator.ask(method, service, path, body)
        assert answer.done, f"{method} {path} is answered {answer}"
        return answer.body

    # --- letting them loose ---

    def __enter__(self) -> Crowd:
        self.tally.began_at = time.monotonic()
        self._threads = [threading.Thread(target=self._walk, args=(each,)) for each in self.persons]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Call everybody back."""
        self.tally.over.set()
        for thread in self._threads:
            thread.join()

    def _walk(self, person: Person) -> None:
        deeds, weights = list(DEEDS), list(DEEDS.values())
        while not self.tally.over.wait(person.random.uniform(*PAUSE_SECONDS)):
            (deed,) = person.random.choices(deeds, weights)
            try:
                deed(person)
            except Exception as error:  # noqa: BLE001 - whatever an answer lacks is a violation
                person.complain(f"{deed.__name__}: {error!r}")
            self.tally.did(f"{deed.__module__.rpartition('.')[2]}.{deed.__name__}")

    # --- clearing up ---

    def clear_up(self) -> None:
        """Have everybody delete what they have; what nobody knows of is a violation."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(clear_servers, self.persons))
            list(pool.map(clear_the_rest, self.persons))


def clear_servers(person: Person) -> None:
    """Delete all servers of a project, and wait until they are gone."""
    for each in listed(person, "server"):
        person.ask("DELETE", "compute", f"/servers/{each['id']}", expect=(204, 404))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := person.list("server"):
        if time.monotonic() > deadline:
            words = [(each["name"], each["status"], each["OS-EXT-STS:task_state"]) for each in left]
            person.complain(f"servers do not go: {words}")
            return
        time.sleep(0.5)


def clear_the_rest(person: Person) -> None:
    """Delete everything else; by now nothing keeps anything from going."""
    for kind in ("floating", "router", "port", "network", "group", "image"):
        for each in listed(person, kind):
            if kind == "router":
                _clear_legs(person, each["id"])
            spec = KINDS[kind]
            person.ask("DELETE", spec.service, f"{spec.path}/{each['id']}", expect=(204,))


def _clear_legs(person: Person, router_id: str) -> None:
    for port in person.list("port", device_id=router_id):
        if port["device_owner"] == "network:router_interface":
            path = f"/v2.0/routers/{router_id}/remove_router_interface"
            person.ask("PUT", "network", path, {"port_id": port["id"]}, expect=(200,))


def listed(person: Person, kind: str) -> list[Any]:
    """Return all of a kind that a project has, and complain of those that it cannot have and those that it lacks."""
    query = {"owner": person.own.project_id} if kind == "image" else {}
    if kind in ("network", "port", "group"):  # others' can be seen as well
        query = {"project_id": person.own.project_id}
    found = person.list(kind, **query)
    if kind == "port":
        found = [each for each in found if not each["device_owner"].startswith("network:")]
    name = KINDS[kind].named_by
    if kind == "group":
        found = [each for each in found if each["name"] != "default"]
    known = {each.id: each for each in person.things[kind]}
    for each in found:
        thing = known.get(each["id"])
        if thing is None and each[name] not in person.lost:
            person.complain(f"{kind} {each[name]!r} ({each['id']}) is there, and was not made or is deleted")
    ids = {each["id"] for each in found}
    for thing in known.values():
        if thing.id not in ids and not (thing.deleted or thing.maybe_gone):
            person.complain(f"{kind} {thing.name} ({thing.id}) is not there, and was not deleted")
    return found
