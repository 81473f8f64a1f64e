"""How many threads of a pool run at once."""

import threading
import time

import pytest

from nacre.kernel.pool import CompensatingPool, blocking

PATIENT_SECONDS = 10


@pytest.fixture
def make_pool():
    made = []

    def make(**options):
        made.append(CompensatingPool(**options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


class Standing:
    """Jobs that stand until they are let go."""

    def __init__(self, pool):
        self.pool, self.begun, self.go = pool, threading.Semaphore(0), threading.Event()

    def submit(self, count=1):
        for _ in range(count):
            self.pool.submit(self.stand)

    def stand(self):
        self.begun.release()
        assert self.go.wait(PATIENT_SECONDS)

    def have_begun(self, count, seconds=PATIENT_SECONDS):
        return all(self.begun.acquire(timeout=seconds) for _ in range(count))


@pytest.fixture
def standing(make_pool):
    made = []

    def make(**options):
        made.append(Standing(make_pool(**options)))
        return made[-1]

    yield make
    for each in made:
        each.go.set()


def test_no_more_run_than_may(standing):
    jobs = standing(runnable=2)
    jobs.submit(3)
    assert jobs.have_begun(2)
    assert not jobs.have_begun(1, seconds=0.1)
    jobs.go.set()
    assert jobs.have_begun(1)


def test_another_runs_while_one_waits(make_pool):
    pool, done = make_pool(runnable=1), threading.Event()

    def wait():
        with blocking():
            assert done.wait(PATIENT_SECONDS)

    pool.submit(wait)
    pool.submit(done.set)
    assert done.wait(PATIENT_SECONDS)


def test_short_jobs_pass_those_that_take_long(standing):
    jobs = standing(runnable=1, beside=2)
    jobs.submit(2)
    assert jobs.have_begun(2)
    passed = threading.Event()
    jobs.pool.submit(passed.set)
    assert passed.wait(PATIENT_SECONDS)


def test_so_many_may_take_long_and_no_more(standing):
    jobs = standing(runnable=1, beside=2)
    jobs.submit(4)
    assert jobs.have_begun(3)
    assert not jobs.have_begun(1, seconds=0.1)
    jobs.go.set()
    assert jobs.have_begun(1)


def test_who_took_long_counts_again_with_the_next_job(standing, make_pool):
    jobs = standing(runnable=1, beside=1)
    jobs.submit(2)
    assert jobs.have_begun(2)
    jobs.go.set()
    again = Standing(jobs.pool)
    again.submit(3)
    assert again.have_begun(2)
    assert not again.have_begun(1, seconds=0.1)
    again.go.set()
    assert again.have_begun(1)


def test_one_that_took_long_may_wait_too(make_pool):
    pool, waits, done = make_pool(runnable=1, beside=1), threading.Event(), threading.Event()

    def take_long():
        time.sleep(0.05)
        with blocking():
            waits.set()
            assert done.wait(PATIENT_SECONDS)

    pool.submit(take_long)
    pool.submit(lambda: None)  # for which the other is excused
    assert waits.wait(PATIENT_SECONDS)
    others = Standing(pool)
    others.submit(3)
    assert others.have_begun(2)
    assert not others.have_begun(1, seconds=0.1)
    done.set()
    others.go.set()
    assert others.have_begun(1)


def test_what_is_queued_is_finished_before_the_end(make_pool):
    pool, done = make_pool(runnable=1, beside=1), []
    for number in range(20):
        pool.submit(lambda number=number: done.append(number))
    pool.close()
    assert done == list(range(20))
    with pytest.raises(RuntimeError):
        pool.submit(lambda: None)
