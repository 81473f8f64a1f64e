"""How a story is broken off at a point, by one death of the whole process, and what is looked at afterwards.

Many stories break off together.  Each is a `Stage` of its own; when all of them stand still at their points the
process kills itself, and the next life must bring each to its end within some seconds: with nothing lost and nothing
left over, and, when all is deleted, with nothing at all.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import invariants
from simulated.scenarios import SCENARIOS, Scenario, Stage

SECONDS_TO_BREAK_OFF = 60
SECONDS_TO_RECOVER = 60  # on a machine with much else to do; the test says how long it took
REHEARSALS = 3
#: After so long everything takes its turn whose turn would come in half a minute, or in an hour.
SECONDS_TO_SWEEP = 3
#: A machine that was off: longer than any host may be silent, and than any step may take.
NIGHT_SECONDS = 8 * 3600


class Point(NamedTuple):
    """A scenario, and the event with which it breaks off."""

    scenario: Scenario
    event: str

    def __str__(self):
        return f"{self.scenario} until {self.event!r}"

    @property
    def within_request(self):
        """Whether the request itself broke off, of which then nothing or everything may come."""
        return self.event.split()[0] in ("POST", "PUT", "DELETE")


def at_once(function, stages):
    """Call a function for each stage, many at a time; raise the first error."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(function, stages))


def rehearse(cloud):
    """Play each scenario undisturbed; return its story."""
    stages = [Stage(cloud, scenario, scenario.title) for scenario in SCENARIOS]
    cloud.say_failed()
    at_once(Stage.prepare, stages)
    subjects = {stage: stage.subject for stage in stages}
    cloud.arm(dict.fromkeys(subjects.values(), "the end of the world"))
    at_once(Stage.act, stages)
    expect_order(cloud, stages)
    stories, _ = cloud.tell()
    clear(cloud, stages)
    return {stage.scenario: stories[subject] for stage, subject in subjects.items()}


def rehearse_all(cloud, lacking):
    """The same until nothing is lacking any more: on a crowded machine a story may pass its turning point by."""
    stories = rehearse(cloud)
    for _ in range(REHEARSALS):
        if not lacking(stories):
            break
        again = rehearse(cloud)
        stories = {
            scenario: list(dict.fromkeys([*story, *again[scenario]])) for scenario, story in stories.items()
        }
    return stories


def play(cloud, points, *, night=False):
    """Have a story break off at each of these points, all by one death.

    Return the points that were reached, and after how many seconds all was in order again.
    After a night the next life begins hours later.
    """
    stages = {Stage(cloud, point.scenario, f"{point.scenario} {n}"): point for n, point in enumerate(points)}
    cloud.kill()
    cloud.begin(crowded=True)
    before = cloud.census().names()
    cloud.say_failed()
    at_once(Stage.prepare, stages)
    began = {stage: stage.look(cloud.census()) for stage in stages}
    cloud.arm({stage.subject: point.event for stage, point in stages.items()})
    struck = _die(cloud, stages)
    cloud.begin(later_seconds=NIGHT_SECONDS if night else 0)
    seconds = expect_order(
        cloud,
        stages,
        lambda stage, census: stages[stage].within_request and stage.look(census) == began[stage],
    )
    clear(cloud, stages)
    after = cloud.census().names()
    assert after == before, f"left over: {after - before}, lost: {before - after}"
    return {point for stage, point in stages.items() if stage.named(struck)}, seconds


def _die(cloud, stages):
    """Act, wait until every story has broken off or ended, and die; return the subjects whose story broke off."""
    deadline = time.monotonic() + SECONDS_TO_BREAK_OFF
    with ThreadPoolExecutor(len(stages)) as pool:
        acts = {stage: pool.submit(stage.act) for stage in stages}
        while (told := cloud.tell()) is not None:
            left = [stage for stage in stages if not stage.named(told[1])]
            if all(acts[stage].done() for stage in left):
                at_work = subjects_of(cloud.jobs())
                if not any(stage.named(at_work) for stage in left):
                    break
            if time.monotonic() > deadline:
                cloud.keep_stacks()
                cloud.kill()
                raise AssertionError(f"no end came to {[str(stages[stage]) for stage in left]}")
            time.sleep(0.05)
        if told is not None and (told := cloud.tell()) is not None:  # of some, the last was noted meanwhile
            cloud.kill()
            return told[1]
    return {stage.subject for stage in stages}


def subjects_of(jobs):
    """Return the ids of what is being worked on."""
    return {(job.resource or "").partition("/")[2] for _, job in jobs}


def expect_order(
    cloud,
    stages,
    may_be_as_before=lambda stage, census: False,
    *,
    sweeps=True,
    within_seconds=SECONDS_TO_RECOVER,
):
    """Wait until everything is as it should be; return the seconds, or fail with what never was.

    Unless it `sweeps`, nobody takes his turn before it comes.
    """
    begun = swept = time.monotonic()
    while True:
        census = cloud.census()
        wrong = list(invariants.problems(census))
        for stage in stages:
            trouble = stage.scenario.comes_true(stage, census)
            if trouble and not may_be_as_before(stage, census):
                wrong.append(f"{stage.name}: {trouble}")
        if not wrong:
            return time.monotonic() - begun
        assert time.monotonic() < begun + within_seconds, "\n".join(wrong)
        if sweeps and time.monotonic() > swept + SECONDS_TO_SWEEP:
            swept = time.monotonic()
            cloud.sweep()
        time.sleep(0.1)


def clear(cloud, stages):
    """Delete all that was made, and see that it is gone; the host that failed is back by then."""
    cloud.say_failed(False)
    at_once(Stage.clear, stages)
    deadline = time.monotonic() + SECONDS_TO_RECOVER
    while cloud.jobs():
        assert time.monotonic() < deadline, "deleting takes too long: " + "\n".join(
            invariants.problems(cloud.census())
        )
        time.sleep(0.05)
    at_once(Stage.clear_ports, stages)
    expect_order(cloud, ())


def warm_up(cloud):
    """Have a server come and go, so that the network has what it keeps from then on."""
    stage = Stage(cloud, SCENARIOS[0], "warm-up")
    stage.create()
    stage.wait("ACTIVE")
    clear(cloud, [stage])
