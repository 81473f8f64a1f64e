"""/v2.0/nacre-findings: drift between the network service's rows and its hosts."""

from nacre.kernel.drift import findings_routes
from nacre.services.network import policy
from nacre.services.network.tasks import host_check, row_sync

SWEEPS = (host_check.SWEEP, row_sync.FLOATING_IPS, row_sync.PORTS)

routes = findings_routes("/v2.0", see=policy.FINDINGS_SEE, heal=policy.FINDINGS_HEAL, sweeps_of=SWEEPS)
