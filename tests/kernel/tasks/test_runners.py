"""Several workers at one table of jobs: each job is one worker's at a time, and none is forgotten."""

import os
import threading
import time
from collections import Counter

import pytest

from nacre.kernel import tasks
from nacre.kernel.db import Database
from nacre.kernel.errors import Unavailable
from nacre.kernel.tasks import Crew, JobState, Pace, Reconciler, Report, Wait, Workflow

from .town import BUILD, Plan, Town, add_part

PATIENT = 20.0


def eventually(holds, what="it") -> None:
    """Wait until something holds; fail only when it does not for very long."""
    deadline = time.monotonic() + PATIENT
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came about"
        time.sleep(0.005)


def away(self, writes, still):
    """Stand in for `Database._begin` while there is no database."""
    raise Unavailable("away")


def test_two_processes_share_the_work(make_town):
    """Forty jobs of ten resources, two processes with threads: nothing twice, nothing side by side."""
    inside: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    troubles: list[str] = []
    lock = threading.Lock()
    flow = Workflow("flow", input=Plan)

    def step(name: str):
        def work(ctx, run):
            house = run.resource[1]
            with lock:
                inside[house] += 1
                calls[run.input.house_id, name] += 1
                if inside[house] > 1:
                    troubles.append(f"two at {house}")
            time.sleep(0.001)
            with lock:
                inside[house] -= 1
            return Wait(0.01, "a moment") if calls[run.input.house_id, name] == 1 and name == "b" else None

        work.__name__ = name
        flow.step()(work)

    for name in "abc":
        step(name)
    one, two = make_town(), make_town()
    for town in (one, two):
        town.runner([flow], threads=4, look_every_seconds=0.1).start()
    ids = []

    def start(town: Town, thread: int) -> None:
        for n in range(10):
            plan, resource = Plan(f"{thread}-{n}"), ("house", str(n))
            ids.append(town.db.run(tasks.start, flow, plan, resource=resource))

    starters = [threading.Thread(target=start, args=(town, n)) for n, town in enumerate((one, two, one, two))]
    for thread in starters:
        thread.start()
    for thread in starters:
        thread.join()
    eventually(lambda: all(one.job(each).state is JobState.DONE for each in ids))
    assert troubles == []
    assert len(calls) == 40 * 3
    assert {name: {calls[key] for key in calls if key[1] == name} for name in "abc"} == {
        "a": {1},
        "b": {2},
        "c": {1},
    }


def test_a_job_started_elsewhere_is_found_without_being_told(make_town):
    here, there = make_town(), make_town()
    there.runner(look_every_seconds=0.05).start()
    job_id = here.build("h")
    eventually(lambda: here.job(job_id).state is JobState.DONE)


def test_who_slept_through_the_end_of_the_lease_can_write_no_more(make_town):
    """The first worker stalls; the second takes over and finishes; the first's result is refused."""
    slow, quick = make_town(), make_town()
    stalled, go_on = threading.Event(), threading.Event()
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def step(ctx, run):
        if ctx.db is slow.db:
            stalled.set()
            go_on.wait(PATIENT)
        return "slow" if ctx.db is slow.db else "quick"

    job_id = slow.build("h", flow)
    runner = slow.runner([flow])
    thread = threading.Thread(target=runner.run_due)
    thread.start()
    assert stalled.wait(PATIENT)
    quick.runner([flow]).run_due()
    assert slow.job(job_id).state is JobState.RUNNING
    quick.clock.turn(seconds=120)
    quick.runners[0].run_due()
    go_on.set()
    thread.join()
    job = slow.job(job_id)
    assert job.state is JobState.DONE
    assert [(r.result, r.attempts) for r in job.history] == [("quick", 2)]


def test_the_lease_of_a_long_step_is_renewed(town):
    other = Town(str(town.db.url))
    flow = Workflow("flow", input=Plan)
    calls = []

    @flow.step()
    def step(ctx, run):
        calls.append(run.attempt)
        time.sleep(2.0)

    for each in (town, other):
        each.runner([flow], crew=Crew(lease_seconds=1.5), look_every_seconds=0.05).start()
    job_id = town.build("h", flow)
    eventually(lambda: town.job(job_id).state is JobState.DONE)
    other.close()
    assert calls == [1]


