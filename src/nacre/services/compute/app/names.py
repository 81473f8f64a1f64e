"""Hostnames and passwords that servers get when nobody chose them."""

from __future__ import annotations

import re
import secrets
import string

PASSWORD_LENGTH = 12
LONGEST_HOSTNAME = 63
_UNLIKE = "Il1O0o5S"  # characters that people mistake for others
_ALPHABET = "".join(char for char in string.ascii_letters + string.digits if char not in _UNLIKE)


def hostname(name: str, server_id: str) -> str:
    """Make a hostname of a server's name, as RFC 952 and 1123 want it.

    compat: blanks, dots and underscores become dashes, the rest is dropped (nova, utils.sanitize_hostname).
    """
    text = re.sub(r"[ _.]", "-", name)
    text = re.sub(r"[^a-zA-Z0-9-]", "", text).lower().strip("-")[:LONGEST_HOSTNAME].rstrip("-")
    return text or f"server-{server_id}"


def numbered(name: str, number: int, count: int) -> str:
    """Return the name of one of several servers that are made together ("web-2")."""
    return name if count == 1 else f"{name}-{number}"


def password() -> str:
    """Return a password that can be read out on the telephone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


def reservation_id() -> str:
    """Return the id under which servers that were made together are found."""
    return "r-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
