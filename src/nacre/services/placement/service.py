"""The manifest of placement."""

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Listed
from nacre.kernel.service import Manifest
from nacre.services.placement.api import (
    allocation_candidates,
    allocations,
    drift,
    inventories,
    provider_traits,
    reshaper,
    resource_classes,
    resource_providers,
    root,
    traits,
    usages,
)
from nacre.services.placement.config import PlacementOptions
from nacre.services.placement.db.tables import SCHEMA
from nacre.services.placement.policy import RULES
from nacre.services.placement.versions import VERSIONS

MANIFEST = Manifest(
    name="placement",
    apis=(
        Api(
            name="placement",
            port=8778,
            prefix="placement",
            routes=(
                root.routes,
                resource_providers.routes,
                inventories.routes,
                provider_traits.routes,
                allocations.provider_routes,
                usages.routes,
                traits.routes,
                resource_classes.routes,
                allocations.routes,
                allocation_candidates.routes,
                reshaper.routes,
                drift.routes,
            ),
            faults=Listed("placement.undefined_code"),
            versions=VERSIONS,
            order=("authorise", "load", "body"),
            catalog=CatalogEntry(type="placement", name="placement"),
        ),
    ),
    options=PlacementOptions,
    policies=RULES,
    schema=SCHEMA,
    reconcilers=tuple(sweep.reconciler() for sweep in drift.SWEEPS),
)
