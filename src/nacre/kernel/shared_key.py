"""The one secret that all control nodes of a cloud share, and from which every other secret follows.

A cloud of one machine keeps its secrets in its state directory.  On several machines they must be equal
everywhere, and what must be equal is best one small thing: a file with a random key, which the operator
carries to each control node.  Passwords of services and keys of signatures are derived from it (HKDF); what
must be able to change, such as the keys of tokens, lies in the database, sealed with it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nacre.kernel.config import ConfigError

KEY_BYTES = 32
PASSWORD_BYTES = 18


class WrongKey(Exception):
    """Something was sealed with another key than ours."""


class SharedKey:
    """A cloud's key.  Whoever has it is the cloud, so it is never printed and never sent."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._key = key
        self._fernet = Fernet(base64.urlsafe_b64encode(self.derive("seal")))

    @classmethod
    def read(cls, path: Path) -> SharedKey:
        """Read a key file; ConfigError where it cannot be used, or others could read it."""
        try:
            if path.stat().st_mode & 0o077:
                raise ConfigError(f"{path} can be read by others than its owner: chmod 600 {path}")
            return cls(base64.urlsafe_b64decode(path.read_text().strip()))
        except OSError as error:
            raise ConfigError(f"the cloud's key cannot be read: {error}") from None
        except ValueError:
            raise ConfigError(
                f"{path} holds no key of a cloud: `nacre deploy key {path}` makes one"
            ) from None

    @property
    def fingerprint(self) -> str:
        """A short text that is equal where keys are equal, and tells nothing about them."""
        return hashlib.sha256(self.derive("fingerprint")).hexdigest()[:16]

    def derive(self, purpose: str) -> bytes:
        """Return the key for one purpose."""
        return HKDF(SHA256(), KEY_BYTES, salt=b"nacre", info=purpose.encode()).derive(self._key)

    def password(self, purpose: str) -> str:
        """Return the password for one purpose."""
        raw = self.derive(f"password: {purpose}")[:PASSWORD_BYTES]
        return base64.urlsafe_b64encode(raw).decode()

    def seal(self, data: bytes) -> str:
        """Encrypt something for the database."""
        return self._fernet.encrypt(data).decode()

    def unseal(self, sealed: str) -> bytes:
        """Decrypt what `seal` made; raises WrongKey."""
        try:
            return self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            raise WrongKey from None


def make(path: Path) -> None:
    """Write a new key, readable by its owner only; FileExistsError rather than replace one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
