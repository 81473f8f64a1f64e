"""The test's side of life.py: start a life of a cloud, arm its fates, have it die, start the next."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import invariants
import nacre
from nacre.cloud import first_start, simulated_image
from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from real_clients import free_port
from simulated.scenarios import FAILED_HOST

TESTS = Path(__file__).parents[1]
SOURCES = Path(nacre.__file__).parents[1]
ANSWER_SECONDS = 60


class Lives:
    """One state directory, and the processes that live on it one after the other."""

    def __init__(self, state):
        self.root = state
        self._ahead_seconds = 0
        self._state = StateDirectory(state)
        self._state.prepare()
        self.image_file = simulated_image.write(self.root)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "simulated.life", str(state), str(free_port())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (TESTS, SOURCES)))},
        )

    def begin(self, *, crowded=False, later_seconds=0):
        """Start the cloud, as a user would or with room for threads that stand still; return once it answers.

        From now on its clocks are so much later than they were.
        """
        self._ahead_seconds += later_seconds
        life = self._ask(do="live", crowded=crowded, ahead_seconds=self._ahead_seconds)
        auth_url, self._pid = life["auth_url"], life["pid"]
        secrets = self._state.secrets()
        self.admin = CloudClient(auth_url, "admin", secrets.admin_password, "admin")
        self.demo = CloudClient(auth_url, "demo", secrets.demo_password, "demo")
        self.look_around()

    def look_around(self):
        """Log in, and learn what servers are made of."""
        self.admin.log_in()
        self.demo.log_in()
        self.network_id = self.demo.find("network", "/v2.0/networks", "networks", first_start.PRIVATE)["id"]
        self.image_id = self.demo.get("image", "/v2/images", name=first_start.IMAGE)["images"][0]["id"]
        self.flavors = {each["name"]: each["id"] for each in self.demo.get("compute", "/flavors")["flavors"]}

    def raise_quotas(self):
        """Let the user make as many servers and ports as the hosts can bear."""
        limits = {"instances": -1, "cores": -1, "ram": -1}
        self.admin.put("compute", f"/os-quota-sets/{self.demo.project_id}", {"quota_set": limits})
        self.admin.put("network", f"/v2.0/quotas/{self.demo.project_id}", {"quota": {"port": -1}})

    def say_failed(self, failed=True):
        """Have the operators take the third host for failed, or see that it is back."""
        body = {"host": FAILED_HOST, "binary": "nova-compute", "forced_down": failed}
        self.admin.put("compute", "/os-services/force-down", body, version="2.11")

    def census(self):
        """Look at everything there is."""
        return invariants.take(self.admin, self.root)

    def jobs(self):
        """Return what is being worked on or waits, with the service's name."""
        return invariants.active_jobs(self.root)

    def arm(self, fates):
        """Let subjects (by name or id) go no further than an event each."""
        self._ask(do="arm", fates=fates)

    def tell(self):
        """Return what has happened to each subject, and who has met their fate; None after a death."""
        told = self._ask(do="tell")
        return None if "ended" in told else (told["stories"], set(told["struck"]))

    def sweep(self):
        """Have every reconciler take its turn now."""
        self._ask(do="sweep")

    def keep_stacks(self):
        """Have it write down what each thread is doing: log/stacks.kept, for whoever looks for a deadlock."""
        stacks = self.root / "log" / "stacks"
        os.kill(self._pid, signal.SIGUSR1)
        deadline = time.monotonic() + ANSWER_SECONDS
        while "most recent call first" not in stacks.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        stacks.with_name("stacks.kept").write_text(stacks.read_text())

    def kill(self):
        """Have it die now."""
        self._ask(do="die")

    def close(self):
        """End it all."""
        self._process.stdin.close()
        self._process.wait(ANSWER_SECONDS)

    def _ask(self, **order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
        assert ready, f"no answer to {order}"
        return json.loads(self._process.stdout.readline())
