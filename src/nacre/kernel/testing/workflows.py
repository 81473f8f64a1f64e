"""Rehearse a workflow's disasters: each step twice, refusal and death at every step, calling it off.

For a workflow there are some dozen rehearsals, each a test of its own with a fresh cloud:

    @pytest.mark.parametrize("rehearsal", rehearsals(BUILD), ids=str)
    def test_building_a_server(rehearsal, cloud):
        job = rehearsal.play(cloud.service("compute").runner, begin=lambda: create_server(cloud))
        if rehearsal.succeeds:
            assert the server is active, once
        else:
            assert nothing is left but a server in ERROR that says why

`begin` does what a user would do to start the job.  When the workflow waits for news from outside,
`meanwhile` is called each time everything waits, to bring it; then all waits are over.  Everything
runs in the test's own thread, by the real runner's code, one thing after the other.
"""

import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.tasks import Job, JobState, Run, Runner, Workflow, cancel, jobs, leases, wake

ROUNDS = 500
#: Between two rounds, for other services of the cloud that the job may be waiting for.
MOMENT_SECONDS = 0.01


class Killed(BaseException):
    """The process dies here; nothing after it happens, not even an `except Exception`."""


class Strike(msgspec.Struct, frozen=True):
    """What happens, once, before or after a function of the workflow has done its work."""

    function: str
    when: Literal["before", "after"]
    what: Literal["is refused", "meets an outage", "is killed", "is cancelled"]

    def __str__(self) -> str:
        return f"{self.function} {self.what} {self.when} its work"


class Rehearsal(msgspec.Struct, frozen=True):
    """One way in which a workflow's course is disturbed, and how it has to end."""

    workflow: Workflow[Any]
    title: str
    ends: JobState
    strikes: tuple[Strike, ...] = ()
    twice: bool = False

    def __str__(self) -> str:
        return self.title

    @property
    def succeeds(self) -> bool:
        """Whether the goal is reached in spite of it; if not, everything has to be undone."""
        return self.ends is JobState.DONE

    def play(
        self,
        runner: Runner,
        begin: Callable[[], object],
        *,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Job:
        """Begin, disturb, carry on until the job has ended; return it.

        The runner is stopped, because its workers would be undisturbed; another takes its place.
        Raises AssertionError if the job ends otherwise than it has to, or never.
        """
        runner.stop()
        begin()
        begun = self._begun(runner)
        pending = list(self.strikes)
        stage = _Stage(runner, self, pending)
        for _ in range(ROUNDS):
            try:
                stage.run_due()
            except Killed:
                stage.stop()
                leases.release_leases_of_the_dead(runner.db, stage.owner, "")
                stage = _Stage(runner, self, pending)
                continue
            job = self._job(runner, begun)
            if job.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
                break
            meanwhile()
            time.sleep(MOMENT_SECONDS)
            for workflow in runner.workflows:
                runner.db.run(wake, kind=workflow.name)
        stage.stop()
        assert job.state is self.ends, f"ended {job.state}, not {self.ends}: {job.error or job.waits_for}"
        assert not pending, f"never happened: {pending[0]}"
        return job

    def _begun(self, runner: Runner) -> int:
        """Return the job that was begun just now; others of its kind may follow from what it does."""
        found = runner.db.read(jobs.page, wanted={"kind": self.workflow.name})
        assert found, f"nobody started {self.workflow.name}"
        return found[0].id

    @staticmethod
    def _job(runner: Runner, job_id: int) -> Job:
        job = runner.db.read(jobs.get, job_id)
        assert job is not None, f"job {job_id} is gone"
        return job


class _Stage(Runner):
    """A runner on which things go wrong as the rehearsal says."""

    def __init__(self, like: Runner, rehearsal: Rehearsal, pending: list[Strike]) -> None:
        super().__init__(
            like.db,
            workflows=like.workflows,
            make_context=like.make_context,
            owner="rehearsal",
            pace=like.pace,
        )
        self._rehearsal, self._pending = rehearsal, pending
        steps = rehearsal.workflow.steps
        self._functions = {each for step in steps for each in (step.function, step.undo)}

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        if function not in self._functions:
            return function(*args)
        self._strike(function, "before", args)
        outcome = function(*args)
        if self._rehearsal.twice:
            outcome = function(*args)
        self._strike(function, "after", args)
        return outcome

    def _strike(self, function: Callable[..., Any], when: str, args: tuple[Any, ...]) -> None:
        strike = next((s for s in self._pending if s.function == function.__name__ and s.when == when), None)
        if strike is None:
            return
        self._pending.remove(strike)
        if strike.what == "is killed":
            raise Killed
        if strike.what == "meets an outage":
            raise Unavailable("There is an outage, says the rehearsal.")
        if strike.what == "is refused":
            raise Conflict("This is refused, says the rehearsal.")
        run: Run[Any] = args[1]
        self.db.run(cancel, run.resource)


def rehearsals(workflow: Workflow[Any]) -> list[Rehearsal]:
    """Return every rehearsal of a workflow, from the undisturbed one to a death in every undo."""
    done, failed, cancelled = JobState.DONE, JobState.FAILED, JobState.CANCELLED
    all = [
        Rehearsal(workflow, "undisturbed", done),
        Rehearsal(workflow, "every step runs twice", done, twice=True),
    ]

    def add(ends: JobState, *strikes: Strike, twice: bool = False) -> None:
        title = ", ".join(map(str, strikes)) + (", every step and undo twice" if twice else "")
        all.append(Rehearsal(workflow, title, ends, strikes, twice))

    for step in workflow.steps:
        name = step.function.__name__
        add(done, Strike(name, "after", "meets an outage"))
        add(done, Strike(name, "before", "is killed"))
        add(done, Strike(name, "after", "is killed"))
        add(failed, Strike(name, "before", "is refused"))
        add(failed, Strike(name, "after", "is refused"), twice=True)
        add(cancelled, Strike(name, "after", "is cancelled"))
        if step.undo is not None:
            undo = step.undo.__name__
            add(failed, Strike(name, "after", "is refused"), Strike(undo, "after", "is killed"))
            add(failed, Strike(name, "after", "is refused"), Strike(undo, "before", "meets an outage"))
    return all
