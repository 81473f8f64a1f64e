"""The network service's manifest: what it serves, keeps, hears and does by itself."""

from nacre.kernel.bus import Handlers
from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Typed
from nacre.kernel.service import Manifest, Service
from nacre.services.network import policy, rpc
from nacre.services.network.api import networks, ports, quotas, security_groups, subnets, versions
from nacre.services.network.app import reports, views
from nacre.services.network.config import NetworkOptions
from nacre.services.network.db.tables import SCHEMA


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
                security_groups.routes,
                security_groups.rule_routes,
                quotas.routes,
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
    rpc=_handlers,
)
