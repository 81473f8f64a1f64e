"""What compute is, for the process that runs it: its API, its tables, its background work, its needs."""

from __future__ import annotations

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Page
from nacre.kernel.service import Manifest
from nacre.services.compute.api import (
    aggregates,
    console_proxy,
    consoles,
    diagnostics,
    drift,
    extensions,
    external_events,
    flavors,
    floating_ips,
    groups,
    hosts,
    hypervisors,
    images,
    instance_actions,
    keypairs,
    limits,
    metadata,
    migrations,
    networks,
    passwords,
    quotas,
    retired,
    security_groups,
    server_actions,
    server_interfaces,
    server_metadata,
    server_migrations,
    server_moves,
    server_tags,
    servers,
    services,
    timelines,
    topology,
    unsupported,
    usage_audits,
    usages,
    versions,
    volume_attachments,
    zones,
)
from nacre.services.compute.api.faults import ComputeFaults
from nacre.services.compute.app import external_events as external_events_app
from nacre.services.compute.app import host_reports, jobs
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db.tables import SCHEMA
from nacre.services.compute.policy import RULES
from nacre.services.compute.tasks import (
    backup_rotate,
    interface_attach,
    interface_detach,
    resize_confirm,
    resize_revert,
    server_build,
    server_delete,
    server_evacuate,
    server_live_migrate,
    server_migrate,
    server_power,
    server_resize,
    server_respec,
    server_snapshot,
)
from nacre.services.compute.tasks.evacuation_sync import EVACUATION_SYNC
from nacre.services.compute.tasks.host_inventory import HOST_INVENTORY
from nacre.services.compute.tasks.leftover_sync import LEFTOVER_SYNC
from nacre.services.compute.tasks.server_reclaim import SERVER_RECLAIM
from nacre.services.compute.tasks.server_sync import SERVER_SYNC
from nacre.services.compute.versions import VERSIONS

API = Api(
    name="compute",
    port=8774,
    prefix="compute",
    routes=(
        versions.routes,
        flavors.routes,
        keypairs.routes,
        servers.routes,
        server_actions.routes,
        server_moves.routes,
        server_migrations.routes,
        server_metadata.routes,
        server_tags.routes,
        server_interfaces.routes,
        instance_actions.routes,
        diagnostics.routes,
        topology.routes,
        timelines.routes,
        external_events.routes,
        volume_attachments.routes,
        groups.routes,
        aggregates.routes,
        services.routes,
        hypervisors.routes,
        consoles.routes,
        passwords.routes,
        zones.routes,
        hosts.routes,
        limits.routes,
        quotas.routes,
        quotas.class_routes,
        usages.routes,
        usage_audits.routes,
        migrations.routes,
        extensions.routes,
        retired.routes,
        unsupported.routes,
        images.routes,
        security_groups.routes,
        security_groups.rule_routes,
        floating_ips.routes,
        networks.tenant_routes,
        networks.routes,
        drift.routes,
    ),
    faults=ComputeFaults(),
    versions=VERSIONS,
    version_path="/v2.1",
    # compat: the name that the header had before all services shared one (nova, compute_req_id.py)
    old_id_header="x-compute-request-id",
    # compat: a request is checked before anybody looks whether its target exists (nova, wsgi.py)
    order=("body", "load", "authorise"),
    missing_target=flavors.missing_target,
    catalog=CatalogEntry(type="compute", name="nova", path="/v2.1"),
)

METADATA = Api(
    name="metadata",
    port=8775,
    prefix="metadata",
    routes=(metadata.routes,),
    faults=Page(),
    max_body_bytes=metadata.LARGEST_BODY_BYTES,
)

CONSOLE = Api(
    name="console",
    port=6080,
    prefix="console",
    routes=(console_proxy.routes,),
    faults=Page(),
    websocket=console_proxy.connect,
)

STEPS = (
    server_build, server_delete, server_power, server_respec, server_resize, resize_confirm, resize_revert,
    server_live_migrate, server_migrate, server_evacuate, server_snapshot, backup_rotate,
    interface_attach, interface_detach,
)  # fmt: skip
"""The modules that give the workflows their steps."""

MANIFEST = Manifest(
    name="compute",
    apis=(API, METADATA, CONSOLE),
    policies=RULES,
    options=ComputeOptions,
    schema=SCHEMA,
    control_exchange="nova",
    workflows=jobs.ALL,
    reconcilers=(
        HOST_INVENTORY,
        SERVER_SYNC,
        SERVER_RECLAIM,
        EVACUATION_SYNC,
        LEFTOVER_SYNC,
        *(sweep.reconciler() for sweep in drift.SWEEPS),
    ),
    rpc=host_reports.handlers,
    subscriptions={
        "network.port.up": external_events_app.port_up,
        "network.port.changed": external_events_app.port_changed,
    },
    needs=("identity", "placement", "image", "network"),
)
