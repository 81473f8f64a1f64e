"""The state directory: everything of one cloud, in one place, readable by its owner only.

nacre.toml     the configuration that the first start wrote and people may edit
clouds.yaml    openrc, openrc-admin: how clients find the cloud
policy/        the operator's own rules, one file for each service; absent unless somebody makes it
keys/          passwords, token keys, the demo key pair (mode 0600)
db/            one SQLite file for each service
images/        what was uploaded
novnc/         the page that shows servers' screens (real mode)
hosts/         what the agents of this machine keep
log/           nacre.log (one JSON object a line)
run/           who runs at present; gone when nothing does
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from nacre.kernel.config import ConfigFile
from nacre.kernel.errors import Conflict
from nacre.kernel.shared_key import SharedKey

SECRET_BYTES = 18
HOLD_SECONDS = 1.0  # whoever only looks whether a cloud runs lets go of the lock at once


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Passwords and shared secrets of one cloud, generated once."""

    admin_password: str
    demo_password: str
    service_password: str
    metadata_secret: str

    def __repr__(self) -> str:
        return "Secrets(…)"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a running cloud says of itself in run/cloud.json."""

    pid: int
    mode: str
    auth_url: str
    front_url: str
    ready: bool = False


@dataclass(frozen=True)
class StateDirectory:
    """Paths and small files below one directory."""

    root: Path

    def prepare(self) -> None:
        """Make the directory, for its owner's eyes only."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("keys", "db", "log", "run", "hosts"):
            (self.root / name).mkdir(exist_ok=True, mode=0o700)

    @property
    def config(self) -> Path:
        return self.root / "nacre.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def hosts(self) -> Path:
        return self.root / "hosts"

    @property
    def log(self) -> Path:
        return self.root / "log" / "nacre.log"

    @property
    def output(self) -> Path:
        """What a detached cloud prints."""
        return self.root / "log" / "up.log"

    @property
    def novnc(self) -> Path:
        """The page that shows screens, in real mode."""
        return self.root / "novnc"

    @property
    def furnished(self) -> Path:
        """Exists once the first start has made everything it makes."""
        return self.root / "run-once-done"

    @property
    def is_cloud(self) -> bool:
        """Tell whether a cloud was ever started here."""
        return self.config.exists()

    @property
    def has_secrets(self) -> bool:
        """Tell whether this is the directory of services rather than of a host's agents alone."""
        return (self.keys / "secrets.json").exists()

    def secrets(self) -> Secrets:
        """Return the cloud's secrets, made at the first call."""
        path = self.keys / "secrets.json"
        if not path.exists():
            made = Secrets(
                **{name: secrets.token_urlsafe(SECRET_BYTES) for name in Secrets.__struct_fields__}
            )
            write_private(path, msgspec.json.encode(made))
        return msgspec.json.decode(path.read_bytes(), type=Secrets)

    def adopt(self, key: SharedKey) -> None:
        """Have the secrets that follow from the key which all control nodes share."""
        derived = Secrets(**{name: key.password(name) for name in Secrets.__struct_fields__})
        path = self.keys / "secrets.json"
        if not path.exists() or self.secrets() != derived:
            write_private(path, msgspec.json.encode(derived))

    def shared(self, config: ConfigFile) -> ConfigFile:
        """Return the configuration with what is in this directory: the agents' secret, and noVNC."""
        found = {"novnc_directory": str(self.novnc)} if self.novnc.exists() else {}
        return config.with_defaults("compute", metadata_secret=self.secrets().metadata_secret, **found)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory for this process; Conflict if another cloud runs on it."""
        with open(self.root / "run" / "lock", "a") as lock:
            deadline = time.monotonic() + HOLD_SECONDS
            while not _locks(lock):
                if time.monotonic() > deadline:
                    running = self.running()
                    by = f" (process {running.pid})" if running else ""
                    raise Conflict(f"The cloud in {self.root} is running already{by}.")
                time.sleep(0.01)
            yield

    def note_running(self, running: Running) -> None:
        """Write down who runs."""
        write_private(self.root / "run" / "cloud.json", msgspec.json.encode(running))

    def forget_running(self) -> None:
        """Remove what `note_running` wrote."""
        (self.root / "run" / "cloud.json").unlink(missing_ok=True)

    def running(self) -> Running | None:
        """Return who runs; None if nobody does."""
        try:
            noted = msgspec.json.decode((self.root / "run" / "cloud.json").read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return noted if self._is_held() else None

    def _is_held(self) -> bool:
        try:
            with open(self.root / "run" / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False


def _locks(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, content: bytes | str, *, mode: int = 0o600) -> None:
    """Replace a file as a whole, so that a crash leaves the old or the new one, readable by its owner."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
