"""What clients do to servers.

A server at rest takes whatever its status allows, and then must come to rest as the action says.  One that is
busy is left alone, except that it may be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.fuzz.networks import usable
from cluster.fuzz.person import Person, Thing

MOST_SERVERS = 2
BUSY = 409
SMALL, LARGE = "m1.nano", "m1.tiny"


@dataclass(frozen=True)
class Action:
    """Something that a server takes in a status, and the statuses in which it then may rest."""

    body: Callable[[Person, Any], dict[str, Any]]
    wanted: tuple[str, ...]
    status: int = 202
    by_operator: bool = False


def _plain(name: str, value: Any = None) -> Callable[[Person, Any], dict[str, Any]]:
    return lambda person, server: {name: value}


def _resize(person: Person, server: Any) -> dict[str, Any]:
    other = LARGE if server["flavor"]["original_name"] == SMALL else SMALL
    return {"resize": {"flavorRef": person.facts["flavors"][other]}}


def _rebuild(person: Person, server: Any) -> dict[str, Any]:
    return {"rebuild": {"imageRef": person.facts["image"]}}


def _snapshot(person: Person, server: Any) -> dict[str, Any]:
    # Its image is found by the name at the end, like everything else that is not known to have been made.
    name = f"snapshot-{person.number}-{person.random.randrange(10**9)}"
    person.lost.add(name)
    return {"createImage": {"name": name}}


_LIVE = {"host": None, "block_migration": "auto"}
REBUILD_ACTIVE = Action(_rebuild, ("ACTIVE",))
REBUILD_STOPPED = Action(_rebuild, ("SHUTOFF",))
RESIZE = Action(_resize, ("VERIFY_RESIZE",))
MIGRATE = Action(_plain("migrate", {"host": None}), ("VERIFY_RESIZE", "ACTIVE"), by_operator=True)
MIGRATE_STOPPED = Action(_plain("migrate", {"host": None}), ("VERIFY_RESIZE", "SHUTOFF"), by_operator=True)
HARD_REBOOT = Action(_plain("reboot", {"type": "HARD"}), ("ACTIVE",))
ACTIONS: dict[str, tuple[Action, ...]] = {
    "ACTIVE": (
        Action(_plain("os-stop"), ("SHUTOFF",)),
        Action(_plain("reboot", {"type": "SOFT"}), ("ACTIVE",)),
        HARD_REBOOT,
        Action(_plain("pause"), ("PAUSED",)),
        Action(_plain("suspend"), ("SUSPENDED",)),
        Action(_plain("rescue", {}), ("RESCUE",), status=200),
        Action(_plain("os-migrateLive", _LIVE), ("ACTIVE",), by_operator=True),
        Action(_snapshot, ("ACTIVE",)),
        REBUILD_ACTIVE, RESIZE, MIGRATE,
    ),
    "SHUTOFF": (Action(_plain("os-start"), ("ACTIVE",)), REBUILD_STOPPED, RESIZE, MIGRATE_STOPPED, HARD_REBOOT),
    "PAUSED": (Action(_plain("unpause"), ("ACTIVE",)), HARD_REBOOT),
    "SUSPENDED": (Action(_plain("resume"), ("ACTIVE",)), HARD_REBOOT),
    "RESCUE": (Action(_plain("unrescue"), ("ACTIVE",)),),
    # A stopped server that is resized rests stopped again.
    "VERIFY_RESIZE": (
        Action(_plain("confirmResize"), ("ACTIVE", "SHUTOFF"), status=204),
        Action(_plain("revertResize"), ("ACTIVE", "SHUTOFF")),
    ),
}  # fmt: skip


# --- deeds ------------------------------------------------------------------------------------------


def create(person: Person) -> None:
    """Boot a server: with ports of its own, with one that it is lent, or with none."""
    if len(person.things["server"]) >= MOST_SERVERS:
        return
    network, port = usable(person), None
    networks: Any = "none"
    if network is not None and person.chance(0.9):
        networks = [{"uuid": network.id}]
        port = free_port(person)
        if port is not None and person.chance(0.5):
            networks.append({"port": port.id})
        else:
            port = None
    fields = {
        "flavorRef": person.facts["flavors"][person.random.choice((SMALL, LARGE))],
        "imageRef": person.facts["image"],
        "networks": networks,
    }
    about = [each for each in (network if networks != "none" else None, port) if each]
    for each in about:
        each.facts["used" if each is network else "promised"] = True
    server = person.make("server", fields, expect=202, about=about)
    if server is not None:
        server.wanted = ("ACTIVE",)


def act(person: Person) -> None:
    """Have a server do something that its status allows."""
    found = at_rest(person)
    if found is None:
        return
    thing, server = found
    action = person.random.choice(ACTIONS.get(server["status"], (HARD_REBOOT,)))
    body = action.body(person, server)
    path = f"{thing.path}/action"
    answer = person.ask(
        "POST", "compute", path, body,
        expect=(action.status,), about=(thing,), as_operator=action.by_operator,
    )  # fmt: skip
    if answer.done:
        thing.wanted = action.wanted


def act_at_any_time(person: Person) -> None:
    """Have a server do something whatever it does: it obeys, or says that it is busy."""
    thing = person.some("server", certain=False)
    if thing is not None:
        path = f"{thing.path}/action"
        verb = person.random.choice(("os-stop", "os-start", "pause", "unpause", "suspend", "resume"))
        answer = person.ask("POST", "compute", path, {verb: None}, expect=(202, BUSY), about=(thing,))
        if answer.done:
            thing.wanted = ()


def plug(person: Person) -> None:
    """Give a server one more port: a new one or one that is lent."""
    found = at_rest(person, "ACTIVE", "SHUTOFF", "PAUSED")
    network, port = usable(person), free_port(person)
    if found is None or network is None:
        return
    thing, _ = found
    wish, about = {"net_id": network.id}, [thing, network]
    network.facts["used"] = True
    if port is not None and person.chance(0.5):
        wish, about = {"port_id": port.id}, [thing, port]
        port.facts["promised"] = True
    person.ask(
        "POST", "compute", f"{thing.path}/os-interface", {"interfaceAttachment": wish},
        expect=(200,), about=about,
    )  # fmt: skip


def unplug(person: Person) -> None:
    """Take a port from a server."""
    found = at_rest(person, "ACTIVE", "SHUTOFF", "PAUSED")
    if found is None:
        return
    thing, _ = found
    pulled: set[str] = thing.facts.setdefault("pulled", set())
    shown = person.own.read("compute", f"{thing.path}/os-interface").body["interfaceAttachments"]
    ports = sorted({each["port_id"] for each in shown} - pulled)
    if ports:
        port_id = person.random.choice(ports)
        pulled.add(port_id)
        path = f"{thing.path}/os-interface/{port_id}"
        person.ask("DELETE", "compute", path, expect=(202,), about=(thing,))


def regroup(person: Person) -> None:
    """Put a server into a security group or take it out."""
    found, group = at_rest(person, "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"), person.some("group")
    if found is None or group is None:
        return
    thing, server = found
    if not any(server["addresses"].values()):
        return
    inside = any(each["name"] == group.name for each in server.get("security_groups", ()))
    verb = "removeSecurityGroup" if inside else "addSecurityGroup"
    path = f"{thing.path}/action"
    person.ask("POST", "compute", path, {verb: {"name": group.name}}, expect=(202,), about=(thing, group))


def delete(person: Person) -> None:
    """Delete a server, whatever it is doing."""
    thing = person.some("server", certain=False)
    if thing is not None:
        person.unmake(thing)


def look_again(person: Person) -> None:
    """List all servers: exactly those must be there that were made and not deleted."""
    known = [each for each in person.things["server"] if not each.in_doubt]
    listed = {each["id"]: each["name"] for each in person.list("server")}
    for thing in known:
        if not (thing.deleted or thing.maybe_gone) and thing.id not in listed:
            person.complain(f"server {thing.name} ({thing.id}) is not in the list")
        if (thing.deleted or thing.maybe_gone) and thing.id not in listed:
            person.forget(thing)
    ids = {each.id for each in person.things["server"] + known}
    for server_id, name in listed.items():
        if server_id not in ids and name in person.lost:
            person.adopt("server", server_id, name)
        elif server_id not in ids:
            person.complain(f"server {name} ({server_id}) is in the list, and was never made")


# --- what is known of servers -------------------------------------------------------------------------


def at_rest(person: Person, *statuses: str) -> tuple[Thing, Any] | None:
    """Return one that does nothing now and whose last request is not in doubt, with what it is."""
    thing = person.some("server")
    server = person.look(thing) if thing else None
    if thing is None or server is None:
        return None
    if server["OS-EXT-STS:task_state"] is not None or server["status"] == "BUILD":
        return None
    judge(person, thing, server)
    if server["status"] == "ERROR" or (statuses and server["status"] not in statuses):
        return None
    return thing, server


def judge(person: Person, thing: Thing, server: Any) -> None:
    """Say what is wrong with a server at rest."""
    status, wanted = server["status"], thing.wanted
    if status == "ERROR":
        person.complain(f"server {thing.name} ({thing.id}) is in ERROR: {server.get('fault')}")
        person.unmake(thing)
    elif wanted and status not in wanted:
        person.complain(
            f"server {thing.name} ({thing.id}) rests as {status} instead of {' or '.join(wanted)}"
        )
    thing.wanted = ()


def free_port(person: Person) -> Thing | None:
    """Return a port that no server has or was promised."""
    port = person.some("port")
    if port is None or port.facts.get("promised"):
        return None
    return port
