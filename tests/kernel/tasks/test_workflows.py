"""One job's way: forward, waiting, through outages, back."""

import subprocess
from datetime import timedelta

import pytest
from sqlalchemy import select

from nacre.kernel import tasks
from nacre.kernel.db import Page
from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.tasks import Finish, JobState, Pace, Run, Wait, Workflow
from nacre.kernel.tasks.tables import jobs

from .town import BUILD, Plan, Town, add_part, houses, remove_part


def workflow(**options) -> tuple[Workflow[Plan], list[str]]:
    """Return a workflow that digs, and the diary of what its functions did."""
    diary: list[str] = []
    flow = Workflow("flow", input=Plan, **options)

    def fill(ctx, run):
        diary.append("fill")
        remove_part(ctx, run.input.house_id, "hole")

    @flow.step(undo=fill)
    def dig(ctx, run):
        diary.append("dig")
        add_part(ctx, run.input.house_id, "hole")

    @flow.on_failure
    def failed(ctx, run, failure):
        diary.append(f"failed: {failure.step}: {failure.kind}: {failure.message}")

    @flow.on_cancel
    def called_off(ctx, run):
        diary.append("called off")

    return flow, diary


def play(town: Town, flow: Workflow[Plan], *, rounds: int = 1) -> tasks.Job:
    """Run a new job of a workflow, turning the clock by a minute between the rounds."""
    runner = town.runner([flow], pace=Pace())
    job_id = town.build("h", flow)
    for number in range(rounds):
        if number:
            town.clock.turn(seconds=60)
        runner.run_due()
    return town.job(job_id)


def test_a_house_is_built(town):
    runner = town.runner()
    job_id = town.build("h")
    queued = town.job(job_id)
    assert (queued.state, queued.step, queued.resource) == (JobState.QUEUED, "ground", "house/h")
    assert (queued.request_id, queued.user_id, queued.project_id) == ("req-1", "user", "project")
    runner.run_due()
    job = town.job(job_id)
    assert job.state is JobState.DONE
    assert [record.step for record in job.history] == ["ground", "walls", "roof"]
    assert job.history[1].result == {"height": 3}
    assert all(r.ended_at is not None and r.ended_at >= r.started_at for r in job.history)
    assert town.parts("h") == {"ground", "walls", "roof"}
    assert town.state("h") == "built"


def test_a_wait_holds_nothing_and_ends_when_woken(town):
    flow, _ = workflow()
    answers = iter([Wait(3600, "paint"), Wait(3600, "dry weather"), {"colour": "red"}])
    attempts = []

    @flow.step()
    def paint(ctx, run):
        attempts.append(run.attempt)
        return next(answers)

    job = play(town, flow)
    assert (job.state, job.waits_for, job.owner) == (JobState.WAITING, "paint", None)
    assert town.runners[0].run_due() == 0
    assert tasks.wake(type("Ctx", (), {"db": town.db}), resource=("house", "h")) == 1
    assert town.runners[0].run_due() == 1
    assert town.job(job.id).waits_for == "dry weather"
    town.clock.turn(seconds=3601)
    town.runners[0].run_due()
    assert town.job(job.id).state is JobState.DONE
    assert attempts == [1, 1, 1], "to be woken is no new try"


def test_news_that_comes_while_the_step_runs_is_not_slept_over(town):
    """The step looks, the news comes, the step says Wait: it must be called again at once."""
    flow, _ = workflow()
    news = []

    @flow.step()
    def listen(ctx, run):
        if news:
            return None
        news.append("comes right after we looked")
        tasks.wake(ctx, resource=run.resource)
        return Wait(3600, "news")

    assert play(town, flow).state is JobState.DONE


@pytest.mark.parametrize(
    "outage",
    [Unavailable("away"), ConnectionRefusedError(), TimeoutError(), subprocess.TimeoutExpired("x", 1)],
)
def test_an_outage_is_borne(town, outage):
    flow, diary = workflow()
    outages = [outage, outage]

    @flow.step()
    def call(ctx, run):
        diary.append(f"call {run.attempt}")
        if outages:
            raise outages.pop()

    job = play(town, flow)
    assert job.state is JobState.RETRYING
    assert job.error is not None
    assert type(outage).__name__ in job.error
    for _ in range(2):
        town.clock.turn(seconds=60)
        town.runners[0].run_due()
    job = town.job(job.id)
    assert job.state is JobState.DONE
    assert job.error is None
    assert job.history[-1].attempts == 3
    assert diary == ["dig", "call 1", "call 2", "call 3"]


