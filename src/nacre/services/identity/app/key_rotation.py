"""Rotating the keys, as an operator does every few weeks.

Tokens need nothing more: those that were encrypted with an older key live for an hour or two, and
the key is kept longer.  Stored secrets live for ever, so they are encrypted anew with the primary
key, before the oldest key is dropped and once more after.  When it dies anywhere, running it
again is right.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nacre.services.identity.app.state import seal_secret, state_of, unseal_secret
from nacre.services.identity.db import key_rotation as rows

if TYPE_CHECKING:
    from nacre.kernel.service import Service


def rotate_keys(service: Service) -> None:
    """Make the staged keys those by which new tokens and all secrets are encrypted."""
    state = state_of(service)
    state.token_keys.rotate()
    _renew_secrets(service)
    state.secret_keys.rotate()
    _renew_secrets(service)


def _renew_secrets(service: Service) -> None:
    """Encrypt everything stored with the primary key."""
    renew = partial(_renew, service)
    for renew_some in (rows.renew_credentials, rows.renew_consumers, rows.renew_options):
        after: str | None = ""
        while after is not None:
            after = service.db.run(renew_some, after, renew)


def _renew(service: Service, text: str) -> str:
    return seal_secret(service, unseal_secret(service, text))
