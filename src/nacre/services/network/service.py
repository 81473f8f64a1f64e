"""The network service's manifest: what it serves, keeps, hears and does by itself."""

from nacre.kernel.bus import Handlers
from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Typed
from nacre.kernel.service import Manifest, Service
from nacre.services.network import policy, rpc
from nacre.services.network.api import (
    address_plans,
    agents,
    cloud_wide,
    drift,
    floating_ips,
    networks,
    port_bindings,
    port_forwardings,
    ports,
    quotas,
    rbac,
    routers,
    security_groups,
    subnet_pools,
    subnets,
    tags,
    versions,
)
from nacre.services.network.app import reports, views
from nacre.services.network.config import NetworkOptions
from nacre.services.network.db.tables import SCHEMA
from nacre.services.network.tasks.changes_prune import CHANGES_PRUNE
from nacre.services.network.tasks.placement_sync import PLACEMENT_SYNC


def _handlers(service: Service) -> Handlers:
    """Return what agents may ask and tell."""
    return {
        rpc.HOST_CHANGES: lambda request: views.answer(service.background_context(), request),
        rpc.PORT_REPORT: lambda report: reports.hear_ports(service.background_context(), report),
        rpc.HOST_REPORT: lambda report: reports.hear_host(service.background_context(), report),
    }


MANIFEST = Manifest(
    name="network",
    apis=(
        Api(
            name="network",
            port=9696,
            prefix="network",
            routes=(
                versions.routes,
                networks.routes,
                subnets.routes,
                ports.routes,
                port_bindings.routes,
                security_groups.routes,
                security_groups.rule_routes,
                routers.routes,
                floating_ips.routes,
                port_forwardings.routes,
                subnet_pools.routes,
                address_plans.scope_routes,
                address_plans.group_routes,
                rbac.routes,
                quotas.routes,
                agents.routes,
                agents.placements,
                cloud_wide.routes,
                *tags.routes,
                drift.routes,
            ),
            faults=Typed(),
            version_path="/v2.0",
            order=("load", "body", "authorise"),
            catalog=CatalogEntry(type="network", name="neutron"),
        ),
    ),
    options=NetworkOptions,
    policies=policy.RULES,
    policy_kinds=policy.POLICY_KINDS,
    schema=SCHEMA,
    control_exchange="neutron",
    reconcilers=(PLACEMENT_SYNC, CHANGES_PRUNE, *(sweep.reconciler() for sweep in drift.SWEEPS)),
    rpc=_handlers,
)
