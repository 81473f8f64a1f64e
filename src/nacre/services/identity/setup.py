"""What the composition layer calls at every start of a cloud, and tests at theirs.

    set_up(process, admin_password="…", service_user=ServiceUser(name="nacre", password="…"))

makes the first domain, roles, accounts and the catalog of whatever the process serves, or corrects
them where passwords or addresses have changed.  See app/bootstrap.py for what exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nacre.services.identity.app.bootstrap import CatalogService, bootstrap
from nacre.services.identity.app.key_rotation import rotate_keys

if TYPE_CHECKING:
    from nacre.kernel.process import Process, ServiceUser

__all__ = ["CatalogService", "bootstrap", "catalog_of", "rotate_keys", "set_up"]


def set_up(
    process: Process,
    *,
    admin_password: str,
    service_user: ServiceUser,
    region: str = "RegionOne",
    more: Iterable[CatalogService] = (),
) -> None:
    """Make or correct the first things of a cloud whose identity service runs in this process.

    `more` announces what other processes serve.  May run at every start, after `process.start()`.
    """
    bootstrap(
        process.services["identity"],
        admin_password=admin_password,
        service_user=service_user.name,
        service_password=service_user.password,
        service_project=service_user.project,
        region=region,
        catalog_services=[*catalog_of(process), *more],
    )


def catalog_of(process: Process) -> list[CatalogService]:
    """Return what the catalog should say of the APIs that a process serves."""
    return [
        CatalogService(
            type=api.catalog.type,
            name=api.catalog.name,
            url=process.public_url(api.name) + api.catalog.path,
        )
        for api in process.apis()
        if api.catalog is not None
    ]
