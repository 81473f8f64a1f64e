"""Passwords: hashed with Argon2id, checked whatever they were hashed with, never kept or logged.

A cloud that was moved here from another identity service brings bcrypt, scrypt and PBKDF2 hashes;
they are verified and replaced at the next successful login.  A hash takes tens of megabytes
and milliseconds on purpose, so only a few run at a time, and somebody who tries a user that
does not exist waits as long as for a wrong password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from typing import TYPE_CHECKING

import argon2
import bcrypt

from nacre.kernel.pool import blocking

if TYPE_CHECKING:
    from nacre.services.identity.config import IdentityOptions

#: bcrypt reads no more of a password than this.
BCRYPT_BYTES = 72
#: The longest password that is hashed; a longer one is a wrong one.
LONGEST = 4096
#: More than there are processors would only drive each other's memory out of the caches.
MOST_AT_A_TIME = 4


class Passwords:
    """Hashes and verifies, with the costs that the configuration sets.  One for each process."""

    def __init__(self, options: IdentityOptions) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=options.argon2_passes,
            memory_cost=options.argon2_memory_kib,
            parallelism=options.argon2_lanes,
            type=argon2.Type.ID,
        )
        self._turns = threading.BoundedSemaphore(
            options.simultaneous_hashes or min(os.cpu_count() or 1, MOST_AT_A_TIME)
        )
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        with blocking(), self._turns:
            return self._hasher.hash(password)

    def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether a password is the one that was hashed.

        With no hash (no such user, or one without a password) the answer is no, after the time
        that a yes would have taken.
        """
        if len(password) > LONGEST:
            return False
        if self._nobody is None:
            self._nobody = self.hash("nobody's password")
        with blocking(), self._turns:
            fits = _verify(self._hasher, password, stored or self._nobody)
        return fits and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a hash was made by another method or with other costs than today's."""
        if not stored.startswith("$argon2id$"):
            return True
        return self._hasher.check_needs_rehash(stored)


def _verify(hasher: argon2.PasswordHasher, password: str, stored: str) -> bool:
    """Verify against a hash in any of the formats that are known; an unreadable hash fits nothing."""
    try:
        if stored.startswith("$argon2"):
            return hasher.verify(stored, password)
        if stored.startswith(("$2a$", "$2b$", "$2y$")):
            return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())
        if stored.startswith("$bcrypt-sha256$"):
            return _verify_bcrypt_sha256(password, stored)
        if stored.startswith("$scrypt$"):
            return _verify_scrypt(password, stored)
        if stored.startswith("$pbkdf2-sha512$"):
            return _verify_pbkdf2(password, stored)
    except (argon2.exceptions.Argon2Error, ValueError, KeyError, TypeError):
        return False
    return False


def _verify_bcrypt_sha256(password: str, stored: str) -> bool:
    """Verify `$bcrypt-sha256$v=2,t=2b,r=12$salt$digest`: bcrypt over a keyed SHA-256 of the password."""
    _, _, parameters, salt, digest = stored.split("$")
    known = dict(part.split("=", 1) for part in parameters.split(","))
    if known.get("v") != "2":
        return False
    mac = hmac.new(salt.encode(), password.encode(), hashlib.sha256).digest()
    return bcrypt.checkpw(
        base64.b64encode(mac), f"${known['t']}${int(known['r']):02d}${salt}{digest}".encode()
    )


def _verify_scrypt(password: str, stored: str) -> bool:
    """Verify `$scrypt$ln=16,r=8,p=1$salt$digest`."""
    _, _, parameters, salt, digest = stored.split("$")
    known = {name: int(value) for name, value in (part.split("=", 1) for part in parameters.split(","))}
    expected = _unpadded(digest)
    made = hashlib.scrypt(
        password.encode(),
        salt=_unpadded(salt),
        n=1 << known["ln"],
        r=known["r"],
        p=known["p"],
        dklen=len(expected),
        maxmem=256 * 1024 * 1024,
    )
    return hmac.compare_digest(made, expected)


def _verify_pbkdf2(password: str, stored: str) -> bool:
    """Verify `$pbkdf2-sha512$rounds$salt$digest`."""
    _, _, rounds, salt, digest = stored.split("$")
    expected = _unpadded(digest)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), _unpadded(salt), int(rounds), len(expected))
    return hmac.compare_digest(made, expected)


def _unpadded(text: str) -> bytes:
    """Decode the base64 of these formats: no padding, and a dot in place of the plus."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
