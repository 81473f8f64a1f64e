"""Background work that survives everything: kept in the database, done by whoever is there.

There are two kinds and no third:

    Workflow     ordered steps toward one goal, once (`server_build`); see workflow.py
    Reconciler   what should be against what is, for ever (`server_sync`); see reconciler.py

A workflow is asked for in the transaction that writes the resource, so that there is never the one
without the other:

    def create(tx, ctx, server):
        tx.insert(servers, server)
        start(tx, BUILD, ServerBuild(server.id), resource=("server", server.id), ctx=ctx)

    def delete(tx, ctx, server_id):
        cancel(tx, ("server", server_id))            # a build under way stops, and is undone
        start(tx, DELETE, ServerDelete(server_id), resource=("server", server_id), ctx=ctx)

Jobs of one resource run one at a time, in the order of their start.  News for a job that waits:

    wake(tx, resource=("server", server_id))

Where to look: `tables` what is stored, `jobs` start, cancel, wake and queries, `leases` who holds what,
`execution` one job's way forward and back, `runner` finding due jobs, `crew` the threads.

What may be relied upon: a step's result is stored before the next step begins; a step is called again
if the process died before that was done (at least once, rarely twice); no two workers write to one
job; a job that was started is carried on until it is done, failed or cancelled, whatever dies.
"""

from nacre.kernel.tasks import jobs
from nacre.kernel.tasks.crew import Crew
from nacre.kernel.tasks.execution import Pace
from nacre.kernel.tasks.jobs import cancel, start, wake
from nacre.kernel.tasks.reconciler import Reconciler
from nacre.kernel.tasks.runner import Runner
from nacre.kernel.tasks.tables import ClaimedJob, Failure, Job, JobState, Report, StepRecord, tables
from nacre.kernel.tasks.wakeups import listen
from nacre.kernel.tasks.workflow import Finish, Run, Wait, Workflow

__all__ = [
    "ClaimedJob",
    "Crew",
    "Failure",
    "Finish",
    "Job",
    "JobState",
    "Pace",
    "Reconciler",
    "Report",
    "Run",
    "Runner",
    "StepRecord",
    "Wait",
    "Workflow",
    "cancel",
    "jobs",
    "listen",
    "start",
    "tables",
    "wake",
]
