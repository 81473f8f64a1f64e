"""The launcher makes its environment once, and again when it must.

What installs is a stand-in that notes how it was called: these tests are about when and what.  A real first
start is in tests/system/launcher.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "nacre"

UV = f"""#!/bin/sh
echo "$@" >>"$CALLS"
if [ -e "$FAIL" ]; then echo "no network here"; exit 1; fi
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
ln -sf "{sys.executable}" "$UV_PROJECT_ENVIRONMENT/bin/python"
"""
MAIN = "import sys; print('ran', *sys.argv[1:])"


class Checkout:
    """A checkout with a launcher, and a uv that does nothing but note its arguments."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        package = directory / "src" / "nacre"
        package.mkdir(parents=True)
        (package / "__main__.py").write_text(MAIN)
        (directory / "uv.lock").write_text("version = 1\n")
        shutil.copy(LAUNCHER, directory / "nacre")
        uv = directory / ".venv-workshop" / "uv" / "bin" / "uv"
        uv.parent.mkdir(parents=True)
        uv.write_text(UV)
        uv.chmod(0o755)

    @property
    def failure(self) -> Path:
        """Where this file is, installations fail."""
        return self.directory / "fail"

    def start(self, *arguments: str, extras: str = "") -> subprocess.Popen[str]:
        """Run the launcher."""
        environment = os.environ | {
            "PYTHONPATH": str(self.directory / "src"),
            "NACRE_EXTRAS": extras,
            "CALLS": str(self.directory / "calls"),
            "FAIL": str(self.failure),
        }
        return subprocess.Popen(
            [self.directory / "nacre", *arguments],
            cwd="/",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, extras: str = "") -> str:
        """Run the launcher and return what the package printed."""
        process = self.start(*arguments, extras=extras)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return out.strip()

    def calls(self) -> list[str]:
        """Return the installations so far."""
        return (self.directory / "calls").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout."""
    return Checkout(tmp_path / "checkout")


def test_arguments_reach_the_package_as_they_are(checkout: Checkout) -> None:
    assert checkout.run("look", "a b", "--x=*") == "ran look a b --x=*"


def test_installs_what_the_lock_file_pins_once(checkout: Checkout) -> None:
    checkout.run("status")
    checkout.run("status")
    (call,) = checkout.calls()
    assert "--frozen" in call
    assert ("--extra linux" in call) == (os.geteuid() == 0)
    assert "dev" not in call


def test_installs_again_when_the_lock_file_changed(checkout: Checkout) -> None:
    checkout.run("status")
    (checkout.directory / "uv.lock").write_text("version = 2\n")
    checkout.run("status")
    assert len(checkout.calls()) == 2


def test_tests_need_more_and_nothing_is_taken_away_again(checkout: Checkout) -> None:
    checkout.run("status", extras="libvirt")
    checkout.run("test")
    checkout.run("status")
    first, second = checkout.calls()
    assert "--extra libvirt" in first
    assert "--extra libvirt" in second
    assert "--group dev" in second


def test_a_failed_installation_is_shown_and_done_again(checkout: Checkout) -> None:
    checkout.run("status")
    (checkout.directory / "uv.lock").write_text("version = 2\n")
    checkout.failure.touch()
    process = checkout.start("status")
    _, err = process.communicate()
    assert process.returncode == 1
    assert "no network here" in err
    checkout.failure.unlink()
    assert checkout.run("status") == "ran status"


def test_a_moved_checkout_does_not_run_the_old_one(checkout: Checkout) -> None:
    checkout.run("status", extras="mysql")
    old = checkout.directory
    checkout.directory = old.rename(old.with_name("moved"))
    left_over = checkout.directory / ".venv" / "left-over"
    left_over.touch()
    assert checkout.run("status") == "ran status"
    assert not left_over.exists()
    assert "--extra mysql" in checkout.calls()[-1]


def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    both = [checkout.start("status"), checkout.start("status")]
    assert [process.communicate()[0] for process in both] == ["ran status\n"] * 2
    assert len(checkout.calls()) == 1


def test_runs_through_a_symbolic_link(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "bin"
    link.symlink_to(checkout.directory / "nacre")
    checkout.run("status")
    environment = os.environ | {"PYTHONPATH": str(checkout.directory / "src")}
    assert subprocess.check_output([link, "demo"], env=environment, text=True) == "ran demo\n"
