"""nacre whose many hosts live in another process, on RabbitMQ: the control plane can be started again alone."""

import subprocess
import time

from clouds.crowd import CROWD, END_SECONDS, PYTHON, START_SECONDS, Crowd
from clouds.nacre import ROOT
from peer.daemons import Daemons
from peer.infrastructure import Infrastructure

HOSTS = ROOT / "bench" / "clouds" / "hosts.py"
BED = CROWD.with_name("apart-broker")
LOOK_SECONDS = 1.0


class Apart(Crowd):
    """The control plane with one host of its own, and all others beside it; only the control plane is measured."""

    name = "apart"
    title = "nacre (one process, SQLite), many simulated hosts apart, on RabbitMQ"

    def __init__(self, hosts: int) -> None:
        """Lay it out."""
        super().__init__(1, CROWD.with_name("apart"))
        self.count = hosts
        self._broker = Infrastructure(
            root=BED,
            daemons=Daemons(BED / "run", BED / "log"),
            mariadb_port=0,
            rabbitmq_port=15873,
            rabbitmq_cluster_port=15874,
            epmd_port=14569,
        )
        self._settings["bus"] = {"url": f"amqp://{self._broker.broker_account}/", "realm": "crowd"}
        self._hosts: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Start broker, control plane and hosts; return when all hosts have reported."""
        super().prepare()
        command = [PYTHON, "-P", HOSTS, self._state / "others", self._state / "bench.toml", self.count]
        with (self._state / "hosts-log").open("wb") as log:
            self._hosts = subprocess.Popen(
                [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._hosts.stdout is not None
        if not self._hosts.stdout.readline().startswith("ready"):
            raise RuntimeError((self._state / "hosts-log").read_text()[-2000:])
        deadline = time.monotonic() + START_SECONDS
        while self.hosts_up() <= self.count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {self.hosts_up()} hosts are up")
            time.sleep(LOOK_SECONDS)

    def start_services(self) -> None:
        self._broker.start_broker()  # unless it runs
        super().start_services()

    def hosts_up(self) -> int:
        """Return how many hosts can take servers, the control plane's own among them."""
        found = self.session.get("compute", "/os-services?binary=nova-compute")["services"]
        return sum(each["state"] == "up" for each in found)

    def close(self) -> None:
        if self._hosts is not None:
            self._hosts.kill()
            self._hosts.wait(END_SECONDS)
            self._hosts = None
        super().close()
        self._broker.stop()
        self._broker.remove()
