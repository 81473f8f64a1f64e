"""What a simulated host pretends to be, and what is to go wrong on it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A call that is to fail.  `verb` is a method of the driver ("ensure", "stop"), `server` a part of the
    server's name or id (empty: any)."""

    verb: str  # which call of the driver: ensure, start, stop, …
    server: str = ""  # a part of the server's name or id; empty: any server
    message: str = "The simulated host was told to fail."  # what the server's fault says
    times: int | None = None  # how often; None: for ever
    outage: bool = False  # something that may pass, rather than a refusal


@dataclass(frozen=True, kw_only=True)
class SimulatedOptions:
    """Options of the simulated driver."""

    vcpus: int = 64  # what the host has
    memory_mb: int = 256 * 1024  # what the host has
    disk_gb: int = 10_000  # what the host has
    arch: str = "x86_64"  # what images must be made for
    cpu_features: tuple[str, ...] = ("sse4.2", "avx2")  # servers on their way need those of where they were
    traits: tuple[str, ...] = ()  # besides those that every simulated host has
    build_seconds: float = 0.0  # until a new server runs (fetching its image, as it were)
    boot_seconds: float = 2.0  # until its console shows a login prompt
    shutdown_seconds: float = 0.0  # until a guest that is asked has powered itself off
    snapshot_seconds: float = 0.0  # until a copy of a disk is written
    move_seconds: float = 0.0  # until a server that goes to another host is there
    failures: tuple[Failure, ...] = field(default=())  # the tables below
