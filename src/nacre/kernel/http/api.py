"""What one API is: where it listens, what it serves, how it speaks.

A service's manifest holds one Api for each port that it serves: compute has its own API, the
metadata that guests read, and the console's websocket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nacre.kernel.http.faults import Dialect
from nacre.kernel.version import Versions
from nacre.kernel.wire import Unknown

if TYPE_CHECKING:
    from nacre.kernel.http.routing import Operation, Routes
    from nacre.kernel.service import Service

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """How an API appears in the service catalog: type, name, and the path after its root."""

    type: str
    name: str
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Api:
    """One HTTP API of a service.

    name            how the process tells its APIs apart ("compute", "metadata")
    port            the usual port, which the `standard` and `offset` schemes use
    prefix          its path on the front port, without slashes ("compute")
    routes          every route, as data
    faults          the dialect of its errors
    versions        its microversions, if it has them
    version_path    below which path microversions apply ("/v2.1")
    old_id_header   another header in which clients of old look for the request's id
    order           in which a target is loaded, the caller authorised, the body checked
    missing_target  (operation, path values) → what the policy is held against where the thing addressed does
                    not exist, so that who may not see it does not learn that; None: 404 for everybody
    unknown         what becomes of body members that no field declares
    trailing_slash  whether /things/ means /things, or a thing whose id is missing and that is not found
    max_body_bytes  larger bodies are refused before they are read
    catalog         how it is announced; None for what no client looks up
    websocket       serves websocket connections, if it does
    """

    name: str
    port: int
    prefix: str
    routes: tuple[Routes, ...]
    faults: Dialect
    versions: Versions | None = None
    version_path: str = ""
    old_id_header: str = ""
    order: tuple[str, ...] = ("load", "authorise", "body")
    missing_target: Callable[[Operation, Mapping[str, str]], Mapping[str, Any] | None] | None = None
    unknown: Unknown = Unknown.REFUSE
    trailing_slash: bool = True
    max_body_bytes: int = MEBIBYTE
    catalog: CatalogEntry | None = None
    websocket: Callable[[Service, Any], Awaitable[None]] | None = field(default=None)
