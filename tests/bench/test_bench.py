"""The bench works: a little of every work against nacre.  How long anything took is nobody's business here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
WORKS = [  # what starts anew and what sits still is left to people
    "password-token", "token-from-token", "token-validation", "projects-list", "flavors-list",
    "network-create", "port-create", "ports-list", "candidates", "candidates-1000",
    "image-transfer", "images-list", "server-boot", "servers-boot",
    "servers-detail-100", "servers-detail-1000",
]  # fmt: skip
PATIENCE_SECONDS = 300


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the bench keeps out of the home directory."""
    monkeypatch.setenv("NACRE_BENCH", str(tmp_path))


@pytest.mark.usefixtures("environment")
def test_every_work_runs_without_errors() -> None:
    command = [sys.executable, str(BENCH / "compare"), "--smoke", *WORKS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = [line for line in done.stdout.splitlines() if " nacre " in line]
    assert len(measured) >= len(WORKS), done.stdout


@pytest.mark.usefixtures("environment")
def test_a_crowd_of_hosts_is_filled_listed_and_started_again() -> None:
    command = [sys.executable, str(BENCH / "scale"), "--smoke"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for title in ("At rest", "Booting", "Lists of the full cloud", "Killed and started again"):
        assert f"### {title}" in done.stdout
    heard = done.stdout.rpartition("| before |")[2]  # in that time, or right after it
    assert "compute server_report" in heard or "network host_changes" in heard, done.stdout
