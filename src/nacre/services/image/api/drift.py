"""/v2/nacre-findings: drift between images and their data."""

from nacre.kernel.drift import findings_routes
from nacre.services.image import policy
from nacre.services.image.tasks import data_sync

SWEEPS = (data_sync.SWEEP, data_sync.SCRUB)

routes = findings_routes("/v2", see=policy.FINDINGS_SEE, heal=policy.FINDINGS_HEAL, sweeps_of=SWEEPS)