def test_a_process_takes_over_from_its_former_self_at_once_but_not_from_a_living_one(town):
    entered, leave = threading.Event(), threading.Event()
    flow = Workflow("flow", input=Plan)
    calls = []

    @flow.step()
    def step(ctx, run):
        calls.append(run.attempt)
        if run.attempt == 1:
            entered.set()
            leave.wait(PATIENT)

    first = town.runner([flow], owner="host:/state")
    job_id = town.build("h", flow)
    thread = threading.Thread(target=first.run_due)
    thread.start()
    assert entered.wait(PATIENT)
    living = town.runner([flow], owner="host:/state")
    living.run_due()
    assert calls == [1]
    assert first._lock is not None
    os.close(first._lock)  # what the kernel does when a process dies
    first._lock = None
    town.runner([flow], owner="somebody else").run_due()
    assert calls == [1]
    town.runners[-1].stop()
    town.runner([flow], owner="host:/state").run_due()
    assert calls == [1, 2]
    leave.set()
    thread.join()
    assert town.job(job_id).state is JobState.DONE


def test_a_stopped_runner_puts_its_jobs_back_after_the_step(town):
    entered, leave = threading.Event(), threading.Event()
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def first(ctx, run):
        entered.set()
        leave.wait(PATIENT)
        return "kept"

    @flow.step()
    def second(ctx, run):
        return run.result(first)

    job_id = town.build("h", flow)
    runner = town.runner([flow])
    runner.start()
    assert entered.wait(PATIENT)
    stopping = threading.Thread(target=runner.stop)
    stopping.start()
    eventually(lambda: runner._stopping)
    leave.set()
    stopping.join()
    job = town.job(job_id)
    assert (job.state, job.step, job.owner) == (JobState.QUEUED, "second", None)
    town.runner([flow]).run_due()
    assert [record.result for record in town.job(job_id).history] == ["kept", "kept"]


def test_a_step_that_does_not_end_is_handed_over(town):
    """Who stops waits for a while, and then lets another have the job at once, not when the lease ends."""
    entered, leave = threading.Event(), threading.Event()
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def step(ctx, run):
        if run.attempt == 1:
            entered.set()
            leave.wait(PATIENT)
            return "too late"
        return "by another"

    job_id = town.build("h", flow)
    runner = town.runner([flow], owner="one")
    runner.start()
    assert entered.wait(PATIENT)
    runner.stop(timeout_seconds=0.05)
    town.runner([flow], owner="two").run_due()
    leave.set()
    eventually(lambda: not runner._held)
    job = town.job(job_id)
    assert job.state is JobState.DONE
    assert [record.result for record in job.history] == ["by another"]


def test_more_jobs_than_workers_all_get_their_turn(town):
    runner = town.runner(threads=2)
    ids = [town.build(f"h{n}") for n in range(30)]
    runner.start()
    eventually(lambda: all(town.job(each).state is JobState.DONE for each in ids))


def test_one_crew_works_for_many_services(tmp_path):
    crew = Crew(jobs_at_once=3)
    towns = [Town(f"sqlite:///{tmp_path}/{n}.db") for n in range(5)]
    for town in towns:
        town.runner(crew=crew).start()
    ids = [(town, town.build(f"h{n}")) for n in range(6) for town in towns]
    eventually(lambda: all(town.job(each).state is JobState.DONE for town, each in ids))
    for town in towns:
        town.close()
    crew.close()


def test_a_database_that_was_away_is_looked_at_again(town, monkeypatch):
    runner = town.runner(look_every_seconds=0.05)
    runner.start()
    connect = Database._begin

    monkeypatch.setattr(Database, "_begin", away)
    runner.wake()
    time.sleep(0.2)
    monkeypatch.setattr(Database, "_begin", connect)
    job_id = town.build("h", BUILD)
    eventually(lambda: town.job(job_id).state is JobState.DONE)


