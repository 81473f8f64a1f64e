"""A workflow: ordered steps toward one goal, told so that the file reads like the story.

    build = Workflow("server_build", input=ServerBuild)

    def release_claim(ctx, run): ...

    @build.step(undo=release_claim)
    def claim(ctx: Context, run: Run[ServerBuild]) -> Claim:
        "Reserve room on a host."

    @build.step()
    def boot(ctx: Context, run: Run[ServerBuild]) -> Wait | Finish:
        "Tell the host, and wait until it says that the guest runs."
        host = run.result(claim).host
        …
        if not running:
            return Wait(60, f"the guest to boot on {host}")
        return Finish(lambda tx: servers.update(tx, run.input.server_id, state="active"))

    @build.on_failure
    def give_up(ctx, run, failure): ...          # the resource goes to ERROR with failure.message

A step may run twice, because the process may die between its work and the note that it is done.
How it ends says what comes next:

    it returns None, a dict or a Struct    finished; the result is stored before the next step begins
    it returns Finish(write, result)       finished; `write(tx)` is part of the transaction that stores that,
                                           and does not happen if the job has been called off
    it returns Wait(seconds, reason)       called again when woken, at the latest after so many seconds;
                                           no thread is held meanwhile
    it raises Unavailable, OSError         an outage: tried again with growing pauses, until the step's
                                           patience is at an end (which begins anew with each process)
    it raises another NacreError           a refusal: undo
    it raises anything else                a bug: tried again a few times with the traceback in the
                                           log, then undo

A worker that hung, or was cut off, may wake up in the middle of a step that others have done or undone since.
What it writes into the jobs' own database is refused then.  What it does elsewhere cannot be: so it is told, by
`on_loss`, and puts right what nobody else would see any more.

Undoing calls the undo of every step that was *begun*, the last one first.  So an undo puts back all,
half or nothing of what its step does, and may run twice.  An outage in an undo is retried for ever.
What a step says of its resource at its end ("active", "nobody works on it") belongs into a `Finish`: written
by the step itself it could be written twice, the second time over what somebody asked for in between.
When a workflow is changed, jobs under way go on with the first step whose name they have not done.
"""

import types
import typing
from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

import msgspec

from nacre.kernel.db import Transaction
from nacre.kernel.tasks.tables import ClaimedJob, Failure

I = TypeVar("I")  # noqa: E741 - the type of a workflow's input
R = TypeVar("R")

#: How long a step's outages are borne, unless the workflow or the step says otherwise.
PATIENCE_SECONDS = 600.0


class Wait(msgspec.Struct, frozen=True):
    """Returned by a step: call me again when I am woken, or after `seconds` at the latest."""

    seconds: float
    reason: str


class Finish(msgspec.Struct, frozen=True):
    """Returned by a step: it is finished, and `write(tx)` belongs to the note of that.

    The functions of `on_failure` and `on_cancel` may return it too: then the job ends in that transaction.
    """

    write: Callable[[Transaction], object] | None
    result: Any = None


StepFunction = Callable[[Any, "Run[Any]"], Any]
FailureFunction = Callable[[Any, "Run[Any]", Failure], Finish | None]
Function = TypeVar("Function", bound=Callable[..., Any])


class Step(msgspec.Struct, frozen=True):
    """One step: its function, what puts it back, and how long its outages are borne."""

    name: str
    function: StepFunction
    undo: StepFunction | None
    patience_seconds: float


