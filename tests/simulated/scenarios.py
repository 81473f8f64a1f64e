"""What users do to servers and images, as far as it takes the cloud some work: one scenario for each.

A scenario is played on a `Stage` of its own, with its own server or image.  `before` brings it to where the story
begins, `act` is what the user does then, and `comes_true` is how it must end, however often the cloud dies meanwhile.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from nacre.kernel.errors import NotFound, Unavailable

GONE = "gone"
REST = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "RESCUE", "VERIFY_RESIZE", "ERROR", GONE)
MICROVERSION = "2.90"
MOVING = "2.30"  # where a live migration may be forced past the filters
#: A host that operators took for failed; servers come to it only by force, and are evacuated from it.
FAILED_HOST = "host-3"
PATIENCE_SECONDS = 20
#: Servers with these names meet hosts that refuse them, and hosts that cannot make them at the first try.
REFUSED_BY_HOSTS, TROUBLED_HOST = "refused by all hosts", "troubled host"


class Stage:
    """Where one scenario is played: everything that is made carries its name."""

    def __init__(self, cloud, scenario, name):
        self.cloud, self.scenario, self.name = cloud, scenario, name
        self.server_id = self.image_id = self.port_id = None
        self.is_to_be_gone, self.backup_id, self.began_on = False, None, None

    # --- what the user does ---

    def lend_port(self):
        """Make a port of the user's own; return the wish for it."""
        body = {"name": self.name, "network_id": self.cloud.network_id}
        self.port_id = self.cloud.demo.post("network", "/v2.0/ports", {"port": body})["port"]["id"]
        return {"port": self.port_id}

    def create(self):
        """Ask for the server, on the network and with the lent port if there is one."""
        networks = [{"uuid": self.cloud.network_id}]
        body = {
            "name": self.name,
            "imageRef": self.cloud.image_id,
            "flavorRef": self.cloud.flavors["m1.nano"],
            "networks": networks + ([{"port": self.port_id}] if self.port_id else []),
        }
        made = self.cloud.demo.post("compute", "/servers", {"server": body}, version=MICROVERSION)
        self.server_id = made["server"]["id"]

    def do(self, **actions):
        """Ask for an action: do(os_stop=None)."""
        body = {name.replace("os_", "os-"): value for name, value in actions.items()}
        self.cloud.demo.post("compute", f"/servers/{self.server_id}/action", body, version=MICROVERSION)

    def delete(self):
        self.cloud.demo.delete("compute", f"/servers/{self.server_id}")
        self.is_to_be_gone = True

    def plug(self, **wish):
        path = f"/servers/{self.server_id}/os-interface"
        self.cloud.demo.post("compute", path, {"interfaceAttachment": wish}, version=MICROVERSION)

    def unplug(self, port_id):
        self.cloud.demo.delete("compute", f"/servers/{self.server_id}/os-interface/{port_id}")

    def made_port_id(self):
        """The port that was made for the server."""
        path = f"/servers/{self.server_id}/os-interface"
        ports = [each["port_id"] for each in self.cloud.demo.get("compute", path)["interfaceAttachments"]]
        return next(port_id for port_id in ports if port_id != self.port_id)

    def stage_image(self):
        body = {"name": self.name, "disk_format": "raw", "container_format": "bare"}
        self.image_id = self.cloud.demo.post("image", "/v2/images", body)["id"]
        self.cloud.demo.upload("image", f"/v2/images/{self.image_id}/stage", self.cloud.image_file)

    def import_image(self):
        body = {"method": {"name": "glance-direct"}}
        self.cloud.demo.post("image", f"/v2/images/{self.image_id}/import", body)

    def back_up(self):
        self.do(createBackup={"name": self.name, "backup_type": "daily", "rotation": 1})

    # --- what the administrator does ---

    def move(self, **action):
        """Have the server go to another host: move(migrate=None)."""
        body = {name.replace("os_", "os-"): value for name, value in action.items()}
        path = f"/servers/{self.server_id}/action"
        self.cloud.admin.post("compute", path, body, version=MOVING)

    def move_live(self, **more):
        self.move(os_migrateLive={"host": None, "block_migration": "auto", **more})

    # --- how it goes ---

    @property
    def subject(self):
        """Whose story it is: an id, or the name of what is not there yet."""
        return self.server_id or self.image_id or self.name

    def named(self, subjects):
        """Tell whether one of these (ids and names) is the subject."""
        return not subjects.isdisjoint({self.server_id, self.image_id, self.name})

    def prepare(self):
        """Bring everything to where the story begins."""
        self.scenario.prepare(self)

    def act(self):
        """Do what the user does; the cloud may die of it."""
        try:
            self.scenario.act(self)
        except (Unavailable, NotFound):
            return

    def wait(self, status):
        """Wait until the server rests in a status."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (seen := self.status()) != status:
            assert seen != "ERROR", f"{self.name} is in ERROR instead of {status}"
            assert time.monotonic() < deadline, f"{self.name} is {seen} instead of {status}"
            time.sleep(0.03)

    def task(self):
        """Return what is being done with the server."""
        return self.cloud.demo.get("compute", f"/servers/{self.server_id}")["server"]["OS-EXT-STS:task_state"]

    def status(self):
        """Return the server's status while nobody works on it."""
        try:
            server = self.cloud.demo.get("compute", f"/servers/{self.server_id}")["server"]
        except NotFound:
            return GONE
        return server["status"] if server["OS-EXT-STS:task_state"] is None else "busy"

    def note_host(self):
        """Remember where the server is."""
        shown = self.cloud.admin.get("compute", f"/servers/{self.server_id}")["server"]
        self.began_on = shown["OS-EXT-SRV-ATTR:host"]

    def gave_up_moving(self):
        """Tell whether the cloud says that the server's last move came to nothing."""
        query = {"version": MICROVERSION, "instance_uuid": self.server_id}
        moves = self.cloud.admin.get("compute", "/os-migrations", **query)["migrations"]
        return bool(moves) and moves[0]["status"] == "error"

    def look(self, census):
        """Return all by which one can tell whether anything came of an action."""
        status, ports, server = self.found(census)
        images = [image["status"] for image in census.images.values() if image["name"] == self.name]
        return status, ports, server["flavor"] if server else None, images

    def found(self, census):
        """Return the server's status as a census has it, the number of its ports, and the server."""
        server = next((each for each in census.servers.values() if each["name"] == self.name), None)
        ports = [port for port in census.ports.values() if server and port["device_id"] == server["id"]]
        return (server["status"] if server else GONE), len(ports), server

    def clear(self):
        """Delete everything that carries the name."""
        demo = self.cloud.demo
        for server in demo.get("compute", "/servers", name=f"^{self.name}$")["servers"]:
            if self.scenario.refused:  # by its name
                changes = {"server": {"name": "refused no more"}}
                demo.put("compute", f"/servers/{server['id']}", changes)
            demo.delete("compute", f"/servers/{server['id']}")
        for image in demo.get("image", "/v2/images", name=self.name)["images"]:
            demo.delete("image", f"/v2/images/{image['id']}")

    def clear_ports(self):
        """Delete the lent port, once no server has it."""
        for port in self.cloud.demo.get("network", "/v2.0/ports", name=self.name)["ports"]:
            self.cloud.demo.delete("network", f"/v2.0/ports/{port['id']}")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One story.

    refused   the step ("workflow.step") that ends badly in it
    put_off   the step that meets an outage at its first tries
    """

    title: str
    prepare: Callable[[Stage], Any]
    act: Callable[[Stage], Any]
    comes_true: Callable[[Stage, Any], str | None]
    "(stage, census) → what is not as it should be"
    refused: str | None = None
    put_off: str | None = None

    def __str__(self) -> str:
        return self.title


# --- beginnings -------------------------------------------------------------------------------------


def nothing(stage):
    """Only a port that the server will be given."""
    stage.lend_port()


def server(*actions):
    """A server that has been through these actions, each with the status to which it leads."""

    def prepare(stage):
        stage.create()
        stage.wait("ACTIVE")
        for action, status in actions:
            stage.do(**action)
            stage.wait(status)

    return prepare


def server_with_lent_port(stage):
    stage.lend_port()
    server()(stage)


def server_and_port(stage):
    server()(stage)
    stage.lend_port()


# --- ends -------------------------------------------------------------------------------------------


def rests(status, ports=1, **more):
    """The server ends with a status, a number of ports, and whatever else its answer must say."""

    def look(stage, census):
        seen, count, server = stage.found(census)
        if (seen, count) != (status, ports):
            return f"{seen} with {count} port(s) instead of {status} with {ports}{_why(server)}"
        wrong = {key: server[key] for key, value in more.items() if server[key] != value}
        return f"{wrong} instead of {more}" if wrong else None

    return look


def _why(server):
    return f" ({server['fault']['message']})" if server and "fault" in server else ""


def has_flavor(status, name):
    def look(stage, census):
        _, _, server = stage.found(census)
        if server and server["flavor"]["original_name"] != name:
            return f"a {server['flavor']['original_name']} instead of a {name}"
        return rests(status)(stage, census)

    return look


def has_images(*statuses):
    """The server goes on, and it has these images."""

    def look(stage, census):
        found = [image["status"] for image in census.images.values() if image["name"] == stage.name]
        return rests("ACTIVE")(stage, census) or (None if found == [*statuses] else f"images {found}")

    return look


def has_only_new_backup(stage, census):
    """The new backup is complete, and the old one is gone."""
    images = {image["id"]: image["status"] for image in census.images.values() if image["name"] == stage.name}
    trouble = rests("ACTIVE")(stage, census)
    if not trouble and (list(images.values()) != ["active"] or stage.backup_id in images):
        trouble = f"backups {images}, and the old one was {stage.backup_id}"
    return trouble


def image_is(status):
    def look(stage, census):
        seen = census.images[stage.image_id]["status"]
        return None if seen == status else f"the image is {seen} instead of {status}"

    return look


def image_is_gone_if_asked(stage, census):
    if stage.image_id not in census.images:
        return None
    return "the image is there" if stage.is_to_be_gone else image_is("active")(stage, census)


# --- what is done to servers ------------------------------------------------------------------------


def power(title, verb, status, *before):
    return Scenario(title, server(*before), lambda stage: stage.do(**verb), rests(status))


def refused(scenario, place, comes_true):
    """The same story, but that one step of it is refused."""
    return dataclasses.replace(
        scenario, title=f"{scenario.title} refused", comes_true=comes_true, refused=place
    )


def create_and_delete(stage):
    stage.create()
    stage.delete()


def create_and_delete_late(stage):
    stage.create()
    while stage.task() != "spawning":
        time.sleep(0.05)
    stage.delete()


def is_gone_if_asked(stage, census):
    """The cloud may have died before its user came to the second wish."""
    trouble = rests(GONE, 0)(stage, census)
    return trouble and (trouble if stage.is_to_be_gone else rests("ACTIVE", 2)(stage, census))


def _resize(stage):
    stage.do(resize={"flavorRef": stage.cloud.flavors["m1.tiny"]})


def resized(stage):
    server()(stage)
    _resize(stage)
    stage.wait("VERIFY_RESIZE")


def backed_up(stage):
    server()(stage)
    stage.back_up()
    stage.wait("ACTIVE")
    stage.backup_id = stage.cloud.demo.get("image", "/v2/images", name=stage.name)["images"][0]["id"]


def import_and_delete(stage):
    stage.import_image()
    stage.cloud.demo.delete("image", f"/v2/images/{stage.image_id}")
    stage.is_to_be_gone = True


# --- from host to host ------------------------------------------------------------------------------


def somewhere(stage):
    """A server of which is known where it is."""
    server()(stage)
    stage.note_host()


def on_failed_host(stage):
    """A server on the host that is to be thought down."""
    server()(stage)
    stage.move_live(host=FAILED_HOST, force=True)
    stage.wait("ACTIVE")
    stage.note_host()


def moved(stage):
    somewhere(stage)
    stage.move(migrate=None)
    stage.wait("VERIFY_RESIZE")


def then_delete(act):
    """Do this, and change one's mind."""

    def both(stage):
        act(stage)
        stage.delete()

    return both