def test_a_job_that_could_not_be_noted_goes_on_as_soon_as_the_database_is_back(town, monkeypatch):
    flow = Workflow("flow", input=Plan)
    attempts, connect = [], Database._begin

    @flow.step()
    def step(ctx, run):
        attempts.append(run.attempt)
        if len(attempts) == 1:
            monkeypatch.setattr(Database, "_begin", away)

    runner = town.runner([flow], crew=Crew(lease_seconds=3600), look_every_seconds=0.05)
    runner.start()
    job_id = town.build("h", flow)
    eventually(lambda: runner._unnoted)
    monkeypatch.setattr(Database, "_begin", connect)
    eventually(lambda: town.job(job_id).state is JobState.DONE)
    assert attempts == [1, 2]


def test_a_step_that_could_not_be_noted_is_undone_when_the_job_is_called_off(town, monkeypatch):
    """What it did before the database went away is there, although nothing says so."""
    flow, done, connect = Workflow("flow", input=Plan), [], Database._begin

    @flow.step(undo=lambda ctx, run: done.append("undone"))
    def step(ctx, run):
        done.append("done")
        monkeypatch.setattr(Database, "_begin", away)

    runner = town.runner([flow], crew=Crew(lease_seconds=3600), look_every_seconds=3600)
    runner.start()
    job_id = town.build("h", flow)
    eventually(lambda: runner._unnoted)
    monkeypatch.setattr(Database, "_begin", connect)
    town.db.run(tasks.cancel, ("house", "h"))
    eventually(lambda: town.job(job_id).state is JobState.CANCELLED)
    assert done == ["done", "undone"]


def test_who_wakes_up_late_writes_nothing_and_puts_right_what_it_did_elsewhere(make_town):
    """A worker hung in a step; meanwhile another took the job over and undid it."""
    flow, elsewhere, looks = Workflow("flow", input=Plan), set(), []
    asleep, awake = threading.Event(), threading.Event()

    @flow.step(undo=lambda ctx, run: elsewhere.clear())
    def step(ctx, run):
        asleep.set()
        assert awake.wait(PATIENT)
        elsewhere.add(run.input.house_id)
        add_part(ctx, run.input.house_id, "late")
        elsewhere.add("what comes after")

    @flow.on_loss
    def look(ctx, run):
        looks.append(run.job.id)
        if len(looks) == 1:
            raise Unavailable("elsewhere is away")
        assert town.job(run.job.id).state is JobState.CANCELLED
        elsewhere.remove(run.input.house_id)

    town, other = make_town(), make_town()
    town.runner([flow], crew=Crew(lease_seconds=3600), look_every_seconds=0.05).start()
    job_id = town.build("h", flow)
    assert asleep.wait(PATIENT)
    town.db.run(tasks.cancel, ("house", "h"))
    other.clock.turn(seconds=3601)
    other.runner([flow]).run_due()
    assert town.job(job_id).state is JobState.CANCELLED
    assert looks == []
    awake.set()
    eventually(lambda: len(looks) == 2)
    eventually(lambda: not elsewhere)
    assert town.parts("h") == set()


