"""What an examination looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nacre.cloud import serve
from nacre.cloud.client import CloudClient
from nacre.cloud.deploy.plan import Plan
from nacre.cloud.options import Options
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.kernel.config import ConfigFile
from nacre.kernel.process import DatabaseOptions
from nacre.kernel.shared_key import SharedKey


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and what mends it."""

    text: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A cloud of several machines, as this one knows it."""

    options: Options
    config: ConfigFile
    settled: Settings
    plan: Plan
    key: SharedKey
    key_file: Path
    state: StateDirectory
    database: DatabaseOptions

    def admin(self) -> CloudClient:
        """Return a client of the administrator, through the proxy."""
        auth_url = f"{serve.identity_address(self.settled, self.config)}/v3"
        return CloudClient(auth_url, "admin", self.state.secrets().admin_password, "admin", ca=self.plan.ca)
