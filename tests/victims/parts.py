"""The test's side of part.py: a cloud of many processes, with a broker and a database, of which any may be killed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import invariants
import nacre
from nacre.cloud import first_start, simulated_image
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Mode, Ports
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.kernel import shared_key
from nacre.kernel.db import Database
from nacre.services import NAMES
from real_clients import free_port
from simulated.life import CROWDED
from simulated.lives import Lives
from victims.part import API, API_ADDRESS, WORK, WORKED_ON

TESTS = Path(__file__).parents[1]
SOURCES = Path(nacre.__file__).parents[1]
HOSTS = ("host", "host-2", "host-3")
ANSWER_SECONDS = 60
START_SECONDS = 60


class Part:
    """One process, while it lives."""

    def __init__(self, connection):
        self._lines = connection.makefile("rw")
        hello = json.loads(self._lines.readline())
        self.name, self.pid = hello["part"], hello["pid"]

    def ask(self, **order):
        """Give an order and return the answer."""
        self._lines.write(json.dumps(order) + "\n")
        self._lines.flush()
        return json.loads(self._lines.readline())

    def kill(self):
        """kill -9; returns when it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ConnectionError):
            self._lines.read()


class Parts(Lives):
    """A cloud for the scenarios: `api`, `work` and three hosts, each a process."""

    def __init__(self, root, broker, server):
        self.root, self.broker, self.server = root, broker, server
        self._state = StateDirectory(root / API)
        self.image_file = simulated_image.write(root)
        shared_key.make(root / "cloud.key")
        self.url = url = server.new_cloud(NAMES)
        self.databases = {name: Database(url.replace("{service}", name)) for name in WORKED_ON}
        bus = {"url": broker.url, "realm": broker.new_realm()}
        port = free_port()
        plan = {
            "root": str(root),
            "port": port,
            "key": str(root / "cloud.key"),
            "services": {
                **{name: CROWDED[name] for name in ("identity", "image")},
                "process": {**CROWDED["process"], "public_host": API_ADDRESS},
                "image": {**CROWDED["image"], "directory": str(root / "images")},
                "database": {"url": url},
                "bus": bus,
            },
            "hosts": {**{name: CROWDED[name] for name in ("simulated_compute", "compute_agent")}, "bus": bus},
        }
        (root / "plan.json").write_text(json.dumps(plan))
        self._meeting = socket.socket(socket.AF_UNIX)
        self._meeting.settimeout(START_SECONDS)
        self._meeting.bind(str(root / "s"))
        self._meeting.listen()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "victims.part", root / "plan.json", root / "s"],
            stdin=subprocess.PIPE,
            stdout=(root / "output").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (TESTS, SOURCES)))},
        )
        self._parts = {}
        self._auth_url = f"http://{API_ADDRESS}:{port}/identity/v3"

    # --- life and death ---

    def begin(self):
        """Start everything for the first time."""
        self.start(API)
        self.start(WORK, *HOSTS)
        secrets = self._state.secrets()
        self.admin = CloudClient(self._auth_url, "admin", secrets.admin_password, "admin")
        self.demo = CloudClient(self._auth_url, "demo", secrets.demo_password, "demo")
        settings = Settings(
            name="parts",
            mode=Mode.SIMULATED,
            listen=API_ADDRESS,
            ports=Ports(),
            region="RegionOne",
            host="host",
            external_cidr="203.0.113.0/24",
            private_cidr="10.10.0.0/22",
            simulated_hosts=3,
        )
        first_start.furnish(
            self.admin, self.demo, settings, self._state, lambda: self.image_file, lambda words: None
        )
        self.look_around()
        self.admin.wait(self._ready_hosts, lambda seen: seen >= set(HOSTS), seconds=START_SECONDS)

    def _ready_hosts(self):
        providers = self.admin.get("placement", "/resource_providers")["resource_providers"]
        alive = self.admin.get("network", "/v2.0/agents")["agents"]
        return {each["name"] for each in providers} & {each["host"] for each in alive if each["alive"]}

    def start(self, *names):
        """Start parts; returns when each serves."""
        for name in names:
            self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        for _ in names:
            connection, _ = self._meeting.accept()
            connection.settimeout(ANSWER_SECONDS)
            part = Part(connection)
            self._parts[part.name] = part

    def kill(self, *names):
        """Have parts die."""
        for name in names:
            self._parts.pop(name).kill()

    def close(self):
        """End it all."""
        self.kill(*self._parts)
        self._process.stdin.close()
        self._process.wait(ANSWER_SECONDS)
        self._meeting.close()
        for database in self.databases.values():
            database.close()

    # --- what is to happen, and what has happened ---

    def census(self):
        hosts = {name: self.root / "hosts" / name for name in HOSTS}
        return invariants.look(self.admin, self.jobs(), hosts, self.root / "images")

    def jobs(self):
        return invariants.jobs_in(self.databases)

    def arm(self, fates):
        self._all(do="arm", fates=fates)

    def release(self):
        """Let everybody go on who stands still."""
        self._all(do="release")

    def tell(self):
        """Return what has happened to each subject, in whichever part, and who has met their fate."""
        told = self._all(do="tell")
        stories = {}
        for each in told:
            for subject, story in each["stories"].items():
                stories.setdefault(subject, []).extend(story)
        return stories, {subject for each in told for subject in each["struck"]}

    def sweep(self):
        self._parts[API].ask(do="sweep")

    def keep_stacks(self):
        for part in self._parts.values():
            os.kill(part.pid, signal.SIGUSR1)
        time.sleep(1)

    def _all(self, **order):
        return [part.ask(**order) for part in self._parts.values()]
