"""`nacre deploy check` finds nothing wrong with a cloud that is well, and names what is, with its remedy."""

from __future__ import annotations

import base64
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cluster.conftest import MakeBed
from nacre.cloud.lab.bed import Bed
from nacre.cloud.lab.programs import NACRE
from nacre.cloud.toml import as_toml

PATIENCE = 120.0  # seconds after which a test gives up; never an expectation


@pytest.fixture(scope="module")
def bed(make_bed: MakeBed) -> Bed:
    """Two control nodes and a host."""
    split = (("identity", "placement", "image", "network"), ("compute",))
    return make_bed(hosts=("host-1",), split=split)


def check(bed: Bed, config: Path | None = None) -> tuple[int, str]:
    """Run the check as an operator does."""
    command = [*NACRE, "deploy", "check", "--state", str(bed.where / "control-1")]
    done = subprocess.run(
        [*command, "--config", str(config or bed.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert not done.stderr or done.returncode == 1, done.stderr
    return done.returncode, done.stdout


def changed(bed: Bed, where: Path, **sections: dict[str, Any]) -> Path:
    """Write the bed's configuration with changes."""
    found = tomllib.loads(bed.config.read_text())
    for name, values in sections.items():
        found[name] = {**found.get(name, {}), **values}
    path = where / "changed.toml"
    path.write_text(as_toml(found))
    return path


def test_a_cloud_that_is_well(bed: Bed) -> None:
    code, text = check(bed)
    assert code == 0, text
    assert "WRONG" not in text
    assert text.count("well") == 8


def test_a_process_that_does_not_run(bed: Bed) -> None:
    bed.programs["control-2/compute"].stop()
    try:
        code, text = check(bed)
    finally:
        bed.programs["control-2/compute"].start()
    assert code == 1
    assert f"on {bed.control[1]} nobody answers for compute" in text
    assert "systemctl status 'nacre-serve@*'" in text
    assert "HAProxy takes control-2 of compute for" in text


def test_a_host_that_joined_and_is_silent(bed: Bed, tmp_path: Path) -> None:
    control = ["--state", str(bed.where / "control-1"), "--config", str(bed.config)]

    def nacre(*arguments: str) -> str:
        return subprocess.run(
            [*NACRE, "agent", *arguments], capture_output=True, text=True, check=True
        ).stdout

    token = nacre("token", "--host", "silent-1", *control).split()[-1]
    nacre("join", "--insecure", token, "--state", str(tmp_path))
    code, text = check(bed)
    nacre("remove", "silent-1", *control)
    assert code == 1
    assert "silent-1 joined, but its compute agent was never heard of" in text
    assert text.count("WRONG") == 1


def test_a_wrong_key(bed: Bed, tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    key.touch(mode=0o600)
    key.write_bytes(base64.urlsafe_b64encode(b"x" * 32))
    code, text = check(bed, changed(bed, tmp_path, cloud={"key_file": str(key)}))
    assert code == 1
    assert "is not the key of this cloud" in text


def test_a_key_that_others_can_read(bed: Bed, tmp_path: Path) -> None:
    key = tmp_path / "open.key"
    key.write_bytes(bed.key.read_bytes())
    key.chmod(0o644)
    code, text = check(bed, changed(bed, tmp_path, cloud={"key_file": str(key)}))
    assert code == 1
    assert "chmod 600" in text


def test_a_database_that_is_not_there(bed: Bed, tmp_path: Path) -> None:
    url = str(bed._sections["database"]["url"]).replace("cloud_", "absent_")
    code, text = check(bed, changed(bed, tmp_path, database={"url": url}))
    assert code == 1
    assert "the database of identity does not answer" in text


def test_a_broker_that_lets_nobody_in(bed: Bed, tmp_path: Path) -> None:
    url = "amqp://nobody:wrong@127.0.0.1:1/"
    code, text = check(bed, changed(bed, tmp_path, bus={"url": url}))
    assert code == 1
    assert "the broker does not let us in" in text


def test_what_is_not_shared(bed: Bed, tmp_path: Path) -> None:
    found = tomllib.loads(bed.config.read_text())
    del found["database"], found["image"], found["process"]["drain_seconds"]
    config = tmp_path / "alone.toml"
    config.write_text(as_toml(found))
    code, text = check(bed, config)
    assert code == 1
    for sentence in ("SQLite files of this machine", "images are kept on this machine", "drain_seconds = 3"):
        assert sentence in text
    assert "has no tables yet" in text


def test_a_misspelt_key(bed: Bed, tmp_path: Path) -> None:
    code, text = check(bed, changed(bed, tmp_path, compute={"cpu_allocation_rati": 2.0}))
    assert code == 1
    assert "did you mean cpu_allocation_ratio?" in text