def test_patience_has_an_end_and_undo_has_none(town):
    flow, diary = workflow(patience_seconds=100)
    undo_outages = [Unavailable("still away")] * 20

    def put_down(ctx, run):
        if undo_outages:
            raise undo_outages.pop()
        diary.append("put down")

    @flow.step(undo=put_down)
    def lift(ctx, run):
        raise Unavailable("no crane")

    job = play(town, flow, rounds=3)
    assert job.state is JobState.RETRYING
    assert job.ending is JobState.FAILED
    for _ in range(25):
        town.clock.turn(seconds=60)
        town.runners[0].run_due()
    job = town.job(job.id)
    assert job.state is JobState.FAILED
    assert job.error == "Unavailable: no crane"
    assert diary == ["dig", "put down", "fill", "failed: lift: Unavailable: no crane"]


def test_a_refusal_undoes_what_was_begun(town):
    flow, diary = workflow()

    def unplant(ctx, run):
        diary.append(f"unplant, finished {run.finished(plant)}")

    @flow.step(undo=unplant)
    def plant(ctx, run):
        raise Conflict("no water", detail="the well is dry")

    @flow.step(undo=lambda ctx, run: diary.append("never"))
    def harvest(ctx, run):
        raise AssertionError

    job = play(town, flow)
    assert job.state is JobState.FAILED
    assert job.error == "Conflict: the well is dry"
    assert job.failure is not None
    assert job.failure.message == "no water"
    assert diary == ["dig", "unplant, finished False", "fill", "failed: plant: Conflict: no water"]
    assert town.parts("h") == set()


def test_a_bug_is_tried_again_a_few_times_then_undone(town, caplog):
    flow, diary = workflow()

    @flow.step()
    def divide(ctx, run):
        diary.append("divide")
        return 1 // 0

    job = play(town, flow, rounds=10)
    assert job.state is JobState.FAILED
    assert diary.count("divide") == 5
    assert "fill" in diary
    assert job.failure is not None
    assert job.failure.kind == "ZeroDivisionError"
    assert "integer division" not in job.failure.message, "users are not shown our bugs"
    assert "integer division" in caplog.text


def test_what_cannot_be_undone_is_written_down_and_the_rest_is_undone(town):
    flow, diary = workflow()

    def unbuild(ctx, run):
        raise KeyError("lost")

    @flow.step(undo=unbuild)
    def build(ctx, run):
        raise Conflict("no")

    job = play(town, flow, rounds=10)
    assert job.state is JobState.FAILED
    assert diary == ["dig", "fill", "failed: build: Conflict: no"]
    assert "lost" in (job.history[1].undo_error or "")


def test_what_a_step_writes_at_its_end_is_written_with_the_note_of_it(town):
    flow, _ = workflow()
    notes = []

    def write(tx):
        notes.append(tx.scalar(select(jobs.c.state)))
        tx.update(houses, "h", {"state": "painted"})

    @flow.step()
    def paint(ctx, run) -> Finish | int:
        return Finish(write, 3)

    @flow.step()
    def show(ctx, run) -> Finish:
        return Finish(lambda tx: tx.update(houses, "h", {"state": f"shown after {run.result(paint)} days"}))

    job = play(town, flow)
    assert (job.state, notes) == (JobState.DONE, ["running"])
    assert job.history[1].result == 3
    assert town.state("h") == "shown after 3 days"


def test_nothing_is_written_over_what_a_later_wish_wrote(town):
    """The wish comes while the step works, and the step writes at its end."""
    flow, diary = workflow()

    @flow.step()
    def paint(ctx, run) -> Finish:
        ctx.db.run(tasks.cancel, run.resource)
        return Finish(lambda tx: tx.update(houses, "h", {"state": "painted"}))

    assert play(town, flow).state is JobState.CANCELLED
    assert diary == ["dig", "fill", "called off"]
    assert town.state("h") == "building"


def test_a_refusal_while_the_end_of_a_step_is_written_undoes_it(town):
    flow, diary = workflow()

    def refuse(tx):
        raise Conflict("no paint")

    @flow.step(undo=lambda ctx, run: diary.append("scrape"))
    def paint(ctx, run):
        return Finish(refuse)

    assert play(town, flow).state is JobState.FAILED
    assert diary == ["dig", "scrape", "fill", "failed: paint: Conflict: no paint"]


def test_a_bug_in_what_is_written_last_is_not_repeated_for_ever(town):
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def dig(ctx, run):
        raise Conflict("rock")

    @flow.on_failure
    def failed(ctx, run, failure):
        return Finish(lambda tx: 1 / 0)

    job = play(town, flow, rounds=10)
    assert job.state is JobState.FAILED
    assert job.error == "Conflict: rock; on_failure: ZeroDivisionError: division by zero"


