"""Puts obstacles in the way of steps, in the stories that are about that and in whichever life.

A step is refused however often it is tried, or meets an outage that passes.
"""

import re

from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.tasks import Runner
from nacre.services.compute.db import servers
from nacre.services.image.db import images
from simulated.scenarios import SCENARIOS

FIND = {
    "server": lambda tx, id: servers.find(tx, id, deleted=True),
    "backups": lambda tx, id: servers.find(tx, id, deleted=True),
    "image": images.find_any,
}
SCENARIO = {scenario.title: scenario for scenario in SCENARIOS}
PLACES = {place for scenario in SCENARIOS for place in (scenario.refused, scenario.put_off) if place}
TRIES_PUT_OFF = 2


def put_up():
    """Put ourselves between all runners of this process and the steps."""
    work = Runner.call

    def call(runner, function, *args):
        run = args[1] if len(args) > 1 else None
        if run is not None:
            place = f"{run.job.kind}.{function.__name__}"
            scenario = _scenario(runner.db, *run.resource) if place in PLACES else None
            if scenario is not None and scenario.refused == place:
                raise Conflict("This is refused by the test.")
            if scenario is not None and scenario.put_off == place and run.attempt <= TRIES_PUT_OFF:
                raise Unavailable("The test has an outage here.")
        return work(runner, function, *args)

    Runner.call = call


def _scenario(database, type, id):
    """Return the scenario in which a resource occurs; its name is the title and a number."""
    row = database.read(FIND[type], id)
    return SCENARIO.get(re.sub(r" \d+$", "", row.name)) if row is not None else None
