"""kill -9 at any moment: another process goes on, and every job ends with all of its work or none."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from nacre.kernel import tasks
from nacre.kernel.db import Page
from nacre.kernel.tasks import JobState

HERE = Path(__file__).parent
HOUSES = 80


def kill_a_worker(url: str, lock_file: Path, after_seconds: float) -> None:
    command = [sys.executable, str(HERE / "town_worker.py"), url, str(lock_file)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=HERE)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(after_seconds)
    finally:
        worker.kill()
        worker.communicate()


def test_killed_again_and_again(make_town, tmp_path):
    town = make_town()
    url = town.db.url.render_as_string(hide_password=False)
    lock_file = tmp_path / "lock"
    for n in range(HOUSES):
        town.build(f"h{n}")
        if n % 4 == 0:
            town.tear_down(f"h{n}")
    for _ in range(4 if town.db.kind == "sqlite" else 2):
        kill_a_worker(url, lock_file, random.uniform(0.0, 0.12))
    before = Counter(job.state for job in town.db.read(tasks.jobs.page, Page()))
    town.runner(owner="worker", lock_file=lock_file).run_due()
    found = town.db.read(tasks.jobs.page, Page(), {"active": False})
    assert len(found) == HOUSES + HOUSES // 4, f"some never ended; before the last worker: {before}"
    for n in range(HOUSES):
        jobs = town.db.read(tasks.jobs.for_resource, ("house", f"h{n}"))
        states = [job.state for job in jobs]
        if n % 4 == 0:
            assert states == [JobState.DONE, JobState.CANCELLED]
            assert (town.parts(f"h{n}"), town.state(f"h{n}")) == (set(), None)
        else:
            assert states == [JobState.DONE]
            assert (town.parts(f"h{n}"), town.state(f"h{n}")) == ({"ground", "walls", "roof"}, "built")
            assert [record.step for record in jobs[0].history] == ["ground", "walls", "roof"]
