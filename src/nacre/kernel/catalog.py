"""Where services are that other processes serve: identity's catalog, remembered for a while.

A process is told where identity is, and nothing more.  What it learns holds for half a minute; when identity
is away, what was last known holds for as long as it takes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

from nacre.kernel import errors
from nacre.kernel.clock import Clock

LOOK_EVERY_SECONDS = 30.0
AFTER_FAILURE_SECONDS = 1.0

#: The path of an API's version, as in http://cloud:8774/v2.1; what follows it is a project's id.
_VERSION = re.compile(r"/v[0-9]+(\.[0-9]+)?(/[^/]*)?/?$")


class Catalog:
    """Base addresses by service; any thread may ask."""

    def __init__(self, ask: Callable[[], Iterable[dict[str, Any]]], clock: Clock) -> None:
        """`ask` returns the catalog as `GET /v3/auth/catalog` does."""
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], str] = {}
        self._look_at = float("-inf")

    def address(self, service_name: str, interface: str = "internal") -> str | None:
        """Return a service's address without a version, as services inside the cloud or clients reach it."""
        if self._clock.monotonic() >= self._look_at:
            self._look()
        return self._known.get((service_name.replace("_", "-"), interface))

    def _look(self) -> None:
        with self._lock:
            if self._clock.monotonic() < self._look_at:
                return
            self._look_at = self._clock.monotonic() + AFTER_FAILURE_SECONDS
            try:
                found = self._ask()
            except errors.NacreError:
                if not self._known:
                    raise
                return
            self._known = {
                (service["type"], endpoint["interface"]): _VERSION.sub("", endpoint["url"])
                for service in found
                for endpoint in service.get("endpoints", ())
            }
            self._look_at = self._clock.monotonic() + LOOK_EVERY_SECONDS
