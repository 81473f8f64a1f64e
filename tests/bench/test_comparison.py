"""A comparison bears clouds that fail: what was measured is kept, and is not measured again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE_SECONDS = 120


def test_what_fails_is_left_out_and_what_is_whole_is_not_done_again(tmp_path: Path) -> None:
    environment = {**os.environ, "NACRE_BENCH": str(tmp_path), "PYTHONPATH": str(HERE.parents[1] / "bench")}
    command = [sys.executable, str(HERE / "broken_clouds.py")]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["running"] == ["sound", "frail"]
    assert "absent does not start and is left out" in done.stdout
    assert said["errors"] == 1
    assert "frail is left out of the rest of ask" in done.stdout
    assert said["kept"] == {"sound": 3, "frail": 2}
    assert said["asked"] == [], "the work is whole, and later time is up"
    assert "ask is known" in done.stdout
    assert "time is up" in done.stdout
