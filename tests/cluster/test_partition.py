"""A host is cut off and comes back: its servers go on, what was evacuated from it is removed, and nobody panics.

Nobody can tell a host whose cable was pulled from one that burns.  So while it is away nothing is done to it or in
its name but what an administrator says, and when it is back it hears what happened, once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from cluster.conftest import MakeLab
from cluster.fuzz.aftermath import Aftermath, logged_errors
from nacre.cloud.client import CloudClient
from nacre.cloud.lab import switch
from nacre.cloud.lab.infrastructure import REALM
from nacre.cloud.lab.lab import Lab
from nacre.cloud.lab.switch import Switch

PATIENCE = 180.0  # seconds after which a test gives up; never an expectation
CUT, OTHERS = "host-1", ("host-2", "host-3")
MOST_ORDERS = 30  # to a host that comes back with two servers; a storm would be hundreds
HASTE = {"heartbeat_seconds": 1.0}


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    """One control node and three hosts, which are soon missed."""
    made = make_lab(
        control=1,
        hosts=(CUT, *OTHERS),
        split=(("identity", "placement", "image", "network", "compute"),),
        sections={
            "compute": {"host_down_seconds": 6.0},
            "network": {"agent_down_seconds": 6},
            "bus": {"heartbeat_seconds": 2},
        },
        agent_sections={"compute_agent": HASTE, "network_agent": HASTE, "bus": {"heartbeat_seconds": 2}},
    )
    if not isinstance(made.ground, Switch):
        pytest.skip("cables can be pulled in network namespaces only, which need root")
    return made


@pytest.fixture(scope="module")
def admin(lab: Lab) -> CloudClient:
    return lab.bed.admin()


@pytest.fixture(scope="module")
def aftermath(lab: Lab) -> Iterator[Aftermath]:
    made = Aftermath(lab.bed)
    yield made
    made.close()


def boot(admin: CloudClient, name: str, zone: str = "nova") -> str:
    body: dict[str, Any] = {
        "name": name,
        "flavorRef": admin.find("compute", "/flavors", "flavors", "m1.nano")["id"],
        "imageRef": admin.get("image", "/v2/images")["images"][0]["id"],
        "networks": [{"uuid": network(admin)}],
        "availability_zone": zone,
    }
    server: str = admin.post("compute", "/servers", {"server": body})["server"]["id"]
    return server


def network(admin: CloudClient) -> str:
    found = admin.find("network", "/v2.0/networks", "networks", "front")
    if found is None:
        found = admin.post("network", "/v2.0/networks", {"network": {"name": "front"}})["network"]
        subnet = {"network_id": found["id"], "cidr": "10.51.0.0/24", "ip_version": 4}
        admin.post("network", "/v2.0/subnets", {"subnet": subnet})
    return str(found["id"])


def settled(admin: CloudClient, server_id: str, status: str) -> dict[str, Any]:
    """Return a server once it has a status and nobody works on it."""
    found: dict[str, Any] = admin.wait(
        lambda: admin.get("compute", f"/servers/{server_id}")["server"],
        lambda seen: (
            seen["status"] == "ERROR" or (seen["status"], seen["OS-EXT-STS:task_state"]) == (status, None)
        ),
        seconds=PATIENCE,
    )
    assert found["status"] == status, found.get("fault")
    return found


def states_of(admin: CloudClient) -> dict[str, bool]:
    """Tell of each host whether all its agents are heard of."""
    services = admin.get("compute", "/os-services", binary="nova-compute")["services"]
    agents = admin.get("network", "/v2.0/agents")["agents"]
    up = {each["host"]: each["state"] == "up" for each in services}
    return {
        host: is_up and all(each["alive"] for each in agents if each["host"] == host)
        for host, is_up in up.items()
    }


def machines_on(lab: Lab, host: str) -> dict[str, Any]:
    """Return what a host itself has: server → machine."""
    folder = lab.bed.where / host / "hosts" / host / "compute" / "machines"
    return {path.stem: json.loads(path.read_bytes()) for path in folder.glob("*.json")}


def orders_heard(lab: Lab, host: str) -> int:
    """Return how many messages the broker has had for a host's agents."""
    options = lab.infrastructure.broker.management()
    account = f"{options['management_user']}:{options['management_password']}"
    headers = urllib3.make_headers(basic_auth=account)
    queues = urllib3.request("GET", f"{options['management_url']}/api/queues", headers=headers).json()
    wanted = [f"{REALM}.{kind}.{host}" for kind in ("compute", "network")]
    return sum(
        queue.get("message_stats", {}).get("publish", 0) for queue in queues if queue["name"] in wanted
    )


@pytest.mark.timeout(600)
def test_a_host_is_cut_off_and_comes_back(
    lab: Lab, admin: CloudClient, aftermath: Aftermath, record_property: Callable[[str, object], None]
) -> None:
    assert isinstance(lab.ground, Switch)
    before = aftermath.counts()
    stays, leaves = (boot(admin, name, f"nova:{CUT}") for name in ("stays", "leaves"))
    elsewhere = boot(admin, "elsewhere", f"nova:{OTHERS[0]}")
    for server in (stays, leaves, elsewhere):
        settled(admin, server, "ACTIVE")
    running = machines_on(lab, CUT)
    assert running.keys() == {stays, leaves}

    switch.cut(lab.ground.name, CUT)
    admin.wait(lambda: states_of(admin), lambda seen: not seen[CUT], seconds=PATIENCE)
    assert all(states_of(admin)[host] for host in OTHERS)
    assert machines_on(lab, CUT) == running
    shown = settled(admin, stays, "ACTIVE")
    assert shown["OS-EXT-SRV-ATTR:host"] == CUT
    fresh = [boot(admin, f"fresh-{number}") for number in range(3)]
    assert all(settled(admin, each, "ACTIVE")["OS-EXT-SRV-ATTR:host"] in OTHERS for each in fresh)
    admin.post("compute", f"/servers/{leaves}/action", {"evacuate": {}}, version="2.29")
    evacuated = settled(admin, leaves, "ACTIVE")
    assert evacuated["OS-EXT-SRV-ATTR:host"] in OTHERS
    assert machines_on(lab, CUT) == running, "somebody reached a host that is cut off"

    heard = orders_heard(lab, CUT)
    switch.mend(lab.ground.name, CUT)
    admin.wait(lambda: states_of(admin), lambda seen: all(seen.values()), seconds=PATIENCE)
    admin.wait(lambda: machines_on(lab, CUT), lambda seen: leaves not in seen, seconds=PATIENCE)
    assert machines_on(lab, CUT) == {stays: running[stays]}
    assert settled(admin, leaves, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == evacuated["OS-EXT-SRV-ATTR:host"]
    assert aftermath.unfinished() == []
    assert aftermath.disagreements() == []
    orders = orders_heard(lab, CUT) - heard
    record_property("told", f"{orders} messages to the host after its return")
    assert orders <= MOST_ORDERS

    for server in (stays, leaves, elsewhere, *fresh):
        admin.delete("compute", f"/servers/{server}")
    admin.wait(lambda: admin.get("compute", "/servers")["servers"], lambda left: not left, seconds=PATIENCE)
    admin.delete("network", f"/v2.0/networks/{network(admin)}")
    assert aftermath.unfinished() == []
    assert aftermath.disagreements() == []
    assert aftermath.drift() == []
    assert aftermath.counts() == before
    assert logged_errors(lab.bed) == []
