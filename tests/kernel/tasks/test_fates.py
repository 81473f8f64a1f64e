"""Whatever befalls a job, call by call: it ends, and either all of its work is there or none."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.kernel import tasks
from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.tasks import JobState, Runner, Wait
from nacre.kernel.testing.workflows import Killed

from .town import BUILD, Town

FATES = [
    "works",
    "outage",
    "late outage",
    "refusal",
    "bug",
    "wait",
    "killed",
    "late killed",
    "cancel",
    "cancel killed",
]
FUNCTIONS = ["ground", "walls", "roof", "dig_away", "pull_down", "uncover", "leave_ruin", "leave_lawn"]
UNDOING = FUNCTIONS[3:]


def script(name: str) -> st.SearchStrategy[list[str]]:
    """What befalls a function, call by call; undos do not refuse, for then something is left, nor wait."""
    never = ("refusal", "wait") if name in UNDOING else ()
    return st.lists(st.sampled_from([fate for fate in FATES if fate not in never]), max_size=4)


class Theatre(Runner):
    """A runner whose every call meets the next fate on the list, and works when the list is empty."""

    fates: dict[str, Iterator[str]]

    def call(self, function, *args):
        name = function.__name__
        fate = next(self.fates.get(name, iter(())), "works")
        if fate.startswith("cancel"):
            self.db.run(tasks.cancel, ("house", "h"))
        elif fate == "refusal":
            raise Conflict("refused")
        elif fate == "bug":
            raise ZeroDivisionError
        elif fate == "outage":
            raise Unavailable("away")
        elif fate == "killed":
            raise Killed
        outcome = function(*args)
        if fate == "late outage":
            raise ConnectionResetError
        if fate in ("late killed", "cancel killed"):
            raise Killed
        return Wait(60, "news") if fate == "wait" else outcome


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("fates"), count()


@settings(max_examples=60, deadline=None)
@given(fates=st.fixed_dictionaries({name: script(name) for name in FUNCTIONS}))
def test_all_or_nothing(directory, fates):
    path, numbers = directory
    town = Town(f"sqlite:///{path}/{next(numbers)}.db")
    scripts = defaultdict(lambda: iter(()), {name: iter(list_) for name, list_ in fates.items()})

    def stage() -> Theatre:
        made = Theatre(town.db, workflows=[BUILD], make_context=town.context)
        made.fates = scripts
        return made

    runner = stage()
    job_id = town.build("h")
    for _ in range(60):
        try:
            runner.run_due()
        except Killed:
            runner.stop()
            runner = stage()
        town.clock.turn(seconds=120)
    runner.stop()
    job = town.job(job_id)
    expected = {
        JobState.DONE: ({"ground", "walls", "roof"}, "built"),
        JobState.FAILED: (set(), "error: "),
        JobState.CANCELLED: (set(), "cancelled"),
    }
    assert job.state in expected, f"{job} never ended"
    parts, state = expected[job.state]
    assert town.parts("h") == parts
    assert (town.state("h") or "").startswith(state)
    town.close()
