"""Drift: where what is and what should be have come apart; found, healed or named, and remembered.

Rows are deleted by hand, guests are killed, rules are flushed, machines come back with the memory of
last week.  A service looks for such differences in *sweeps*: a way through everything that it keeps, a
few things at each turn of a reconciler, over and over.

    def check(ctx: Context, host: Host) -> Iterator[Drift]:
        "Compare what one host holds with what it should hold."
        if …:
            put it right
            yield healed("allocation_missing", server.id, "…", host=host.name)
        else:
            yield left("allocation_missing", server.id, "…", command="openstack server migrate …")

    ALLOCATIONS = Sweep("allocation_sync", kinds=("allocation_missing", …), page=…, key=…, check=check)
    ALLOCATION_SYNC = ALLOCATIONS.reconciler(every_seconds=60)

What a check yields is kept as a `Finding`, one row for a kind, a thing and a host.  What is healed stays
readable for a week; what is left stays until a later sweep does not see it any more.  A sweep heals what
cannot hurt: what can be made again from the rows, or what is known to be nobody's.  Where a guest or its
data might be lost, the finding names the command by which a person decides.

`routes` shows the findings to administrators, asks for a sweep at once, and heals on command; `nacre doctor`
speaks to it.  A quiet cloud pays little: sweeps go on where the last turn ended, also after a restart,
look at so many things a turn at most, and rest when they are through.
"""

from nacre.kernel.drift.findings import record, standing
from nacre.kernel.drift.routes import Healer, findings_routes
from nacre.kernel.drift.sweeps import Sweep
from nacre.kernel.drift.tables import Drift, Finding, State, healed, left, pending, tables

__all__ = [
    "Drift",
    "Finding",
    "Healer",
    "State",
    "Sweep",
    "findings_routes",
    "healed",
    "left",
    "pending",
    "record",
    "standing",
    "tables",
]
