"""A newcomer's first start: the system's own Python, no pip, no uv, an ordinary user, an empty home."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
CHECKED_OUT = ("nacre", "pyproject.toml", "uv.lock", "README.md", "src")
NOBODY = 65534


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of this checkout that belongs to an ordinary user."""
    directory = Path(tempfile.mkdtemp(prefix="nacre-first-start-"))
    try:
        for name in CHECKED_OUT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, directory / name)
        (directory / "home").mkdir()
        if os.geteuid() == 0:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield directory
    finally:
        shutil.rmtree(directory)


def test_first_start_of_an_ordinary_user(checkout: Path) -> None:
    # What says how this machine reaches the network is kept; what finds other Pythons is not.
    environment = {
        name: value
        for name, value in os.environ.items()
        if "PYTHON" not in name and name != "VIRTUAL_ENV" and not name.startswith("XDG_")
    }
    done = subprocess.run(
        ["./nacre", "--version"],
        cwd=checkout,
        env=environment | {"PATH": SYSTEM_PATH, "HOME": str(checkout / "home")},
        user=NOBODY if os.geteuid() == 0 else None,
        group=NOBODY if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("nacre 0."), done.stderr
    assert "first start" in done.stderr
    assert (checkout / ".venv" / "nacre-lock").read_bytes() == (checkout / "uv.lock").read_bytes()
