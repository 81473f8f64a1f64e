"""What compute is, for the process that runs it: its API, its tables, its background work, its needs."""

from __future__ import annotations

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Named
from nacre.kernel.service import Manifest
from nacre.services.compute.api import flavors, keypairs, versions
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db.tables import SCHEMA
from nacre.services.compute.policy import RULES
from nacre.services.compute.versions import VERSIONS

API = Api(
    name="compute",
    port=8774,
    prefix="compute",
    routes=(versions.routes, flavors.routes, keypairs.routes),
    faults=Named(),
    versions=VERSIONS,
    version_path="/v2.1",
    # compat: a request is checked before anybody looks whether its target exists (nova, wsgi.py)
    order=("body", "load", "authorise"),
    catalog=CatalogEntry(type="compute", name="nova", path="/v2.1"),
)

MANIFEST = Manifest(
    name="compute",
    apis=(API,),
    policies=RULES,
    options=ComputeOptions,
    schema=SCHEMA,
)
