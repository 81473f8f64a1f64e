"""Many clients use a cloud while whatever it consists of is killed at random: nothing is lost, left over or wrong.

A person may have it go on for as long as they like, with another seed or another engine:

    FUZZ_SECONDS=3600 FUZZ_SEED=7 FUZZ_ENGINE=mariadb .venv/bin/pytest -n 0 tests/cluster/test_fuzz.py
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import pytest

from cluster.conftest import MakeLab
from cluster.fuzz.aftermath import Aftermath, logged_errors
from cluster.fuzz.crowd import Crowd
from cluster.fuzz.victims import Reapers, blows

SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
ENGINE = os.environ.get("FUZZ_ENGINE", "postgresql")
CLIENTS = int(os.environ.get("FUZZ_CLIENTS", "64"))
REST_SECONDS = 600

SPLIT = (("identity", "placement"), ("image", "network", "compute"))
#: Leases run out while a process hangs, and there are addresses enough for everybody.
SECTIONS = {
    "process": {"lease_seconds": 3.0},
    "cloud": {"external_cidr": "198.18.0.0/16"},
    "image": {"upload_lease_seconds": 5},
}


@pytest.mark.timeout(SECONDS + REST_SECONDS)
def test_nothing_goes_wrong_while_everything_is_killed(
    make_lab: MakeLab,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> None:
    again = f"FUZZ_SEED={SEED} FUZZ_SECONDS={SECONDS:g} FUZZ_ENGINE={ENGINE} FUZZ_CLIENTS={CLIENTS} pytest {__file__}"
    lab = make_lab(engine=ENGINE, control=2, split=SPLIT, sections=SECTIONS)
    bed = lab.bed
    aftermath = Aftermath(bed)
    before = aftermath.counts()
    crowd = Crowd(bed, SEED, CLIENTS, tmp_path_factory.mktemp("fuzz"))
    violations = crowd.tally.violations
    with Reapers(blows(lab), SEED) as reapers, crowd:
        time.sleep(SECONDS)
    violations += aftermath.abandoned()
    violations += aftermath.unfinished()
    violations += aftermath.disagreements()
    crowd.clear_up()
    violations += aftermath.unfinished()
    violations += aftermath.disagreements()
    violations += aftermath.drift()
    violations += logged_errors(bed)
    after = aftermath.counts()
    violations += [f"left over: {after - before}"] if after - before else []
    violations += [f"lost: {before - after}"] if before - after else []
    record_property("told", f"seed {SEED}: {_told(crowd, reapers, aftermath)}; {len(violations)} violations")
    assert not violations, "\n".join(
        [f"play it again: {again}", _told(crowd, reapers, aftermath), *reapers.story, *violations]
    )


def _told(crowd: Crowd, reapers: Reapers, aftermath: Aftermath) -> str:
    asked, done = _counted(crowd.tally.requests), crowd.tally.deeds.total()
    healed = _counted(aftermath.healed())
    return (
        f"{done} deeds by {len(crowd.persons)} clients ({asked}); {_counted(reapers.count)}; healed {healed}"
    )


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(found.items())) or "nothing"
