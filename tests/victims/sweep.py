"""How one part of a running cloud dies in the middle of many stories, and comes back.

Each story stands still at a point of its own, in whichever process that point lies.  Then the victim is killed, and
the stories go on without it, until it comes back; from then on everything must be in order within some seconds, by
what the cloud does of itself.
"""

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from simulated.scenarios import Stage
from simulated.sweep import Point, at_once, clear, expect_order, subjects_of
from victims.part import API
from victims.parts import HOSTS

#: How long a part is away at least; what needs it finds that out meanwhile.
AWAY_SECONDS = 1.0


#: For a machine with much else to do; on a quiet one it is within ten, and the test says how long it took.
SECONDS_TO_RECOVER = 30
SECONDS_TO_BREAK_OFF = 300


class Victim(StrEnum):
    """Who dies."""

    AGENT = "agent"
    API = "api"
    BROKER = "broker"
    DATABASE = "database"

    def die(self, cloud):
        """kill -9."""
        match self:
            case Victim.AGENT:
                cloud.kill(*HOSTS)
            case Victim.API:
                cloud.kill(API)
            case Victim.BROKER:
                cloud.broker.kill()
            case Victim.DATABASE:
                cloud.server.kill()

    def come_back(self, cloud):
        """Start again; returns once it is of use."""
        match self:
            case Victim.AGENT:
                cloud.start(*HOSTS)
            case Victim.API:
                cloud.start(API)
            case Victim.BROKER:
                cloud.broker.start()
            case Victim.DATABASE:
                cloud.server.start()


def place(event):
    """Return where in a story an event is: a step, a request, a host's verb."""
    if event.startswith("host:"):
        return " ".join(event.split()[:2]).removesuffix("_server")
    if ":" in event:
        return event.partition(":")[0]
    return event.split()[0]


def points_of(stories, victim):
    """Return a point at each place of each workflow, request and host; each victim has another one there."""
    first = {}
    for scenario, story in stories.items():
        for event in story:
            first.setdefault(event, Point(scenario, event))
    places = defaultdict(list)
    for event, point in first.items():
        places[place(event)].append(point)
    turn = list(Victim).index(victim)
    return [points[turn * len(points) // len(Victim)] for points in places.values()]


def play(cloud, victim, points):
    """Have the victim die while a story stands still at each of these points.

    Return the points that were reached, and after how many seconds all was in order again.
    """
    stages = {Stage(cloud, point.scenario, f"{point.scenario} {n}"): point for n, point in enumerate(points)}
    before = cloud.census().names()
    cloud.say_failed()
    at_once(Stage.prepare, stages)
    began = cloud.census()
    began = {stage: stage.look(began) for stage in stages}
    cloud.arm({stage.subject: point.event for stage, point in stages.items()})
    with ThreadPoolExecutor(len(stages)) as pool:
        acts = {stage: pool.submit(stage.act) for stage in stages}
        try:
            struck = _until_all_stand_still(cloud, stages, acts)
        finally:
            victim.die(cloud)
            cloud.release()
            time.sleep(AWAY_SECONDS)
            victim.come_back(cloud)
        for act in acts.values():
            act.result()
    seconds = expect_order(
        cloud,
        stages,
        lambda stage, census: stages[stage].within_request and stage.look(census) == began[stage],
        sweeps=False,
        within_seconds=SECONDS_TO_RECOVER,
    )
    clear(cloud, stages)
    after = cloud.census().names()
    assert after == before, f"left over: {after - before}, lost: {before - after}"
    return {point for stage, point in stages.items() if stage.named(struck)}, seconds


def _until_all_stand_still(cloud, stages, acts):
    """Return the subjects that have met their fate, once every other story has ended."""
    deadline = time.monotonic() + SECONDS_TO_BREAK_OFF
    while True:
        _, struck = cloud.tell()
        left = [stage for stage in stages if not stage.named(struck)]
        if all(acts[stage].done() for stage in left):
            at_work = subjects_of(cloud.jobs())
            if not any(stage.named(at_work) for stage in left):
                return cloud.tell()[1]
        if time.monotonic() > deadline:
            cloud.keep_stacks()
            at_work = [
                f"{job.kind} of {job.resource} at {job.step}: {job.waits_for or job.error or job.state}"
                for _, job in cloud.jobs()
            ]
            lost = [str(stages[stage]) for stage in left]
            raise AssertionError(f"no end came to {lost}, while there is {at_work}")
        time.sleep(0.1)
