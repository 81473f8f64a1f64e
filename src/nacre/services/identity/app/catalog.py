"""The catalog: which services the cloud has, and at which addresses the bearer of a token finds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.services.identity.app.state import state_of
from nacre.services.identity.db import catalog as rows
from nacre.services.identity.db import endpoint_groups
from nacre.services.identity.db.catalog import Endpoint, Service

if TYPE_CHECKING:
    from nacre.kernel import service as kernel
    from nacre.kernel.db import Transaction

Announced = list[tuple[Service, list[Endpoint]]]

_PLACEHOLDER = re.compile(r"[%$]\((\w+)\)s")


def catalog(service: kernel.Service, *, user_id: str, project_id: str | None) -> list[dict[str, Any]]:
    """Return the catalog as the API shows it.

    A project with endpoint filters of its own sees only the endpoints that these let through.  An
    address that needs a project is left out for who has none.
    """
    announced, filtered = state_of(service).tokens.fact("catalog", lambda: service.db.read(_announced))
    only: set[str] | None = None
    if filtered and project_id is not None:
        only = service.db.read(endpoint_groups.endpoint_ids_of_project, project_id) or None
    known = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
    return [
        {
            "id": entry.id,
            "type": entry.type,
            "name": entry.name or "",
            "endpoints": _addresses(endpoints, known, only),
        }
        for entry, endpoints in announced
    ]


def _announced(tx: Transaction) -> tuple[Announced, bool]:
    services, endpoints = rows.everything_enabled(tx)
    of_service: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        of_service.setdefault(endpoint.service_id, []).append(endpoint)
    return [(each, of_service.get(each.id, [])) for each in services], endpoint_groups.any_exist(tx)


def _addresses(
    endpoints: list[Endpoint], known: Mapping[str, str | None], only: set[str] | None
) -> list[dict[str, Any]]:
    found = []
    for endpoint in endpoints:
        url = fill_in(endpoint.url, known)
        if url is not None and (only is None or endpoint.id in only):
            found.append(
                {
                    "id": endpoint.id,
                    "interface": endpoint.interface,
                    "region_id": endpoint.region_id,
                    "region": endpoint.region_id,
                    "url": url,
                }
            )
    return found


def placeholders(url: str) -> list[str]:
    """Return the names of what an address needs to be filled in with."""
    return _PLACEHOLDER.findall(url)


def fill_in(url: str, known: Mapping[str, str | None]) -> str | None:
    """Put ids in the places of a template (`…/AUTH_%(project_id)s`); None when one is missing."""
    if "(" not in url:
        return url
    if any(known.get(name) is None for name in placeholders(url)):
        return None
    return _PLACEHOLDER.sub(lambda match: str(known[match[1]]), url)
