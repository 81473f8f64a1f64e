"""Unmodified clients from PyPI, in an environment of their own, and clouds started as a user would."""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import yaml

from nacre.kernel.testing.daemons import free_ports

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "nacre" / "venvs"
CLIENTS = ("python-openstackclient==10.5.0", "osc-placement==4.9.1")


def client_environment():
    """Return the folder of the real clients' commands; the environment is made once and kept."""
    name = hashlib.sha256(" ".join(CLIENTS).encode()).hexdigest()[:12]
    home = CACHE / f"clients-{name}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            uv = pathlib.Path(sys.prefix).parent / ".venv-workshop" / "uv" / "bin" / "uv"
            if uv.exists():
                subprocess.run([uv, "venv", "-q", "--python", sys.executable, home], check=True)
                subprocess.run(
                    [uv, "pip", "install", "-q", "--python", home / "bin" / "python", *CLIENTS], check=True
                )
            else:
                subprocess.run([sys.executable, "-m", "venv", home], check=True)
                subprocess.run([home / "bin" / "pip", "install", "-q", *CLIENTS], check=True)
            (home / "complete").touch()
    return home / "bin"


def free_port():
    return free_ports(1)[0]


def nacre(*arguments, **options):
    """Run nacre's own command line with this environment's Python."""
    command = [sys.executable, "-P", "-m", "nacre", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"nacre {' '.join(command[4:])}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done


class RunningCloud:
    """A cloud in a process of its own."""

    def __init__(self, state):
        self.state = state
        self.running = json.loads((state / "run" / "cloud.json").read_text())

    @property
    def pid(self):
        return self.running["pid"]

    def resident_kb(self, field="VmRSS"):
        """How much memory the process holds, or held at the most (VmHWM)."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


class OpenStack:
    """The `openstack` command of one user."""

    def __init__(self, binary, state, cloud):
        self.binary, self.state, self.cloud = binary, state, cloud

    def env(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state),
            "OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml"),
            "OS_CLOUD": self.cloud,
        }

    def run(self, *arguments, check=True):
        """Run a command; return the finished process."""
        done = subprocess.run(
            [self.binary, *map(str, arguments)], env=self.env(), capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"openstack {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done

    def __call__(self, *arguments):
        """Run a command that prints JSON; return it as data."""
        return json.loads(self.run(*arguments, "-f", "json").stdout)

    def value(self, *arguments, column):
        """Run a command and return one column's value."""
        return self.run(*arguments, "-f", "value", "-c", column).stdout.strip()

    def refused(self, *arguments):
        """Run a command that must fail; return what it says."""
        done = self.run(*arguments, check=False)
        assert done.returncode != 0, f"openstack {' '.join(map(str, arguments))} succeeded"
        return done.stderr + done.stdout

    def as_user(self, name, password, project):
        """Return the command of another user, by a cloud of its own in clouds.yaml."""
        file = self.state / "clouds.yaml"
        clouds = yaml.safe_load(file.read_text())
        auth = dict(clouds["clouds"]["nacre"]["auth"], username=name, password=password, project_name=project)
        clouds["clouds"][name] = dict(clouds["clouds"]["nacre"], auth=auth)
        file.write_text(yaml.safe_dump(clouds))
        return OpenStack(self.binary, self.state, name)
