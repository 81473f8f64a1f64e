"""/nacre-findings of compute: drift between its rows, its hosts, placement and network."""

from __future__ import annotations

from nacre.kernel.drift import findings_routes
from nacre.services.compute import policy as rules
from nacre.services.compute.tasks import allocation_sync, host_check, port_sync, task_sync

SWEEPS = (task_sync.SWEEP, host_check.SWEEP, allocation_sync.SWEEP, port_sync.SWEEP)

routes = findings_routes(
    "/v2.1",
    see=rules.FINDINGS_SEE,
    heal=rules.FINDINGS_HEAL,
    sweeps_of=SWEEPS,
    healers=host_check.HEALERS | port_sync.HEALERS,
)
