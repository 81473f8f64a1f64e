"""The services of the cloud: one folder each, all of the same shape (ARCHITECTURE.md).

NAMES is the whole list, in the order in which they start: each comes after those that it calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nacre.kernel.service import Manifest

NAMES: tuple[str, ...] = ("identity", "placement", "image", "network", "compute")


def manifests(names: Iterable[str] | None = None) -> list[Manifest]:
    """Return the manifests of some services, in starting order; of all without names.

    A service is imported only when it is asked for, so a process pays for what it serves.  Raises
    KeyError for a name that is not a service's.
    """
    wanted = set(NAMES if names is None else names)
    if unknown := wanted - set(NAMES):
        raise KeyError(f"there is no service {', '.join(sorted(unknown))}")
    return [import_module(f"{__name__}.{name}.service").MANIFEST for name in NAMES if name in wanted]
