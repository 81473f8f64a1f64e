"""The manifest of the image service."""

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Page
from nacre.kernel.service import Manifest, Service
from nacre.services.image.api import image_data, images, tickets, versions
from nacre.services.image.app.stores import open_stores
from nacre.services.image.app.tickets import prepare_key
from nacre.services.image.config import ImageOptions
from nacre.services.image.db.tables import SCHEMA
from nacre.services.image.policy import RULES


def _prepare(service: Service) -> None:
    open_stores(service)
    prepare_key(service)


MANIFEST = Manifest(
    name="image",
    apis=(
        Api(
            name="image",
            port=9292,
            prefix="image",
            routes=(versions.routes, images.routes, image_data.routes, tickets.routes, tickets.open_routes),
            faults=Page(),
            order=("body", "load", "authorise"),
            catalog=CatalogEntry(type="image", name="image"),
        ),
    ),
    options=ImageOptions,
    policies=RULES,
    schema=SCHEMA,
    on_start=_prepare,
)
