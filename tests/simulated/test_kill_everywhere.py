"""kill -9 at every step of everything: a cloud that starts again puts right whatever was left half done.

First each scenario is played undisturbed, which tells its story: an event after each request, transaction,
message, step, undo and note, and each doing of a host.  Then every event of every story becomes the last one of some
server or image.  The next life begins at once, or after a night.

Workflows, steps and undos are counted from their declarations: one without a scenario fails by its name.
"""

import contextlib
import os
import re

import pytest

from nacre.services import manifests
from simulated.lives import Lives
from simulated.sweep import Point, play, rehearse_all, warm_up

#: How many stories break off with one death.
TOGETHER = 32


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    """Clouds that die; the next one is needed when one has been left in disorder."""
    with contextlib.ExitStack() as stack:

        def another():
            lives = Lives(tmp_path_factory.mktemp("mortal") / "state")
            stack.callback(lives.close)
            lives.begin()
            lives.raise_quotas()
            warm_up(lives)
            return lives

        yield another


def test_a_death_at_every_point(clouds, record_property):
    cloud = clouds()
    stories = rehearse_all(cloud, lacking)
    assert not lacking(stories)
    points = chosen(stories)
    reached, failures, slowest = set(), [], 0.0
    for n in range(0, len(points), TOGETHER):
        try:
            struck, seconds = play(cloud, points[n : n + TOGETHER], night=n // TOGETHER % 2 == 1)
            reached, slowest = reached | struck, max(seconds, slowest)
        except Exception as error:  # noqa: BLE001 - the other points are to be heard too
            failures.append(f"{error}\namong {[str(point) for point in points[n : n + TOGETHER]]}")
            cloud = clouds()
    told = f"{len(reached)} deaths in {len(stories)} stories of {len(steps())} steps, undos and last words"
    record_property("told", f"{told}; all in order within {slowest:.1f} s of the next start")
    assert not failures, "\n\n".join(failures)
    missed = [str(point) for point in points if point not in reached and " noted" in point.event]
    assert not missed, f"their stories went another way: {missed}"


def chosen(stories):
    """Return the points to be played: each event in the first story that has it, what hosts do in every one.

    POINTS is for whoever looks for more: a regular expression ("." for all that there are).
    """
    points = [Point(scenario, event) for scenario, story in stories.items() for event in story]
    if wanted := os.environ.get("POINTS"):
        return [point for point in points if re.search(wanted, str(point))]
    first = {point.event: point for point in reversed(points)}
    return [point for point in points if first[point.event] is point or point.event.startswith("host:")]


def steps():
    """Return the event that must occur in some story for each step, undo and last word of each workflow."""
    found = set()
    for manifest in manifests():
        for workflow in manifest.workflows:
            last_words = [workflow.failure, workflow.cancellation]
            called = [*(step.undo for step in workflow.steps), *last_words]
            found |= {f"{workflow.name}.{step.name} noted" for step in workflow.steps}
            found |= {f"{workflow.name}.{each.__name__} worked" for each in called if each is not None}
    return found


def lacking(stories):
    """Return the steps that no scenario (scenarios.py) takes."""
    told = {event for story in stories.values() for event in story}
    return sorted(steps() - told)
