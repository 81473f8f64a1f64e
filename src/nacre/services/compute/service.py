"""What compute is, for the process that runs it: its API, its tables, its background work, its needs."""

from __future__ import annotations

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Named
from nacre.kernel.service import Manifest
from nacre.services.compute.api import flavors, keypairs, server_actions, servers, versions
from nacre.services.compute.app import host_reports, jobs
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db.tables import SCHEMA
from nacre.services.compute.policy import RULES
from nacre.services.compute.tasks import server_build, server_delete, server_power
from nacre.services.compute.tasks.host_inventory import HOST_INVENTORY
from nacre.services.compute.tasks.server_sync import SERVER_SYNC
from nacre.services.compute.versions import VERSIONS

API = Api(
    name="compute",
    port=8774,
    prefix="compute",
    routes=(versions.routes, flavors.routes, keypairs.routes, servers.routes, server_actions.routes),
    faults=Named(),
    versions=VERSIONS,
    version_path="/v2.1",
    # compat: a request is checked before anybody looks whether its target exists (nova, wsgi.py)
    order=("body", "load", "authorise"),
    catalog=CatalogEntry(type="compute", name="nova", path="/v2.1"),
)

STEPS = (server_build, server_delete, server_power)
"""The modules that give the workflows their steps."""

MANIFEST = Manifest(
    name="compute",
    apis=(API,),
    policies=RULES,
    options=ComputeOptions,
    schema=SCHEMA,
    workflows=tuple(workflow for workflow in jobs.ALL if workflow.steps),
    reconcilers=(HOST_INVENTORY, SERVER_SYNC),
    rpc=host_reports.handlers,
    needs=("placement", "image", "network"),
)
