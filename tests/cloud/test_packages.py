"""Debian packages, and why a machine may not be able to run servers for real."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.cloud import novnc, packages, real_mode

DAEMONS_STAY_DOWN = 101  # invoke-rc.d(8): the action is forbidden
NOBODY = 65534

on_debian = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs Debian's dpkg")


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Be no longer root, for the duration of a test."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@on_debian
def test_only_what_is_not_installed_is_missing() -> None:
    assert packages.missing(["no-such-package", "dpkg", "bash"]) == ["no-such-package"]


@on_debian
def test_what_is_installed_already_is_not_installed_again() -> None:
    said: list[str] = []
    packages.install(["dpkg", "bash"], said.append)
    assert said == []


@on_debian
@pytest.mark.usefixtures("ordinary_user")
def test_an_ordinary_user_is_told_what_to_install() -> None:
    with pytest.raises(packages.CannotInstall, match="no-such-package.*only root"):
        packages.install(["dpkg", "no-such-package"], print)


@on_debian
def test_one_package_is_unpacked_and_not_installed(tmp_path: Path) -> None:
    page = tmp_path / "page"
    try:
        packages.unpack(novnc.PACKAGE, novnc.FOLDER, page)
    except packages.CannotInstall as error:
        pytest.skip(f"this machine's sources of packages cannot be reached: {error.detail}")
    assert (page / novnc.PAGE).is_file()
    assert (page / "core" / "rfb.js").is_file()
    assert list(tmp_path.iterdir()) == [page]
    said: list[str] = []
    novnc.ensure(page, said.append)
    assert said == []


@on_debian
def test_a_package_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(packages.CannotInstall, match="no-such-package"):
        packages.unpack("no-such-package", "usr", tmp_path / "page")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ordinary_user")
def test_real_mode_needs_root() -> None:
    assert any("needs root" in reason for reason in real_mode.obstacles(Path("/tmp/cloud/hosts/one")))


def test_real_mode_needs_short_paths() -> None:
    place = Path("/", "x" * 100, "hosts", "one")
    assert any("too long" in reason for reason in real_mode.obstacles(place))
    assert not any("too long" in reason for reason in real_mode.obstacles(Path("/tmp/cloud/hosts/one")))


def test_no_daemon_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with packages.no_daemons_started(policy):
        assert subprocess.run([policy], check=False).returncode == DAEMONS_STAY_DOWN
    assert not policy.exists()


def test_the_policy_of_the_machine_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with packages.no_daemons_started(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_a_policy_left_by_a_killed_process_forbids_nothing_and_is_replaced(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    gone = subprocess.Popen(["true"])
    gone.wait()
    with packages.no_daemons_started(policy):
        left_behind = policy.read_text().replace(str(os.getpid()), str(gone.pid))
    policy.write_text(left_behind)
    policy.chmod(0o755)
    assert subprocess.run([policy], check=False).returncode == 0

    with packages.no_daemons_started(policy):
        assert subprocess.run([policy], check=False).returncode == DAEMONS_STAY_DOWN
    assert not policy.exists()


def test_the_policy_of_another_nacre_that_runs_is_left_to_it(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with packages.no_daemons_started(policy):
        with packages.no_daemons_started(policy):
            pass
        assert subprocess.run([policy], check=False).returncode == DAEMONS_STAY_DOWN
