"""What a token holds: who, how proven, for what, from when until when; packed small and encrypted.

A token is not stored.  It is this note as MessagePack inside Fernet (AES-CBC with an HMAC), about
200 characters that travel in a header.  Names, roles and the catalog are not in it: they are
read from the tables when it is validated.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import msgspec

from nacre.services.identity.app.keys import InvalidToken, Keys
from nacre.services.identity.errors import TokenNotFound

#: The order is part of the format: new methods are appended.
METHODS = ("password", "token", "application_credential", "totp", "external", "ec2credential")
LONGEST = 2048
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScopeKind(IntEnum):
    """What a token is good for."""

    NONE = 0
    PROJECT = 1
    DOMAIN = 2
    SYSTEM = 3
    TRUST = 4


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token's content."""

    user_id: str
    methods: tuple[str, ...]
    scope: ScopeKind = ScopeKind.NONE
    scope_id: str | None = None
    issued_at: datetime
    expires_at: datetime
    audit_id: str
    parent_audit_id: str | None = None
    application_credential_id: str | None = None
    trust_id: str | None = None

    @property
    def audit_ids(self) -> tuple[str, ...]:
        """Its own audit id, and that of the first token of its chain."""
        return (self.audit_id, self.parent_audit_id) if self.parent_audit_id else (self.audit_id,)


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """The form that travels: ids of 32 hex digits as 16 bytes, others as text; moments in microseconds."""

    user_id: Any
    methods: int
    scope: int
    scope_id: Any
    issued_at: int
    expires_at: int
    audit_id: bytes
    parent_audit_id: bytes | None = None
    application_credential_id: Any = None
    trust_id: Any = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def new_audit_id() -> str:
    """Return a random name for a token, by which it can be revoked and found in logs."""
    return _audit_text(secrets.token_bytes(16))


def seal(keys: Keys, token: Token) -> str:
    """Return the token as its bearer gets it."""
    packed = _Packed(
        user_id=_packed(token.user_id),
        methods=sum(1 << METHODS.index(method) for method in token.methods),
        scope=token.scope,
        scope_id=_packed(token.scope_id),
        issued_at=_micros(token.issued_at),
        expires_at=_micros(token.expires_at),
        audit_id=_audit_bytes(token.audit_id),
        parent_audit_id=None if token.parent_audit_id is None else _audit_bytes(token.parent_audit_id),
        application_credential_id=_packed(token.application_credential_id),
        trust_id=_packed(token.trust_id),
    )
    return keys.encrypt(_encode(packed)).decode().rstrip("=")


def unseal(keys: Keys, text: str) -> Token:
    """Read a token that a bearer shows; raises TokenNotFound for anything that we did not make."""
    if len(text) > LONGEST:
        raise TokenNotFound()
    try:
        packed = _decode(keys.decrypt(text.encode() + b"=" * (-len(text) % 4)))
    except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError, binascii.Error):
        raise TokenNotFound() from None
    return Token(
        user_id=_unpacked(packed.user_id) or "",
        methods=tuple(method for bit, method in enumerate(METHODS) if packed.methods & (1 << bit)),
        scope=ScopeKind(packed.scope),
        scope_id=_unpacked(packed.scope_id),
        issued_at=_moment(packed.issued_at),
        expires_at=_moment(packed.expires_at),
        audit_id=_audit_text(packed.audit_id),
        parent_audit_id=None if packed.parent_audit_id is None else _audit_text(packed.parent_audit_id),
        application_credential_id=_unpacked(packed.application_credential_id),
        trust_id=_unpacked(packed.trust_id),
    )


def _packed(id: str | None) -> bytes | str | None:
    if id is None:
        return None
    try:
        raw = bytes.fromhex(id)
    except ValueError:
        return id
    return raw if raw.hex() == id else id


def _unpacked(id: Any) -> str | None:
    return id.hex() if isinstance(id, bytes) else id


def _audit_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _audit_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
