"""A toy town for the tests of background work: houses are built in three steps and torn down in one."""

import msgspec
from sqlalchemy import Table, select

from nacre.kernel import tasks
from nacre.kernel.clock import TurnedClock
from nacre.kernel.db import Database, Id, Name, Schema, Transaction, column, new_metadata, prepare
from nacre.kernel.tasks import Failure, Finish, Job, Pace, Run, Runner, Wait, Workflow

metadata = new_metadata()
tasks.tables(metadata)
houses = Table("houses", metadata, column("id", Id, key=True), column("state", Name))
parts = Table("parts", metadata, column("house_id", Id, key=True), column("part", Name, key=True))
SCHEMA = Schema(metadata)

QUICK = Pace(first_pause_seconds=0.001, longest_pause_seconds=0.005)


class Plan(msgspec.Struct):
    house_id: str


class Walls(msgspec.Struct):
    height: int


class Context:
    """What a step gets: the database, and whom it works for."""

    def __init__(self, db: Database, job: Job | None = None) -> None:
        self.db = db
        self.request_id = job.request_id if job else "req-1"
        self.user_id, self.project_id = "user", "project"


def add_part(ctx: Context, house_id: str, part: str) -> None:
    ctx.db.run(lambda tx: tx.insert_if_absent(parts, {"house_id": house_id, "part": part}))


def remove_part(ctx: Context, house_id: str, part: str) -> None:
    ctx.db.run(lambda tx: tx.delete(parts, (house_id, part)))


BUILD = Workflow("house_build", input=Plan, patience_seconds=1000)
TEAR_DOWN = Workflow("house_tear_down", input=Plan)


def dig_away(ctx: Context, run: Run[Plan]) -> None:
    remove_part(ctx, run.input.house_id, "ground")


@BUILD.step(undo=dig_away)
def ground(ctx: Context, run: Run[Plan]) -> None:
    add_part(ctx, run.input.house_id, "ground")


def pull_down(ctx: Context, run: Run[Plan]) -> None:
    remove_part(ctx, run.input.house_id, "walls")


@BUILD.step(undo=pull_down)
def walls(ctx: Context, run: Run[Plan]) -> "Walls | Wait":
    add_part(ctx, run.input.house_id, "walls")
    return Walls(height=3)


def uncover(ctx: Context, run: Run[Plan]) -> None:
    remove_part(ctx, run.input.house_id, "roof")


@BUILD.step(undo=uncover)
def roof(ctx: Context, run: Run[Plan]) -> Finish:
    assert run.result(walls).height == 3
    add_part(ctx, run.input.house_id, "roof")
    return Finish(lambda tx: tx.update(houses, run.input.house_id, {"state": "built"}))


@BUILD.on_failure
def leave_ruin(ctx: Context, run: Run[Plan], failure: Failure) -> Finish:
    text = f"error: {failure.message}"
    return Finish(lambda tx: tx.update(houses, run.input.house_id, {"state": text}))


@BUILD.on_cancel
def leave_lawn(ctx: Context, run: Run[Plan]) -> None:
    ctx.db.run(lambda tx: tx.update(houses, run.input.house_id, {"state": "cancelled"}))


@TEAR_DOWN.step()
def tear_down(ctx: Context, run: Run[Plan]) -> None:
    def remove(tx: Transaction) -> None:
        tx.delete(parts, parts.c.house_id == run.input.house_id)
        tx.delete(houses, run.input.house_id)

    ctx.db.run(remove)


class Town:
    """A database with houses, and runners for it."""

    def __init__(self, url: str, clock: TurnedClock | None = None) -> None:
        self.clock = clock or TurnedClock()
        self.db = Database(url, synchronous="OFF", clock=self.clock)
        prepare(self.db, SCHEMA)
        self.runners: list[Runner] = []

    def runner(self, workflows=(BUILD, TEAR_DOWN), **options) -> Runner:
        runner = Runner(
            self.db,
            workflows=workflows,
            make_context=self.context,
            **{"pace": QUICK, **options},
        )
        self.runners.append(runner)
        return runner

    def context(self, job: Job) -> Context:
        return Context(self.db, job)

    def build(self, house_id: str, workflow: Workflow[Plan] = BUILD) -> int:
        def start(tx: Transaction) -> int:
            tx.insert_if_absent(houses, {"id": house_id, "state": "building"})
            resource = ("house", house_id)
            return tasks.start(tx, workflow, Plan(house_id), resource=resource, ctx=Context(self.db))

        return self.db.run(start)

    def tear_down(self, house_id: str) -> int:
        def start(tx: Transaction) -> int:
            tasks.cancel(tx, ("house", house_id))
            return tasks.start(tx, TEAR_DOWN, Plan(house_id), resource=("house", house_id))

        return self.db.run(start)

    def job(self, job_id: int) -> Job:
        job = self.db.read(tasks.jobs.get, job_id)
        assert job is not None
        return job

    def state(self, house_id: str) -> str | None:
        return self.db.read(lambda tx: tx.scalar(select(houses.c.state).where(houses.c.id == house_id)))

    def parts(self, house_id: str) -> set[str]:
        query = select(parts.c.part).where(parts.c.house_id == house_id)
        return set(self.db.read(lambda tx: tx.scalars(query)))

    def close(self) -> None:
        for runner in self.runners:
            runner.stop()
        self.db.close()
