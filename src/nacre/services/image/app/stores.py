"""Which store this cloud keeps its images in, and what is known of it."""

from __future__ import annotations

from pathlib import Path

from nacre.kernel.config import ConfigError
from nacre.kernel.context import Context
from nacre.kernel.service import Service
from nacre.services.image.drivers.base import Store
from nacre.services.image.drivers.files import FilesStore

STORE, STAGING = "store", "staging"
#: What users call the stores there are; the first is the default.
STORE_IDS = (FilesStore.id,)


def open_stores(service: Service) -> None:
    """Open the store and the place for staged data; may run twice."""
    options = service.config
    if options.store != "files":
        raise ConfigError(f"[image] store: there is no {options.store!r}; the only one is 'files'")
    directory = Path(options.directory) if options.directory else service.process.state / "images"
    service.memory[STORE] = FilesStore(directory)
    service.memory[STAGING] = FilesStore(directory / STAGING)


def store(ctx: Context) -> Store:
    """Return where active images are kept."""
    found: Store = ctx.service.memory[STORE]
    return found


def staging(ctx: Context) -> Store:
    """Return where staged data waits to be imported."""
    found: Store = ctx.service.memory[STAGING]
    return found
