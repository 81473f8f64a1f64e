"""What all tests share: a cloud in this process with people in it, and how files are spread over workers.

A test file of a service gets a cloud of that service and those it needs, once for the whole
file; each test gets projects and users of its own, so that no test sees what another left.  A file
that wants another cloud overrides `cloud_services` or `cloud_config`, or calls `make_cloud`.
"""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.process import Process, ServiceUser
from nacre.kernel.service import Manifest
from nacre.kernel.testing.cloud import TestCloud, User

pytest_plugins = ["nacre.kernel.testing.brokers", "nacre.kernel.testing.databases", "scans"]

HERE = Path(__file__).parent
LONGEST = ("simulated", "victims", "system", "cluster")
GUEST_LANES = 2  # files that boot real guests share so many lanes, whatever the number of workers


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker, for its fixtures; keep files with real guests to a few workers.

    xdist's own groups (`--dist loadgroup`) do nothing with pytest 9.2 (pytest-xdist's issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # the files with the most tests are not the ones that take longest

    class Lanes(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            guests = file.startswith(f"{HERE.name}/system/")
            return f"guests-{zlib.crc32(file.encode()) % GUEST_LANES}" if guests else file

    return Lanes(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests have to tell though they pass: `record_property("told", words)`."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, words in getattr(report, "user_properties", ()):
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid}: {words}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes minutes, or one worker would end with it while the others have nothing to do."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(HERE).parts[0]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=rank)


# -- clouds -----------------------------------------------------------------------------------------

ADMIN_PASSWORD = "an administrator's password"
PASSWORD = "a user's password"
#: Hashing that costs next to nothing; nothing else differs from a real cloud.
CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_passes": 1}
MakeCloud = Callable[..., TestCloud]


def present_manifests(names: Iterable[str] | None) -> list[Manifest]:
    """Return the manifests of services and of what they need, as far as these are written yet."""
    from nacre.services import NAMES, manifests

    wanted, ahead = set(), list(NAMES if names is None else ("identity", *names))
    while ahead:
        name = ahead.pop()
        if name not in wanted:
            wanted.add(name)
            ahead += manifests([name])[0].needs
    return [
        dataclasses.replace(manifest, needs=tuple(need for need in manifest.needs if need in wanted))
        for manifest in manifests(wanted)
    ]


@pytest.fixture(scope="module")
def cloud_services(request: pytest.FixtureRequest) -> list[str] | None:
    """The services in this file's cloud: the one whose tests these are; None: all that there are."""
    parts = request.path.relative_to(HERE).parts
    return [parts[1]] if parts[0] == "services" else None


@pytest.fixture(scope="module")
def cloud_config() -> Mapping[str, Any]:
    """The configuration of this file's cloud."""
    return {}


@pytest.fixture(scope="module")
def make_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCloud]:
    """Return the function that starts a cloud; all are stopped after the file's tests."""
    started: list[TestCloud] = []

    def make(
        services: Iterable[str] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        state: Path | None = None,
        bare: bool = False,
        **options: Any,
    ) -> TestCloud:
        from nacre.services.identity.setup import set_up

        def furnish(process: Process) -> None:
            if not bare:
                set_up(process, admin_password=ADMIN_PASSWORD, service_user=service_user)

        service_user = ServiceUser(name="nacre", password="the service user's password")
        sections = {**(config or {})}
        sections["identity"] = CHEAP_HASHES | dict(sections.get("identity", {}))
        cloud = TestCloud(
            present_manifests(services),
            state or tmp_path_factory.mktemp("cloud"),
            config=sections,
            service_user=service_user,
            prepare=furnish,
            **options,
        )
        started.append(cloud)
        return cloud

    yield make
    for cloud in started:
        cloud.close()


@pytest.fixture(scope="module")
def cloud(
    make_cloud: MakeCloud, cloud_services: list[str] | None, cloud_config: Mapping[str, Any]
) -> TestCloud:
    """A cloud for all tests of a file."""
    return make_cloud(cloud_services, config=cloud_config)


# -- people -----------------------------------------------------------------------------------------

LogIn = Callable[..., User]
MakeProject = Callable[..., dict[str, Any]]
MakeUser = Callable[..., User]

_numbers = itertools.count(1)


def log_in_to(
    cloud: TestCloud, name: str, password: str, *, scope: Any = None, domain: str = "default"
) -> User:
    """Log a user in: for a project by its id, or for a whole scope object, or for the default."""
    auth: dict[str, Any] = {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": name, "domain": {"id": domain}, "password": password}},
        }
    }
    if scope is not None:
        auth["scope"] = {"project": {"id": scope}} if isinstance(scope, str) else scope
    answer = cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": auth})
    assert answer.status == 201, answer
    token = answer.json["token"]
    return User(
        cloud,
        answer.headers["x-subject-token"],
        user_id=token["user"]["id"],
        project_id=token.get("project", {}).get("id", ""),
    )


@pytest.fixture
def log_in(cloud: TestCloud) -> LogIn:
    """Return the function log_in(name, password, scope=…, domain=…) for this file's cloud."""

    def log_in(name: str, password: str = PASSWORD, **options: Any) -> User:
        return log_in_to(cloud, name, password, **options)

    return log_in


@pytest.fixture
def admin(cloud: TestCloud) -> User:
    """The administrator, with a token for the project "admin"."""
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    return log_in_to(cloud, "admin", ADMIN_PASSWORD, scope=scope)


@pytest.fixture
def make_project(admin: User) -> MakeProject:
    """Return the function that makes a project, with a name of its own unless one is given."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"project": {"name": f"project-{next(_numbers)}", **fields}}
        answer = admin.post("identity", "/v3/projects", body)
        assert answer.status == 201, answer
        return answer.json["project"]

    return make


@pytest.fixture
def make_user(cloud: TestCloud, admin: User, make_project: MakeProject) -> MakeUser:
    """Return the function that makes a user with roles on a project (a new one unless given), logged in."""
    known = {role["name"]: role["id"] for role in admin.get("identity", "/v3/roles").json["roles"]}

    def make(*roles: str, project_id: str | None = None, password: str = PASSWORD, **fields: Any) -> User:
        body = {"user": {"name": f"user-{next(_numbers)}", "password": password, **fields}}
        answer = admin.post("identity", "/v3/users", body)
        assert answer.status == 201, answer
        user, project_id = answer.json["user"], project_id or make_project()["id"]
        for role in roles or ("member",):
            path = f"/v3/projects/{project_id}/users/{user['id']}/roles/{known[role]}"
            assert admin.put("identity", path).status == 204
        return log_in_to(cloud, user["name"], password, scope=project_id, domain=user["domain_id"])

    return make


@pytest.fixture
def project(make_project: MakeProject) -> dict[str, Any]:
    """The project of `member` and `reader`."""
    return make_project()


@pytest.fixture
def member(make_user: MakeUser, project: dict[str, Any]) -> User:
    """Somebody who may make and change things in `project`."""
    return make_user("member", project_id=project["id"])


@pytest.fixture
def reader(make_user: MakeUser, project: dict[str, Any]) -> User:
    """Somebody who may only look at things in `project`."""
    return make_user("reader", project_id=project["id"])


@pytest.fixture
def stranger(make_user: MakeUser) -> User:
    """A member of another project."""
    return make_user("member")
