"""The databases of a cloud: where its configuration says that each service keeps its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nacre.cloud import settings
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from nacre.kernel.config import ConfigFile
from nacre.kernel.db import Database, Schema
from nacre.kernel.db.kernel_tables import KERNEL_SCHEMA
from nacre.kernel.errors import NotFound
from nacre.kernel.process import DatabaseOptions
from nacre.services import NAMES, manifests

PLACE = "{service}"


@dataclass(frozen=True)
class ServiceDatabase:
    """One service's database and the schemas that it holds: the kernel's, and the service's own."""

    service: str
    db: Database
    schema: Schema

    @property
    def schemas(self) -> tuple[Schema, Schema]:
        """Both schemas, in the order in which they are made."""
        return KERNEL_SCHEMA, self.schema


def configured(options: Options) -> tuple[StateDirectory, ConfigFile, DatabaseOptions]:
    """Return a cloud's directory, its configuration and what that says of databases; NotFound without a cloud."""
    state = StateDirectory(options.state)
    section, config = settings.read(options)
    if not state.is_cloud and section.key_file is None:
        raise NotFound(f"There is no cloud in {state.root}.")
    return state, config, config.section("database", DatabaseOptions)


def url_of(options: DatabaseOptions, state: StateDirectory, service: str) -> str:
    """Return where a service keeps its state."""
    return options.url.replace(PLACE, service) if options.url else f"sqlite:///{sqlite_file(state, service)}"


def sqlite_file(state: StateDirectory, service: str) -> Path:
    """Return the file of a service's database, where there is no other."""
    return state.root / "db" / f"{service}.sqlite"


@contextmanager
def opened(urls: dict[str, str]) -> Iterator[list[ServiceDatabase]]:
    """Open databases by service → URL, and close them in the end."""
    found: list[ServiceDatabase] = []
    try:
        for manifest in manifests(urls):
            if manifest.schema is not None:
                found.append(ServiceDatabase(manifest.name, Database(urls[manifest.name]), manifest.schema))
        yield found
    finally:
        for each in found:
            each.db.close()


@contextmanager
def of_cloud(options: Options) -> Iterator[tuple[StateDirectory, list[ServiceDatabase]]]:
    """Open the databases of all services of a cloud."""
    state, _, database = configured(options)
    with opened({name: url_of(database, state, name) for name in NAMES}) as databases:
        yield state, databases
