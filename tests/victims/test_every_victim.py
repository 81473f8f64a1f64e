"""kill -9 of a host's agents, of the API, of the broker and of the database, in the middle of everything.

The scenarios and their steps are those of simulated/test_kill_everywhere.py, where all of a cloud dies at once.  Here a
cloud is many processes, on a real broker and a real database: while one is killed and comes back, the others go on.

Workflows, steps and undos are counted from their declarations: one without a scenario fails by its name.
"""

import pytest

from simulated.sweep import rehearse_all, warm_up
from simulated.test_kill_everywhere import lacking, steps
from victims.parts import Parts
from victims.sweep import Victim, play, points_of

#: In how many stories a part is missed at the same time.
TOGETHER = 64


@pytest.fixture(scope="module")
def make_cloud(tmp_path_factory, broker):
    """Make a cloud on a database server; all of them end after the file's tests."""
    made = []

    def make(server):
        cloud = Parts(tmp_path_factory.mktemp("parts"), broker, server)
        made.append(cloud)
        cloud.begin()
        cloud.raise_quotas()
        warm_up(cloud)
        return cloud

    yield make
    for cloud in made:
        cloud.close()


@pytest.fixture(scope="module")
def cloud(make_cloud, postgresql):
    return make_cloud(postgresql)


@pytest.fixture(scope="module")
def stories(cloud):
    """What happens in each scenario when nobody dies."""
    stories = rehearse_all(cloud, lacking)
    assert not lacking(stories)
    return stories


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("victim", Victim)
def test_a_death_in_the_middle_of_everything(cloud, stories, victim, record_property):
    points = points_of(stories, victim)
    reached, slowest = set(), 0.0
    for n in range(0, len(points), TOGETHER):
        struck, seconds = play(cloud, victim, points[n : n + TOGETHER])
        reached, slowest = reached | struck, max(seconds, slowest)
    expect_most(points, reached)
    record_property(
        "told",
        f"{victim}: missed at {len(reached)} points of {len(stories)} stories of {len(steps())} steps, undos and last "
        f"words; all in order within {slowest:.1f} s of its return",
    )


def expect_most(points, reached):
    """Some stories go another way now and then: a step that waited the first time need not wait the second."""
    missed = [str(point) for point in points if point not in reached]
    assert len(missed) <= len(points) // 10, f"their stories went another way: {missed}"


@pytest.mark.timeout(1800)
def test_mariadb_dies_too(make_cloud, mariadb, stories, record_property):
    points = points_of(stories, Victim.DATABASE)[::4]
    reached, seconds = play(make_cloud(mariadb), Victim.DATABASE, points)
    expect_most(points, reached)
    record_property("told", f"MariaDB: missed at {len(reached)} points; all in order within {seconds:.1f} s")
