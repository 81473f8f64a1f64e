"""nacre on MariaDB and RabbitMQ, with as many processes as cores behind HAProxy, and agents of their own."""

import json
import shutil
import subprocess

from clouds.nacre import ROOT, Nacre, no_quotas, roomy_host
from drive.session import Login
from peer import places
from peer.daemons import Daemons
from peer.infrastructure import Infrastructure

STATE = places.ROOT.parent / "nacre-multi"
SERVICES = ("identity", "placement", "image", "network", "compute")
PASSWORD = "nacre"


class NacreMulti(Nacre):
    """The product's own test bed on a database and a broker like those of the peer."""

    name = "nacre-multi"
    title = "nacre (a process for each core, MariaDB, RabbitMQ)"
    boots_thousands = False

    def __init__(self) -> None:
        """Lay it out."""
        self._bed: subprocess.Popen[str] | None = None
        self._answer: dict[str, object] = {}
        self._infrastructure = Infrastructure(
            root=STATE,
            daemons=Daemons(STATE / "run", STATE / "log"),
            mariadb_port=13406,
            rabbitmq_port=15773,
            rabbitmq_cluster_port=15774,
            epmd_port=14469,
        )

    def prepare(self) -> None:
        self.close()
        STATE.mkdir(parents=True, exist_ok=True)
        self._infrastructure.start()
        self._infrastructure.make_databases("nacre", PASSWORD, [f"nacre_{name}" for name in SERVICES])
        database = f"mysql+pymysql://nacre:{PASSWORD}@127.0.0.1:{self._infrastructure.mariadb_port}"
        order = {
            "where": str(STATE / "bed"),
            "database_url": f"{database}/nacre_{{service}}",
            "broker_url": f"amqp://{self._infrastructure.broker_account}/",
            "sections": no_quotas(),
            "agent_sections": roomy_host(),
        }
        command = [
            ROOT / ".venv" / "bin" / "python",
            "-P",
            ROOT / "bench" / "clouds" / "bed.py",
            json.dumps(order),
        ]
        self._bed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start_services()

    def close(self) -> None:
        if self._bed is not None and self._bed.stdin is not None:
            self._bed.stdin.close()
            self._bed.wait()
            self._bed = None
        self._infrastructure.stop()
        shutil.rmtree(STATE, ignore_errors=True)

    def stop_services(self) -> None:
        self._order("stop")

    def start_services(self) -> None:
        self._answer = self._order("start")

    def answers_at(self) -> list[str]:
        return list(self._answer["urls"])  # type: ignore[call-overload]

    def leaders(self) -> list[int]:
        bed = [self._bed.pid] if self._bed is not None else []
        return [*bed, *self._infrastructure.daemons.pids().values()]

    def login(self) -> Login:
        url, password = str(self._answer["auth_url"]), str(self._answer["password"])
        return Login(auth_url=url, user="admin", password=password, project="admin")

    def _order(self, word: str) -> dict[str, object]:
        assert self._bed is not None
        assert self._bed.stdin is not None
        assert self._bed.stdout is not None
        self._bed.stdin.write(f"{word}\n")
        self._bed.stdin.flush()
        answer: dict[str, object] = json.loads(self._bed.stdout.readline())
        return answer
