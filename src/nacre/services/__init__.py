"""The services of the cloud: one folder each, all of the same shape (ARCHITECTURE.md).

NAMES is the whole list, in the order in which they start: each comes after those that it calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nacre.kernel.service import Manifest

NAMES: tuple[str, ...] = (
    "identity",
    "placement",
    "image",
    "network",
    "block_storage",
    "compute",
    "object_store",
    "orchestration",
    "metric",
    "alarm",
    "dashboard",
)


def is_present(name: str) -> bool:
    """Tell whether this nacre has a service."""
    return find_spec(f"{__name__}.{name}") is not None and find_spec(f"{__name__}.{name}.service") is not None


def manifests(names: Iterable[str] | None = None) -> list[Manifest]:
    """Return the manifests of some services, in starting order; of all that are present without names.

    A service is imported only when it is asked for, so a process pays for what it serves.  Raises
    KeyError for a name that is not a service's.
    """
    if names is None:
        wanted = {name for name in NAMES if is_present(name)}
    else:
        wanted = set(names)
        if unknown := wanted - set(NAMES):
            raise KeyError(f"there is no service {', '.join(sorted(unknown))}")
    return [import_module(f"{__name__}.{name}.service").MANIFEST for name in NAMES if name in wanted]
