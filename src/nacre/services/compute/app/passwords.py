"""The password of a server's administrator, as its own guest made it.

A guest that makes a password of its own (Windows does) encrypts it with its user's public key and leaves
it with the metadata service; the user fetches it from the API and decrypts it.  It is kept once: only the
owner can clear it.
"""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.errors import BadRequest, Conflict
from nacre.services.compute.db import passwords as rows
from nacre.services.compute.db.servers import Server

LONGEST_BYTES = 255 * 4


def get(ctx: Context, server: Server) -> str:
    """Return the encrypted password; empty where the guest has left none."""
    return ctx.db.read(rows.find, server.id)


def leave(ctx: Context, server: Server, encrypted: bytes) -> None:
    """Keep what the guest says; raises Conflict when it has said it before."""
    if len(encrypted) > LONGEST_BYTES:
        raise BadRequest("Request is too large.")
    try:
        text = encrypted.decode("ascii")
    except UnicodeDecodeError:
        raise BadRequest("The password is not encrypted and written in base64.") from None
    if not ctx.db.run(rows.insert, server.id, text):
        raise Conflict("The password of this server is kept already.")


def clear(ctx: Context, server: Server) -> None:
    """Forget the password; the guest may leave another."""
    ctx.db.run(rows.delete, server.id)
