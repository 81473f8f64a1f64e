"""Tickets: how a host fetches or sends an image's bytes without being anybody.

A host's agent holds no user's credentials.  The control plane, which has checked that the user may use the
image, asks for a ticket and hands it to the agent with the rest of the work.  A ticket opens one
image for one operation until it expires, and nothing else; it is a signature, so there is nothing to
store and nothing to clean up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from enum import StrEnum
from pathlib import Path

from nacre.kernel.context import Context
from nacre.kernel.service import Service
from nacre.services.image.db import images
from nacre.services.image.db.images import Image
from nacre.services.image.errors import BadTicket

KEY = "ticket_key"
KEY_FILE = "image-tickets"
KEY_BYTES = 32


class Operation(StrEnum):
    """What a ticket is good for."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


def prepare_key(service: Service) -> None:
    """Have the key that signs tickets, making it first where there is none; may run twice."""
    shared = service.process.shared_key
    service.memory[KEY] = shared.derive(KEY_FILE) if shared else _key(service.process.state / "keys")


def _key(directory: Path) -> bytes:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / KEY_FILE
    if not path.exists():
        temporary = directory / f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, secrets.token_bytes(KEY_BYTES))
            os.fsync(file)
        finally:
            os.close(file)
        try:
            os.link(temporary, path)  # of several processes that start at once, the first wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} is no key: it has {len(key)} bytes")
    return key


def issue(ctx: Context, image: Image, operation: Operation) -> str:
    """Return a ticket for an image."""
    expires = int(ctx.clock.now().timestamp() + ctx.config.ticket_seconds)
    return f"{operation}.{expires}.{_signature(ctx, image.id, operation, expires)}"


def admit(ctx: Context, image_id: str, ticket: str | None, operation: Operation) -> Image:
    """Return the image that a ticket opens; raises BadTicket, which tells nothing."""
    kind, _, rest = (ticket or "").partition(".")
    expiry, _, signature = rest.partition(".")
    if kind != operation or not expiry.isascii() or not expiry.isdecimal() or len(expiry) > 12:
        raise BadTicket()
    expected = _signature(ctx, image_id, operation, int(expiry))
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise BadTicket()
    if int(expiry) < ctx.clock.now().timestamp():
        raise BadTicket()
    image = ctx.db.read(images.find_any, image_id)
    if image is None:
        raise BadTicket()
    return image


def _signature(ctx: Context, image_id: str, operation: Operation, expires: int) -> str:
    key: bytes = ctx.service.memory[KEY]
    text = f"nacre-image-ticket\n{image_id}\n{operation}\n{expires}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode().rstrip("=")
