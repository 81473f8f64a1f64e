"""What a machine is told when it joins the cloud as a host: all that its agents must know besides the broker."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nacre.cloud.settings import Settings
from nacre.kernel.bus import BusOptions
from nacre.kernel.config import ConfigFile
from nacre.kernel.process import ProcessOptions, public_address

METADATA, METADATA_PORT = "metadata", 8775  # as compute's manifest says, which identity does not load


def told_to_hosts(
    settled: Settings, config: ConfigFile, metadata_secret: str
) -> Callable[[str], Mapping[str, Any]]:
    """Return the function from a host's name to what it is told."""
    process, ca = config.section("process", ProcessOptions), config.section("bus", BusOptions).ca
    metadata_url = public_address(process, settled.ports, settled.listen, METADATA_PORT, METADATA)

    def told(host: str) -> dict[str, Any]:
        return {
            "name": settled.name,
            "mode": str(settled.mode),
            "region": settled.region,
            "metadata_url": metadata_url,
            "metadata_secret": secret_of(metadata_secret, host),
            "broker_ca": Path(ca).read_text() if ca else None,
        }

    return told


def secret_of(metadata_secret: str, host: str) -> str:
    """Return the secret by which one host's agent vouches for guests, as the compute service expects it."""
    return hmac.new(metadata_secret.encode(), f"host {host}".encode(), hashlib.sha256).hexdigest()
