"""Which server asks the metadata service: nobody logs in there, so a network agent vouches for each request.

The agent knows the guest by the network and address that a packet came from.  It names the server in a
header and signs the name with a secret that guests do not have; without the right signature nobody is
told anything.  An agent on a host that joined the cloud has a secret of its own, which follows from the common one
and the host's name, and says which host it is.
"""

from __future__ import annotations

import hashlib
import hmac

from nacre.kernel.context import Context
from nacre.kernel.errors import BadRequest, Forbidden, NotFound, Unavailable
from nacre.services.compute.app import metadata
from nacre.services.compute.app.metadata import Guest
from nacre.services.network import client as network

KNOWN, KNOWN_SECONDS, MOST_KNOWN = "metadata_callers", 60.0, 10_000


class BadSignature(Forbidden):
    message = "Invalid proxy request signature."


def signature(secret: str, server_id: str) -> str:
    """Return what the agent must show for a server."""
    return hmac.new(secret.encode(), server_id.encode(), hashlib.sha256).hexdigest()


def secret_of(secret: str, host: str) -> str:
    """Return the secret of one host's agent."""
    return hmac.new(secret.encode(), f"host {host}".encode(), hashlib.sha256).hexdigest()


def guest(ctx: Context, server_id: str, project_id: str, shown: str, *, host: str = "") -> Guest:
    """Return the guest that a request is for; raises BadRequest, BadSignature and NotFound."""
    for name, value in (("X-Instance-ID", server_id), ("X-Tenant-ID", project_id)):
        if not value:
            raise BadRequest(f"{name} header is missing from request.")
        if "," in value:
            raise BadRequest(f"Multiple {name} headers found within request.")
    secret = ctx.config.metadata_secret
    if not secret:
        raise Unavailable(
            "Metadata is not served here.",
            detail="[compute] metadata_secret is not set; no caller can be believed",
        )
    if host:
        secret = secret_of(secret, host)
    if not hmac.compare_digest(signature(secret, server_id).encode(), shown.encode()):
        raise BadSignature()
    found = metadata.guest(ctx, server_id)
    if host and not _may_ask(ctx, host, found):
        raise BadSignature(
            detail=f"host {host} asks about server {server_id}, with which it has nothing to do"
        )
    if found.server.project_id != project_id:
        raise NotFound()
    return found


def _may_ask(ctx: Context, host: str, guest: Guest) -> bool:
    """Tell whether a host may vouch for a guest: it is there, or the host serves a network of its."""
    if guest.server.host == host:
        return True
    network_ids = {nic.network_id for nic in guest.nics}
    known: dict[tuple[str, frozenset[str]], float] = ctx.service.memory.setdefault(KNOWN, {})
    key, now = (host, frozenset(network_ids)), ctx.clock.monotonic()
    if known.get(key, 0.0) > now:
        return True
    if not network.serves_guests_of(ctx.as_service(), host, network_ids):
        return False
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = now + KNOWN_SECONDS
    return True
