"""What the command line said: which cloud, where it listens, and how real it should be.

`None` means that the command line was silent; then the cloud's own configuration decides, so that a
cloud which was once started on unusual ports is found there by every later command.
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HIGHEST_PORT = 65535


class Mode(StrEnum):
    """Whether servers, networks and disks exist in the world."""

    AUTO = "auto"
    REAL = "real"
    SIMULATED = "simulated"


@dataclass(frozen=True)
class Ports:
    """Where services listen: each on its usual port plus `offset`, or all on the port `single`."""

    offset: int = 0
    single: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Ports":
        """Read `standard`, `offset:N` or `single:PORT`; ValueError says what would be right."""
        if text == "standard":
            return cls()
        match = re.fullmatch(r"(offset|single):([0-9]{1,5})", text)
        if not match:
            raise ValueError(f"{text!r} is not one of standard, offset:N, single:PORT")
        number = int(match[2])
        if not 1 <= number <= HIGHEST_PORT:
            raise ValueError(f"{number} in {text!r} is not between 1 and {HIGHEST_PORT}")
        return cls(offset=number) if match[1] == "offset" else cls(single=number)

    def __str__(self) -> str:
        if self.single is not None:
            return f"single:{self.single}"
        return f"offset:{self.offset}" if self.offset else "standard"

    def of(self, usual: int) -> int | None:
        """Return the port of a service whose usual port is `usual`; None if it has none of its own."""
        if self.single is not None:
            return None
        port = usual + self.offset
        if port > HIGHEST_PORT:
            raise ValueError(f"{self} moves port {usual} beyond {HIGHEST_PORT}")
        return port

    def front(self, usual: int) -> int:
        """Return the one port on which every service answers by path prefix."""
        if self.single is not None:
            return self.single
        port = self.of(usual)
        assert port is not None
        return port


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that every command shares, and the two that `up` adds."""

    state: Path
    config: Path | None = None
    listen: str | None = None
    ports: Ports | None = None
    mode: Mode = Mode.AUTO
    detach: bool = False


def default_state() -> Path:
    """Return the directory of the cloud that is meant when `--state` is not given."""
    if os.geteuid() == 0:
        return Path("/var/lib/nacre")
    return Path.home() / ".local" / "share" / "nacre"