def stays(status="ACTIVE"):
    """The server ends where it was."""

    def look(stage, census):
        _, _, server = stage.found(census)
        if server and server["OS-EXT-SRV-ATTR:host"] != stage.began_on:
            return f"on {server['OS-EXT-SRV-ATTR:host']} instead of {stage.began_on}{_why(server)}"
        return rests(status)(stage, census)

    return look


def has_moved(status="ACTIVE"):
    """The server ends on another host."""

    def look(stage, census):
        _, _, server = stage.found(census)
        if server and server["OS-EXT-SRV-ATTR:host"] == stage.began_on:
            return f"still {server['status']} on {stage.began_on}{_why(server)}"
        return rests(status)(stage, census)

    return look


def has_moved_or_gave_up(status="ACTIVE"):
    """The same; but a host that died in the middle of sending it sends it no more, and the cloud says so."""

    def look(stage, census):
        trouble = has_moved(status)(stage, census)
        if trouble and stage.gave_up_moving():
            return stays()(stage, census)
        return trouble

    return look


def is_gone_or(otherwise):
    def look(stage, census):
        gone = rests(GONE, 0)(stage, census)
        return gone and (gone if stage.is_to_be_gone else otherwise(stage, census))

    return look


def _evacuate(stage):
    stage.move(evacuate={})


