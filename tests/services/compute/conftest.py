"""A cloud with compute in it, simulated hosts, and people with tokens."""

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from nacre.kernel import errors
from nacre.kernel.auth import Credentials
from nacre.kernel.http.api import Api
from nacre.kernel.http.faults import Titled
from nacre.kernel.http.request import Response
from nacre.kernel.http.routing import AUTHENTICATED, PUBLIC, Routes
from nacre.kernel.process import ServiceUser
from nacre.kernel.service import Manifest
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.compute.agent.drivers.simulated import SimulatedDriver, SimulatedOptions
from nacre.services.compute.agent.main import ComputeAgent
from nacre.services.compute.rpc import CONTROL_TOPIC, HOST_REPORT, HostReport
from nacre.services.compute.service import MANIFEST as COMPUTE
from nacre.services.image.service import MANIFEST as IMAGE
from nacre.services.network.agent.drivers.simulated.driver import SimulatedDriver as SimulatedNetwork
from nacre.services.network.agent.main import NetworkAgent
from nacre.services.network.service import MANIFEST as NETWORK
from nacre.services.placement.service import MANIFEST as PLACEMENT

sys.path.insert(0, str(Path(__file__).parent))
from networks import Networks  # noqa: E402

PEOPLE = {
    "member": Credentials(user_id="u1", user_name="mia", project_id="p1", roles=("member", "reader")),
    "reader": Credentials(user_id="u2", user_name="rob", project_id="p1", roles=("reader",)),
    "stranger": Credentials(user_id="u3", user_name="sue", project_id="p2", roles=("member", "reader")),
    "admin": Credentials(
        user_id="u0", user_name="ada", project_id="p0", roles=("admin", "manager", "member", "reader")
    ),
    "service": Credentials(user_id="u9", user_name="nacre", project_id="ps", roles=("admin", "service")),
}
PATIENCE_SECONDS = 20.0


def _authenticator(service):
    def authenticate(token):
        if token not in PEOPLE:
            raise errors.Unauthorized()
        return PEOPLE[token]

    return authenticate


_tokens = Routes("/v3/auth")


@_tokens.post("/tokens", policy=PUBLIC)
def _log_in(req):
    name = msgspec.json.decode(req.body)["auth"]["identity"]["password"]["user"]["name"]
    assert name == "nacre"
    return Response(
        201,
        {"token": {"expires_at": "2099-01-01T00:00:00.000000Z"}},
        headers=[("X-Subject-Token", "service")],
    )


_projects = Routes("/v3/projects")


@_projects.get("/{project_id}", policy=AUTHENTICATED)
def _project(req, project_id):
    if "admin" not in req.ctx.roles:
        raise errors.Forbidden()
    if project_id not in {person.project_id for person in PEOPLE.values()}:
        raise errors.NotFound(f"Could not find project: {project_id}.")
    return {"project": {"id": project_id, "name": project_id}}


IDENTITY = Manifest(
    name="identity",
    apis=(Api(name="identity", port=5000, prefix="identity", routes=(_tokens, _projects), faults=Titled()),),
    policies=(),
    authenticator=_authenticator,
)


def eventually(condition, what="it"):
    """Wait until a condition holds; return what it returned."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen: {condition()!r}")


class InProcess:
    """How agents of a cloud without sockets send images: through the image service's own front door."""

    def __init__(self, cloud):
        self.cloud = cloud

    def fetch(self, source):
        yield self.cloud.anonymous.get("image", urlsplit(source.url).path, headers=source.headers).body

    def send(self, path, target):
        answer = self.cloud.anonymous.request(
            target.method, "image", urlsplit(target.url).path, raw=path.read_bytes(),
            headers={"content-type": "application/octet-stream", **target.headers},
        )  # fmt: skip
        if answer.status >= 300:
            raise errors.BadReference(f"refused: {answer}")


class Link:
    """A host's way to the bus, which may be cut while the host goes on."""

    between_processes = False

    def __init__(self, bus):
        self.bus, self.whole = bus, True
        self.topic = self.handlers = self.subscription = None

    def cast(self, topic, method, message):
        if self.whole:
            self.bus.cast(topic, method, message)

    def call(self, topic, method, message, deadline_seconds=30):
        if not self.whole:
            raise errors.Unavailable("cut off")
        return self.bus.call(topic, method, message, deadline_seconds)

    def serve(self, topic, handlers):
        self.topic, self.handlers = topic, handlers
        self.mend()
        return self

    def cut(self):
        self.whole = False
        self.subscription.close()

    def mend(self):
        self.whole = True
        self.subscription = self.bus.serve(self.topic, self.handlers)

    def close(self, timeout_seconds=10.0):
        self.subscription.close(timeout_seconds)


