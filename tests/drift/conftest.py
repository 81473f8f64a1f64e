"""Clouds with servers in which something drifts, and a doctor who is called."""

import pytest
from tests.services.compute.conftest import ComputeCloud, Person, eventually, stock

from nacre.services.network import rpc

#: Where each service's findings are.
PATHS = {
    "compute": "/v2.1/nacre-findings",
    "network": "/v2.0/nacre-findings",
    "image": "/v2/nacre-findings",
    "placement": "/nacre-findings",
}


class Doctor:
    """Asks every service for a look at once, and reads what was found, as `nacre doctor` does."""

    def __init__(self, cloud):
        self.cloud, self.admin = cloud, cloud.user("admin")

    def examine(self, *, thorough=False, missed_too=False):
        """Have every sweep go through now; return the findings by kind."""
        self.cloud.report()  # hosts report every few seconds of real time
        for agent in self.cloud.network_agents.values():
            self.cloud.process.bus.call(rpc.TOPIC, rpc.HOST_REPORT, agent.report())
        asked, self.missed = {}, {}
        for service, path in PATHS.items():
            answer = self.admin.post(service, f"{path}/check", {"thorough": thorough})
            assert answer.status == 202, answer
            asked[service] = {way["name"]: way["asked"] for way in answer.json["sweeps"]}
        found = {}
        for service, sweeps in asked.items():
            body = eventually(lambda s=service, w=sweeps: self._ended(s, w), f"sweeps of {service}")
            for finding in body["findings"]:
                found.setdefault(finding["kind"], []).append(finding)
        assert missed_too or not self.missed, self.missed
        return found

    def _ended(self, service, asked):
        body = self.admin.get(service, PATHS[service]).json
        ways = {way["name"]: way for way in body["sweeps"]}
        if any(ways[name]["answered"] < number for name, number in asked.items()):
            return None
        self.missed |= {name: ways[name]["missed"] for name in asked if ways[name]["missed"]}
        return body

    def heal(self, service, finding, status=202):
        """Heal one finding by command."""
        body = {"kind": finding["kind"], "resource_id": finding["resource_id"]}
        answer = self.admin.post(service, f"{PATHS[service]}/heal", body)
        assert answer.status == status, answer
        return answer


@pytest.fixture
def cloud(tmp_path):
    cloud = ComputeCloud(tmp_path, {"image": {"upload_lease_seconds": 1}})
    cloud.add_host("host-1")
    cloud.add_host("host-2")
    stock(cloud, Person(cloud, "admin"))
    cloud.net = cloud.network.make_network()
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    return Person(cloud, "member")


@pytest.fixture
def admin(cloud):
    return Person(cloud, "admin")


@pytest.fixture
def doctor(cloud):
    return Doctor(cloud)