LIVE = Scenario("live", somewhere, Stage.move_live, has_moved_or_gave_up())
LANDED = Scenario("live and landed", somewhere, Stage.move_live, has_moved())
COLD = Scenario(
    "cold", somewhere, lambda stage: stage.move(migrate=None), has_moved_or_gave_up("VERIFY_RESIZE")
)
EVACUATION = Scenario("evacuation", on_failed_host, _evacuate, has_moved())
MOVES = (
    LIVE,
    refused(LIVE, "server_live_migrate.transfer", stays()),
    refused(LANDED, "server_live_migrate.adopt", has_moved_or_gave_up()),
    Scenario("live called off", somewhere, then_delete(Stage.move_live), is_gone_or(LIVE.comes_true)),
    COLD,
    refused(COLD, "server_migrate.finish", stays()),
    Scenario("cold called off", somewhere, then_delete(COLD.act), is_gone_or(COLD.comes_true)),
    Scenario("confirm a move", moved, lambda stage: stage.do(confirmResize=None), has_moved()),
    Scenario("revert a move", moved, lambda stage: stage.do(revertResize=None), stays()),
    Scenario("delete between hosts", moved, Stage.delete, rests(GONE, 0)),
    EVACUATION,
    refused(EVACUATION, "server_evacuate.boot", stays("ERROR")),
    Scenario("evacuation called off", on_failed_host, then_delete(_evacuate), is_gone_or(has_moved())),
)  # fmt: skip


