"""`nacre up --real`, killed and started again on one state directory, and what of single servers is on the machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nacre
from nacre.cloud import settings
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from real_clients import free_port
from real_guests import wait_for

HERE = Path(__file__).parent
#: Room for many servers on a machine with two cores, and for many threads that stand still.
CONFIG = """
[compute]
cpu_allocation_ratio = 16.0
[process]
task_threads = 64
maximum_threads = 256
"""
DEATH_SECONDS = 120
#: What tells of the past: not what is left of a server, but what was said of it.
RECORDS_OF_THE_PAST = (".log", ".pid", "boot_id")


class Lives:
    """One real cloud."""

    def __init__(self, root):
        self.root, self._state = root, StateDirectory(root)
        self._port, self._process = free_port(), None
        self.admin = self.demo = None

    def begin(self, *, fates=None, refused=()):
        """Start the cloud; with fates it kills itself when all servers have met theirs."""
        config = self.root.with_name("nacre.toml")
        config.touch(mode=0o600)
        config.write_text(CONFIG)
        command = [sys.executable, "-P", "-m", "nacre"]
        if fates:
            file = self.root.with_name("fates.json")
            file.write_text(json.dumps({"fates": fates, "refused": list(refused)}))
            command = [sys.executable, "-P", HERE / "mortal_nacre.py", file]
        sources = (HERE.parents[1], Path(nacre.__file__).parents[1])
        with (self.root.with_name("output")).open("ab") as output:
            self._process = subprocess.Popen(
                [*map(str, command), "up", "--real", "--config", config]
                + ["--state", self.root, "--ports", f"single:{self._port}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
                start_new_session=True,
            )
        running = wait_for(self._running, "the start of the cloud", every=0.05)
        secrets = self._state.secrets()
        self.admin = CloudClient(running.auth_url, "admin", secrets.admin_password, "admin")
        self.demo = CloudClient(running.auth_url, "demo", secrets.demo_password, "demo")
        self.demo.log_in()

    def _running(self):
        assert self._process.poll() is None, self.root.with_name("output").read_text()
        running = self._state.running()
        return running if running and running.ready and running.pid == self._process.pid else None

    def await_death(self):
        """Wait until it has killed itself."""
        try:
            assert self._process.wait(DEATH_SECONDS) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            pytest.fail(self.root.with_name("output").read_text())

    def end(self):
        """End it in order."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(DEATH_SECONDS)

    # --- the machine ---

    def machine(self):
        """Return everything on this machine that may speak of a server or its ports: where → text."""
        name = settings.read(Options(state=self.root))[0].name
        spaces = [line.split()[0] for line in _output("ip", "netns", "list").splitlines()]
        said = {}
        for space in spaces:
            if space == name or space.startswith(f"{name}-"):
                # What the kernel has learned of its neighbours it forgets by itself.
                for command in ("ip -d link", "ip neigh show nud permanent", "nft list ruleset"):
                    said[f"{command} in {space}"] = _output("ip", "netns", "exec", space, *command.split())
        for process in Path("/proc").glob("[0-9]*"):
            said[f"process {process.name}"] = _command_line(process)
        for path in (self.root / "hosts").rglob("*"):
            content = ""
            if path.is_file() and path.suffix not in RECORDS_OF_THE_PAST and path.stat().st_size < 1 << 20:
                content = path.read_text(errors="replace")
            said[str(path)] = f"{path} {content}"
        return said


def _command_line(process):
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has just ended
        return ""


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
