"""/nacre-findings of placement: drift within its own tables."""

from nacre.kernel.drift import findings_routes
from nacre.services.placement import policy
from nacre.services.placement.tasks import usage_sync

SWEEPS = (usage_sync.SWEEP,)

routes = findings_routes("", see=policy.FINDINGS_SEE, heal=policy.FINDINGS_HEAL, sweeps_of=SWEEPS)