# --- all of them ------------------------------------------------------------------------------------

BUILD = Scenario("build", nothing, Stage.create, rests("ACTIVE", 2))
DELETE = Scenario("delete", server_with_lent_port, Stage.delete, rests(GONE, 0))
STOP = power("stop", {"os_stop": None}, "SHUTOFF")
REBUILD = Scenario(
    "rebuild", server(), lambda stage: stage.do(rebuild={"imageRef": stage.cloud.image_id}), rests("ACTIVE")
)
RESIZE = Scenario("resize", server(), _resize, has_flavor("VERIFY_RESIZE", "m1.tiny"))
CONFIRM = Scenario(
    "confirm", resized, lambda stage: stage.do(confirmResize=None), has_flavor("ACTIVE", "m1.tiny")
)
REVERT = Scenario(
    "revert", resized, lambda stage: stage.do(revertResize=None), has_flavor("ACTIVE", "m1.nano")
)
SNAPSHOT = Scenario(
    "snapshot", server(), lambda stage: stage.do(createImage={"name": stage.name}), has_images("active")
)
BACKUP = Scenario("backup", backed_up, Stage.back_up, has_only_new_backup)
PLUG = Scenario("plug", server(), lambda stage: stage.plug(net_id=stage.cloud.network_id), rests("ACTIVE", 2))
PLUG_LENT = Scenario(
    "plug lent", server_and_port, lambda stage: stage.plug(port_id=stage.port_id), rests("ACTIVE", 2)
)
UNPLUG = Scenario(
    "unplug", server_with_lent_port, lambda stage: stage.unplug(stage.made_port_id()), rests("ACTIVE", 1)
)
UNPLUG_LENT = Scenario(
    "unplug lent", server_with_lent_port, lambda stage: stage.unplug(stage.port_id), rests("ACTIVE", 1)
)
IMPORT = Scenario("import", Stage.stage_image, Stage.import_image, image_is("active"))

