"""The section [identity] of the configuration."""

from nacre.kernel.config import Options


class IdentityOptions(Options, frozen=True):
    """What an operator may set; every default is that of a fresh OpenStack cloud."""

    token_seconds: int = 3600
    """How long a token is valid."""
    allow_expired_seconds: int = 2 * 24 * 3600
    """How long after its end a service may still validate a token with `allow_expired`."""
    active_keys: int = 3
    """How many token keys are kept: one staged, one primary, the rest for reading older tokens."""
    refresh_seconds: float = 0.3
    """How often, at most, the database is asked whether another process changed something."""
    remembered_tokens: int = 20_000
    """How many validated tokens one process remembers."""

    argon2_memory_kib: int = 19 * 1024
    """What one hash of a password costs in memory; a change holds for passwords set from then on."""
    argon2_passes: int = 2
    """What it costs in time."""
    argon2_lanes: int = 1
    """How many threads share the work of one hash."""
    simultaneous_hashes: int | None = None
    """How many passwords are hashed at a time; each takes `argon2_memory_kib` of memory.  None: one for each
    processor, and not more than four."""

    lockout_failures: int | None = None
    """After so many wrong passwords in a row a user is locked out; None: never."""
    lockout_seconds: int = 1800
    """How long such a user stays locked out."""
    unique_last_passwords: int = 0
    """How many earlier passwords users may not choose again."""
    password_expires_days: int | None = None
    """After so many days a password must be changed; None: never."""
    minimum_password_age_days: int = 0
    """How long users must keep a password before they choose another."""
    password_pattern: str | None = None
    """A regular expression that passwords which users choose themselves must match."""
    password_pattern_description: str | None = None
    """What users are told who choose a password that does not match."""
    change_password_upon_first_use: bool = False
    """Users must change a password that an administrator gave them."""

    project_depth: int = 5
    """How deep a tree of projects may be, not counting its domain."""
    application_credentials_per_user: int = -1
    """-1: as many as they like."""
    credentials_per_user: int = -1
    """-1: as many as they like."""
    redelegations: int = 3
    """How often a trust may be passed on."""
