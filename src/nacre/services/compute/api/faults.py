"""How compute words refusals: as its neighbours do, but for what upstream's router does not tell apart."""

from __future__ import annotations

from nacre.kernel.errors import MethodNotAllowed, NacreError
from nacre.kernel.http.faults import Named

NOT_FOUND = 404


class ComputeFaults(Named):
    """compat: a method that a path does not have is 404 like a path that is not there (nova, routes.py)."""

    def status(self, error: NacreError) -> int:
        return NOT_FOUND if isinstance(error, MethodNotAllowed) else super().status(error)