class TestReconcilers:
    def test_turns(self, town):
        reports = iter([Report(found=3, healed=2, left=1, notes=("one is odd",)), None])
        turns = []

        def sync(ctx):
            turns.append(ctx.request_id)
            report = next(reports, "broken")
            if report == "broken":
                raise ZeroDivisionError
            return report

        runner = town.runner(reconcilers=[Reconciler("sync", 60, sync)])
        runner.run_due()
        (job,) = town.db.read(tasks.jobs.for_resource, ("reconciler", "sync"))
        assert (job.state, job.waits_for) == (JobState.WAITING, "its next turn")
        assert job.report == Report(found=3, healed=2, left=1, notes=("one is odd",))
        assert runner.run_due() == 0
        town.clock.turn(seconds=61)
        runner.run_due()
        assert town.job(job.id).report == Report()
        for failures in (1, 2):
            town.clock.turn(seconds=61)
            runner.run_due()
            assert town.job(job.id).attempts == failures
            assert "ZeroDivisionError" in (town.job(job.id).error or "")
        assert len(turns) == 4
        town.db.run(tasks.wake, kind="sync")
        assert runner.run_due() == 1

    def test_one_turn_at_a_time_and_one_row(self, make_town):
        inside = []
        most = []

        def sync(ctx):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.005)
            inside.pop()

        towns = [make_town(), make_town()]
        for town in towns:
            town.runner(
                reconcilers=[Reconciler("sync", 0.001, sync)], threads=3, look_every_seconds=0.01
            ).start()
        eventually(lambda: len(most) >= 20)
        for town in towns:
            town.close()
        assert set(most) == {1}

    @pytest.mark.parametrize("end", [Report(found=1, left=1), Unavailable("not now")], ids=["left", "failed"])
    def test_a_reconciler_that_left_something_may_come_sooner(self, town, end):
        ends = [end, Report(found=1, healed=1), Report()]

        def sync(ctx):
            end = ends.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

        runner = town.runner(reconcilers=[Reconciler("sync", 60, sync, while_left_seconds=5)])
        runner.run_due()
        town.clock.turn(seconds=5)
        assert runner.run_due() == 1
        town.clock.turn(seconds=5)
        assert runner.run_due() == 0
        town.clock.turn(seconds=56)
        assert runner.run_due() == 1

    def test_a_reconciler_that_became_more_frequent_does_not_sleep_out_its_old_turn(self, town):
        turns = []
        town.runner(reconcilers=[Reconciler("sync", 86400, turns.append)]).run_due()
        town.runner(reconcilers=[Reconciler("sync", 60, turns.append)]).run_due()
        town.clock.turn(seconds=61)
        town.runners[-1].run_due()
        assert len(turns) == 2

    def test_everybody_takes_a_turn_after_an_outage(self, town):
        """What would have told of changes may have been lost meanwhile."""
        turns, outages = [], [0]
        syncs = [Reconciler(name, 60, turns.append) for name in ("sync", "other_sync")]
        runner = town.runner(reconcilers=syncs, outages=lambda: sum(outages))
        runner.run_due()
        assert len(turns) == 2
        runner.run_due()
        assert len(turns) == 2
        outages.append(1)
        runner.run_due()
        assert len(turns) == 4
        runner.run_due()
        assert len(turns) == 4

    def test_nothing_waits_to_be_tried_again_after_an_outage(self, town):
        flow, tried, outages = Workflow("flow", input=Plan), [], [0]

        @flow.step()
        def reach(ctx, run):
            tried.append(run)
            if len(tried) < 4:
                raise Unavailable

        slow = Pace(first_pause_seconds=3000, longest_pause_seconds=3000)
        runner = town.runner([flow], pace=slow, outages=lambda: sum(outages))
        job_id = town.db.run(tasks.start, flow, Plan("1"), resource=("house", "1"))
        runner.run_due()
        assert (len(tried), town.job(job_id).state) == (1, JobState.RETRYING)
        outages.append(1)
        runner.run_due()
        assert len(tried) == 2
        runner.run_due()
        assert len(tried) == 2
        outages.append(1)
        runner.run_due()
        outages.append(1)
        runner.run_due()
        assert town.job(job_id).state is JobState.DONE


def test_pauses_grow_and_are_bounded():
    pace = Pace(first_pause_seconds=1, longest_pause_seconds=60)
    assert 0.5 <= pace.pause(1).total_seconds() <= 1
    assert 4 <= pace.pause(4).total_seconds() <= 8
    assert 30 <= pace.pause(10_000).total_seconds() <= 60


def test_kinds_have_different_names(town):
    with pytest.raises(ValueError, match="same name"):
        town.runner([BUILD, BUILD])


def test_a_workflow_without_steps_is_refused_rather_than_done(town):
    empty = Workflow("empty", input=Plan)
    with pytest.raises(RuntimeError, match="no steps"):
        town.runner([empty])
    with pytest.raises(RuntimeError, match="no steps"):
        town.build("h", empty)