class Workflow(Generic[I]):
    """Steps in the order in which they are declared; its name is stored with its jobs."""

    def __init__(self, name: str, input: type[I], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.name = name
        self.input = input
        self.steps: list[Step] = []
        self.failure: FailureFunction | None = None
        self.cancellation: StepFunction | None = None
        self.loss: StepFunction | None = None
        self._patience_seconds = patience_seconds

    def __repr__(self) -> str:
        return f"Workflow({self.name!r})"

    def step(
        self, *, undo: StepFunction | None = None, patience_seconds: float | None = None
    ) -> Callable[[Function], Function]:
        """Declare the next step; the function stays what it was."""

        def declare(function: Function) -> Function:
            name = function.__name__
            if any(step.name == name for step in self.steps):
                raise ValueError(f"{self.name} has a step {name} already")
            patience = self._patience_seconds if patience_seconds is None else patience_seconds
            self.steps.append(Step(name, function, undo, patience))
            return function

        return declare

    def on_failure(self, function: FailureFunction) -> FailureFunction:
        """Declare what is called once a failed job is undone; may run twice."""
        self.failure = function
        return function

    def on_cancel(self, function: StepFunction) -> StepFunction:
        """Declare what is called once a cancelled job is undone; may run twice."""
        self.cancellation = function
        return function

    def on_loss(self, function: StepFunction) -> StepFunction:
        """Declare what a worker calls that has lost the job to another in the middle of a step.

        The job may be anywhere by then, and its end may even be this worker's own; may run twice, or never,
        where the worker dies.
        """
        self.loss = function
        return function

    @property
    def first_step(self) -> Step:
        """The step with which a job begins."""
        if not self.steps:
            raise RuntimeError(f"{self.name} has no steps; is the file that declares them imported?")
        return self.steps[0]

    def named(self, name: str) -> Step | None:
        """Return the step of that name, if the workflow (still) has it."""
        return next((step for step in self.steps if step.name == name), None)


class Run(Generic[I]):
    """What a step may know of its job."""

    def __init__(self, job: ClaimedJob, workflow: Workflow[I], now: datetime, since: datetime) -> None:
        self.job = job
        self.now = now
        self._since = since
        self._input_type = workflow.input

    @cached_property
    def input(self) -> I:
        """What the job was started with."""
        return msgspec.convert(self.job.input, self._input_type)

    @property
    def attempt(self) -> int:
        """Which try of the present step this is, from 1; being woken from a Wait is no new try."""
        return self.job.attempts + 1

    @property
    def resource(self) -> tuple[str, str]:
        """The type and id of what the job is about."""
        if self.job.resource is None:
            raise LookupError(f"job {self.job.id} ({self.job.kind}) is about no resource")
        type, _, id = self.job.resource.partition("/")
        return type, id

    @property
    def was_begun(self) -> bool:
        """Tell whether the present step has been called before, as far as that was noted."""
        return self.job.begun_at is not None

    @property
    def waited_seconds(self) -> float:
        """How long ago the present step was first begun, or this process was, if that was later.

        What a step waits for could not come while nobody was there.
        """
        if self.job.begun_at is None:
            return 0.0
        return (self.now - max(self.job.begun_at, self._since)).total_seconds()

    def result(self, step: "Callable[[Any, Run[I]], R | Wait | Finish]") -> R:
        """Return what an earlier step returned, as the type that the step's annotation names.

        LookupError if it has not finished (in an undo, ask `finished` first).
        """
        for record in self.job.history:
            if record.step == step.__name__ and record.ended_at is not None:
                return typing.cast(R, msgspec.convert(record.result, _result_type(step)))
        raise LookupError(f"{step.__name__} of job {self.job.id} has not finished")

    def finished(self, step: StepFunction) -> bool:
        """Tell whether a step has finished."""
        return any(each.step == step.__name__ and each.ended_at is not None for each in self.job.history)


@cache
def _result_type(function: Callable[..., Any]) -> Any:
    """Return the annotated result of a step, without Wait and Finish."""
    annotation = function.__annotations__.get("return", Any)
    if isinstance(annotation, str):
        only_result = types.SimpleNamespace(__annotations__={"return": annotation})
        annotation = typing.get_type_hints(only_result, globalns=function.__globals__)["return"]
    if annotation is Finish:
        return None
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        results = tuple(each for each in typing.get_args(annotation) if each not in (Wait, Finish))
        return typing.Union[results] if results else None  # noqa: UP007
    return annotation
