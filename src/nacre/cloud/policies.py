"""The operator's own policy: files that say otherwise than the services' default rules.

    <state>/policy/compute.yaml     or compute.json: rules of compute, as OpenStack's policy.yaml has them
    <state>/policy/compute/…        or a folder of such files; later names win

They are read at the start.  What cannot be read, or belongs to no service, stops it: a cloud that runs
with half of its operator's rules is worse than one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacre.cloud.state import StateDirectory
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.config import Options as Section
from nacre.kernel.policy import load
from nacre.services import NAMES

SUFFIXES = (".json", ".yml", ".yaml")


class PolicySection(Section, frozen=True, kw_only=True):
    """The section [policy] of the configuration."""

    directory: str | None = None
    """Where the policy files are; by default `policy` in the state directory."""


def overrides(state: StateDirectory, config: ConfigFile) -> Callable[[str], dict[str, Any]]:
    """Return the function from a service's name to the rules that its operator changed.

    Raises ConfigError for a directory that was named and is not there, and for files of no service.
    """
    named = config.section("policy", PolicySection).directory
    directory = Path(named) if named else state.root / "policy"
    if named and not directory.is_dir():
        raise ConfigError(f"section [policy]: directory: there is no directory {directory}")
    if directory.is_dir():
        _refuse_strangers(directory)

    def of_service(service: str) -> dict[str, Any]:
        try:
            return load(*(directory / f"{service}{suffix}" for suffix in SUFFIXES), directory / service)
        except (ValueError, OSError) as error:
            raise ConfigError(str(error)) from None

    return of_service


def _refuse_strangers(directory: Path) -> None:
    """Raise ConfigError for a policy file that no service would read, such as nova.yaml."""
    for path in sorted(directory.iterdir()):
        name = path.name if path.is_dir() else path.stem
        if name not in NAMES and not name.startswith(".") and (path.is_dir() or path.suffix in SUFFIXES):
            raise ConfigError(f"policy file {path} is no service's; services are {', '.join(NAMES)}")