class ComputeCloud(TestCloud):
    """A cloud whose hosts are simulated, and short words for what tests do with it."""

    def __init__(self, tmp_path, config=None):
        self.directory = tmp_path
        self.agents, self.drivers, self.network_agents, self.links = {}, {}, {}, {}
        super().__init__(
            [IDENTITY, PLACEMENT, IMAGE, NETWORK, COMPUTE],
            tmp_path,
            config=config,
            service_user=ServiceUser(name="nacre", password="secret"),
        )
        self.compute = self.process.services["compute"]
        self.network = Networks(self.user("admin"))

    def add_host(self, name="host-1", boot_id="b", before_start=lambda driver: None, **options):
        driver = SimulatedDriver(
            self.directory / name / "driver", SimulatedOptions(**options), clock=self.clock
        )
        self.links[name] = Link(self.process.bus)
        agent = ComputeAgent(
            name,
            self.links[name],
            driver,
            self.directory / name / "agent",
            transfers=InProcess(self),
            clock=self.clock,
            boot_id=boot_id,
        )
        before_start(driver)
        agent.start()
        self.agents[name], self.drivers[name] = agent, driver
        if name not in self.network_agents:
            self.network_agents[name] = NetworkAgent(
                name,
                self.process.bus,
                SimulatedNetwork(),
                self.directory / name / "network",
                clock=self.clock,
            )
            self.network_agents[name].start()
            eventually(lambda: self._has_network(name), f"network agent of {name}")
        eventually(lambda: self._is_known(name), f"host {name} in placement")
        return driver

    def _is_known(self, name):
        from nacre.services.compute.db import hosts

        host = self.compute.db.read(hosts.find, name)
        return host is not None and host.inventory is not None

    def _has_network(self, name):
        from nacre.services.network.db import hosts

        found = self.process.services["network"].db.read(lambda tx: hosts.find(tx, name))
        return found is not None

    def report(self, *names):
        """Have hosts report now, as they do every few seconds of real time."""
        for name in names or self.agents:
            self.process.bus.call(CONTROL_TOPIC, HOST_REPORT, HostReport(status=self.agents[name].status()))

    def close(self):
        for agent in (*self.agents.values(), *self.network_agents.values()):
            agent.stop()
        super().close()


class Person:
    """Somebody who speaks to compute."""

    def __init__(self, cloud, token):
        self.cloud, self.user = cloud, cloud.user(token)

    def __getattr__(self, method):
        def send(path, *args, version=None, **options):
            return self.user.request(
                method.upper(), "compute", f"/v2.1{path}", *args, version=version, **options
            )

        return send

    def request(self, method, api, path, *args, **options):
        return self.user.request(method, api, path, *args, **options)

    def try_to_create(self, version=None, hints=None, **fields):
        body = {
            "name": "web", "flavorRef": self.cloud.flavor_id, "imageRef": self.cloud.image_id, **fields,
        }  # fmt: skip
        if version and float(version.split(".")[1]) >= 37:
            body.setdefault("networks", "none")
        body = {name: value for name, value in body.items() if value is not ...}
        whole = {"server": body}
        if hints:
            whole["os:scheduler_hints"] = hints
        return self.post("/servers", whole, version=version)

    def create(self, version=None, wait="ACTIVE", **fields):
        answer = self.try_to_create(version, **fields)
        assert answer.status == 202, answer
        server_id = answer.json["server"]["id"]
        if wait:
            self.await_status(server_id, wait)
        return server_id

    def show(self, server_id, version=None):
        answer = self.get(f"/servers/{server_id}", version=version)
        assert answer.status == 200, answer
        return answer.json["server"]

    def act(self, server_id, version=None, **action):
        ((name, value),) = action.items()
        return self.post(f"/servers/{server_id}/action", {name.replace("__", "-"): value}, version=version)

    def await_status(self, server_id, status):
        def look():
            server = self.show(server_id)
            assert status == "ERROR" or server["status"] != "ERROR", server.get("fault")
            return server if server["status"] == status and not server["OS-EXT-STS:task_state"] else None

        return eventually(look, f"server {server_id} {status}")

    def await_gone(self, server_id):
        eventually(lambda: self.get(f"/servers/{server_id}").status == 404, f"end of {server_id}")


@pytest.fixture
def config():
    """The configuration of a test's cloud; a file that wants another one overrides this."""
    return {}


@pytest.fixture
def cloud(tmp_path, config):
    cloud = ComputeCloud(tmp_path, config)
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    return Person(cloud, "member")


@pytest.fixture
def admin(cloud):
    return Person(cloud, "admin")


@pytest.fixture
def stranger(cloud):
    return Person(cloud, "stranger")


@pytest.fixture
def stocked(cloud, admin):
    """A cloud with a host, a flavor and an image."""
    cloud.add_host()
    stock(cloud, admin)
    return cloud


def stock(cloud, admin):
    answer = admin.post(
        "/flavors", {"flavor": {"id": "1", "name": "tiny", "ram": 512, "vcpus": 1, "disk": 1}}
    )
    assert answer.status == 200, answer
    cloud.flavor_id = "1"
    cloud.image_id = make_image(cloud)


def make_image(cloud, name="cirros", data=b"an image", visibility="public", **fields):
    admin = cloud.user("admin")
    made = admin.post(
        "image", "/v2/images",
        {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": visibility, **fields},
    )  # fmt: skip
    assert made.status == 201, made
    sent = admin.put(
        "image", f"/v2/images/{made.json['id']}/file", raw=data,
        headers={"content-type": "application/octet-stream"},
    )  # fmt: skip
    assert sent.status == 204, sent
    return made.json["id"]
