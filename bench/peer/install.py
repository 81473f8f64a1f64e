"""Install the peer once: its Debian packages, and OpenStack from PyPI into an environment of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from peer import places

PACKAGES = Path(__file__).with_name("packages.txt")
DEBIAN = {"mariadbd": "mariadb-server", "rabbitmq-server": "rabbitmq-server", "memcached": "memcached"}


def install() -> None:
    """Install what is missing."""
    _from_debian()
    mark = places.MARKS / "packages.txt"
    if mark.exists() and mark.read_bytes() == PACKAGES.read_bytes():
        return
    if not (places.PROGRAMS / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", places.VENV], check=True)
    pip = [places.PROGRAMS / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", PACKAGES], check=True)
    mark.write_bytes(PACKAGES.read_bytes())


def _from_debian() -> None:
    search = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [package for program, package in DEBIAN.items() if not shutil.which(program, path=search)]
    if missing:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "update"], check=True, stdout=sys.stderr)
        command = ["apt-get", "-qq", "install", "--no-install-recommends", *missing]
        subprocess.run([*command, "--yes"], check=True, env=quiet, stdout=sys.stderr)


def versions(*names: str) -> list[str]:
    """Return the versions of some of the packages."""
    pins = dict(line.split("==") for line in PACKAGES.read_text().splitlines() if "==" in line)
    return [f"{name} {pins[name]}" for name in names]