def test_jobs_of_a_resource_run_in_order_and_delete_cancels_the_earlier(town):
    flow, diary = workflow()

    @flow.step()
    def wait(ctx, run):
        return Wait(3600, "somebody")

    runner = town.runner([flow, *town.runner().workflows])
    first = town.build("h", flow)
    runner.run_due()
    second = town.build("h", BUILD)
    other = town.build("other", BUILD)
    runner.run_due()
    states = [town.job(each).state for each in (first, second, other)]
    assert states == [JobState.WAITING, JobState.BLOCKED, JobState.DONE]
    third = town.tear_down("h")
    runner.run_due()
    states = [town.job(each).state for each in (first, second, third)]
    assert states == [JobState.CANCELLED, JobState.CANCELLED, JobState.DONE]
    assert diary == ["dig", "fill", "called off"]
    assert town.job(second).history == [], "it had not begun"
    assert town.state("h") is None


def test_a_later_job_that_began_first_is_finished_first(town):
    """Two starts in the same instant: the later may be seen, and begun, before the earlier is there."""
    flow, _ = workflow()

    @flow.step()
    def wait(ctx, run):
        return Wait(60, "a minute") if run.waited_seconds < 60 else None

    runner = town.runner([flow])
    earlier, later = town.build("h", flow), town.build("h", flow)

    def hide_the_earlier(tx):
        tx.update(jobs, earlier, {"active": False, "due_at": tx.now() + timedelta(hours=1)})
        tx.update(jobs, later, {"state": JobState.QUEUED, "due_at": tx.now()})

    town.db.run(hide_the_earlier)
    runner.run_due()
    town.db.run(lambda tx: tx.update(jobs, earlier, {"active": True, "due_at": tx.now()}))
    runner.run_due()
    assert town.job(earlier).state is JobState.QUEUED
    town.clock.turn(seconds=61)
    runner.run_due()
    assert (town.job(earlier).state, town.job(later).state) == (JobState.WAITING, JobState.DONE)


def test_a_job_that_is_called_off_during_a_step_stops_after_it(town):
    flow, diary = workflow()

    def unpave(ctx, run):
        diary.append(f"unpave, finished {run.finished(pave)}")

    @flow.step(undo=unpave)
    def pave(ctx, run):
        ctx.db.run(tasks.cancel, run.resource)
        return {"stones": 5}

    @flow.step()
    def never(ctx, run):
        raise AssertionError

    job = play(town, flow)
    assert job.state is JobState.CANCELLED
    assert diary == ["dig", "unpave, finished True", "fill", "called off"]


def test_a_result_has_the_annotated_type(town):
    flow, _ = workflow()
    seen = []

    @flow.step()
    def count(ctx, run) -> "list[int] | Wait | None":
        return [1, 2]

    @flow.step()
    def look(ctx, run: Run[Plan]) -> None:
        seen.append(run.result(count))
        with pytest.raises(LookupError):
            run.result(look)

    assert play(town, flow).state is JobState.DONE
    assert seen == [[1, 2]]


def test_a_workflow_may_change_while_jobs_are_under_way(town):
    def version(*names: str) -> Workflow[Plan]:
        flow = Workflow("flow", input=Plan)
        for name in names:

            def step(ctx, run, name=name):
                ran.append(name)
                return Wait(60, "upgrade") if name == "pause" and ran.count("pause") == 1 else None

            step.__name__ = name
            flow.step()(step)
        return flow

    ran: list[str] = []
    job = play(town, version("a", "pause", "z"))
    town.clock.turn(seconds=60)
    town.runner([version("new", "a", "pause", "y")]).run_due()
    assert ran == ["a", "pause", "new", "pause", "y"]
    assert town.job(job.id).state is JobState.DONE


def test_jobs_can_be_looked_at(town):
    runner = town.runner()
    ids = [town.build(f"h{n % 3}") for n in range(7)]
    runner.run_due()
    page = town.db.read(tasks.jobs.page, Page(limit=3), {"kind": "house_build"})
    assert [job.id for job in page] == ids[:3:-1]
    page = town.db.read(tasks.jobs.page, Page(limit=3, marker=str(ids[4])), {"kind": "house_build"})
    assert [job.id for job in page] == [ids[3], ids[2], ids[1]]
    assert [job.id for job in town.db.read(tasks.jobs.for_resource, ("house", "h1"))] == [ids[4], ids[1]]


def test_finished_jobs_are_forgotten_in_time(town):
    runner = town.runner()
    kept = town.build("h", BUILD)
    runner.run_due()
    town.clock.turn(days=6)
    runner.run_due()
    assert town.job(kept).state is JobState.DONE
    town.clock.turn(days=2)
    runner.run_due()
    query = select(jobs.c.kind)
    assert town.db.read(lambda tx: tx.scalars(query)) == ["jobs_prune"]