SCENARIOS = (
    BUILD,
    Scenario(REFUSED_BY_HOSTS, nothing, Stage.create, rests("ERROR", 0)),
    Scenario(TROUBLED_HOST, nothing, Stage.create, rests("ACTIVE", 2)),
    Scenario("called off", nothing, create_and_delete, is_gone_if_asked),
    Scenario("called off late", nothing, create_and_delete_late, is_gone_if_asked),
    DELETE,
    refused(DELETE, "server_delete.remove_from_host", rests("ERROR", 2)),
    STOP,
    refused(STOP, "server_power.tell_host", rests("ACTIVE")),
    power("start", {"os_start": None}, "ACTIVE", ({"os_stop": None}, "SHUTOFF")),
    power("reboot", {"reboot": {"type": "SOFT"}}, "ACTIVE"),
    power("reset", {"reboot": {"type": "HARD"}}, "ACTIVE"),
    power("pause", {"pause": None}, "PAUSED"),
    power("unpause", {"unpause": None}, "ACTIVE", ({"pause": None}, "PAUSED")),
    power("suspend", {"suspend": None}, "SUSPENDED"),
    power("resume", {"resume": None}, "ACTIVE", ({"suspend": None}, "SUSPENDED")),
    REBUILD,
    refused(REBUILD, "server_respec.apply", rests("ERROR")),
    Scenario("rescue", server(), lambda stage: stage.do(rescue={}), rests("RESCUE")),
    Scenario(
        "unrescue", server(({"rescue": {}}, "RESCUE")),
        lambda stage: stage.do(unrescue=None), rests("ACTIVE"),
    ),
    RESIZE,
    refused(RESIZE, "server_resize.apply", has_flavor("ERROR", "m1.nano")),
    CONFIRM,
    refused(CONFIRM, "resize_confirm.settle", has_flavor("VERIFY_RESIZE", "m1.tiny")),
    REVERT,
    refused(REVERT, "resize_revert.apply", rests("ERROR")),
    SNAPSHOT,
    refused(SNAPSHOT, "server_snapshot.copy", has_images()),
    BACKUP,
    refused(BACKUP, "backup_rotate.delete_oldest", has_images("active", "active")),
    PLUG,
    refused(PLUG, "interface_attach.plug", rests("ACTIVE", 1)),
    PLUG_LENT,
    refused(PLUG_LENT, "interface_attach.plug", rests("ACTIVE", 1)),
    UNPLUG,
    UNPLUG_LENT,
    refused(UNPLUG, "interface_detach.unplug", rests("ACTIVE", 2)),
    IMPORT,
    refused(IMPORT, "image_import.tidy", image_is("queued")),
    Scenario(
        "import called off", Stage.stage_image, import_and_delete, image_is_gone_if_asked,
        put_off="image_import.store",
    ),
    *MOVES,
)  # fmt: skip
