"""The manifest of the image service."""

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Page
from nacre.kernel.service import Manifest, Service
from nacre.services.image.api import (
    actions,
    definitions,
    drift,
    image_data,
    images,
    info,
    members,
    namespaces,
    patches,
    resource_types,
    schemas,
    tasks,
    tickets,
    versions,
)
from nacre.services.image.app.jobs import IMPORT
from nacre.services.image.app.namespaces import prepare as prepare_definitions
from nacre.services.image.app.stores import open_stores
from nacre.services.image.app.tickets import prepare_key
from nacre.services.image.config import ImageOptions
from nacre.services.image.db.tables import SCHEMA
from nacre.services.image.policy import RULES
from nacre.services.image.tasks import image_import, upload_sweep
from nacre.services.image.tasks.upload_sync import UPLOAD_SYNC

__all__ = ["MANIFEST", "image_import"]


def _prepare(service: Service) -> None:
    open_stores(service)
    prepare_key(service)
    prepare_definitions(service)


MANIFEST = Manifest(
    name="image",
    apis=(
        Api(
            name="image",
            port=9292,
            prefix="image",
            routes=(
                versions.routes,
                images.routes,
                patches.routes,
                image_data.routes,
                actions.routes,
                members.routes,
                tasks.routes,
                schemas.routes,
                info.routes,
                namespaces.routes,
                definitions.objects,
                definitions.properties,
                definitions.tags,
                resource_types.routes,
                resource_types.of_namespace,
                tickets.routes,
                tickets.open_routes,
                drift.routes,
            ),
            faults=Page(),
            order=("body", "load", "authorise"),
            trailing_slash=False,
            catalog=CatalogEntry(type="image", name="image"),
        ),
    ),
    options=ImageOptions,
    policies=RULES,
    schema=SCHEMA,
    control_exchange="glance",
    workflows=(IMPORT,),
    reconcilers=(UPLOAD_SYNC, upload_sweep.SWEEP, *(sweep.reconciler() for sweep in drift.SWEEPS)),
    on_start=_prepare,
)
