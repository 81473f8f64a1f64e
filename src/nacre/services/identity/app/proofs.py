"""The ways to prove who one is: a password, an earlier token, an application credential, a one-time code.

Each method is a function from what the request holds under the method's name to a Proof, and
raises AuthenticationFailed with a reason that only the log sees.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32decode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.services.identity.app import signatures, tokens
from nacre.services.identity.app.credentials import EC2, ec2_id, readable
from nacre.services.identity.app.scopes import domain_id
from nacre.services.identity.app.state import state_of, unseal_secret
from nacre.services.identity.db import application_credentials, credentials, projects, trusts, users
from nacre.services.identity.db.application_credentials import ApplicationCredential
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import AuthenticationFailed

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

TOTP_SECONDS = 30
TOTP_DIGITS = 6


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What one method found out."""

    user_id: str
    methods: tuple[str, ...]
    expires_at: datetime | None = None
    parent_audit_id: str | None = None
    application_credential: ApplicationCredential | None = None


class PasswordExpired(errors.Unauthorized):
    """The password is right but too old; the user must set a new one."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"The password is expired and needs to be changed for user: {user_id}.")


def examine(ctx: Context, method: str, given: Mapping[str, Any]) -> Proof:
    """Examine what a request holds for one method."""
    examiner = EXAMINERS.get(method)
    if examiner is None:
        raise AuthenticationFailed(f"the method {method[:40]!r} is not known")
    return examiner(ctx, given)


# -- passwords --------------------------------------------------------------------------------------


def by_password(ctx: Context, given: Mapping[str, Any]) -> Proof:
    """Prove by user (id, or name and domain) and password."""
    user = check_password(ctx, given["user"], given["user"]["password"])
    expires_at = user.password_expires_at
    if (
        expires_at is not None
        and expires_at <= ctx.clock.now()
        and not user.options.get("ignore_password_expiry")
    ):
        raise PasswordExpired(user.id)
    return Proof(user_id=user.id, methods=("password",))


def check_password(ctx: Context, named: Mapping[str, Any], password: str) -> User:
    """Return the user whose password this is; an old one is good enough.

    Takes the same time whether or not the user exists, is enabled or is locked out.
    """
    passwords = state_of(ctx.service).passwords
    user = ctx.db.read(find_enabled, named)
    if user is not None and _is_locked_out(ctx, user):
        passwords.verify(password, None)
        raise AuthenticationFailed(f"user {user.id} is locked out after too many wrong passwords")
    stored = user.password_hash if user is not None else None
    if not passwords.verify(password, stored) or user is None:
        if user is not None:
            _record_failure(ctx, user)
        raise AuthenticationFailed("no such user, or not that password")
    _record_success(ctx, user, password)
    return user


def find_enabled(tx: Transaction, named: Mapping[str, Any]) -> User | None:
    """Return the user that a request names by id, or by name and domain, unless disabled."""
    if "id" in named:
        user = users.find(tx, named["id"])
    else:
        try:
            user = users.find_named(tx, domain_id(tx, named["domain"]), named["name"])
        except AuthenticationFailed:
            return None
    if user is None or not user.enabled:
        return None
    domain = projects.find_untagged(tx, user.domain_id)
    return user if domain is not None and domain.enabled else None


def _is_locked_out(ctx: Context, user: User) -> bool:
    limit = ctx.config.lockout_failures
    if limit is None or user.failed_logins < limit or user.failed_login_at is None:
        return False
    if user.options.get("ignore_lockout_failure_attempts"):
        return False
    return user.failed_login_at + timedelta(seconds=ctx.config.lockout_seconds) > ctx.clock.now()


def _record_failure(ctx: Context, user: User) -> None:
    limit = ctx.config.lockout_failures
    if limit is None:
        return
    over = user.failed_logins >= limit  # the time of the lock-out is over: the count begins anew
    failures = 1 if over else user.failed_logins + 1
    ctx.db.run(users.update, user.id, {"failed_logins": failures, "failed_login_at": ctx.clock.now()})


def _record_success(ctx: Context, user: User, password: str) -> None:
    """Forget earlier failures, and replace a hash that is not made as they are today."""
    changes: dict[str, Any] = {}
    if user.failed_logins:
        changes |= {"failed_logins": 0, "failed_login_at": None}
    passwords = state_of(ctx.service).passwords
    if user.password_hash is not None and passwords.needs_rehash(user.password_hash):
        changes["password_hash"] = passwords.hash(password)
    if changes:
        ctx.db.run(users.update, user.id, changes)


# -- the other methods --------------------------------------------------------------------------------


def by_token(ctx: Context, given: Mapping[str, Any]) -> Proof:
    """Prove by an earlier token, to get one for another scope; it ends no later than the first.

    Raises TokenNotFound for a token that is not valid: upstream answers 404 here too.
    """
    grant = tokens.validate(ctx.service, given["id"])
    if grant.standing.trust is not None or grant.standing.application_credential is not None:
        raise errors.Forbidden("A token of a trust or an application credential gives no other token.")
    token = grant.token
    return Proof(
        user_id=token.user_id,
        methods=(*token.methods, "token"),
        expires_at=token.expires_at,
        parent_audit_id=token.parent_audit_id or token.audit_id,
    )


def by_application_credential(ctx: Context, given: Mapping[str, Any]) -> Proof:
    """Prove by an application credential's id, or its name and user, and its secret."""

    def find(tx: Transaction) -> ApplicationCredential | None:
        if "id" in given:
            return application_credentials.find(tx, given["id"])
        user = find_enabled(tx, given["user"])
        return application_credentials.find_named(tx, user.id, given["name"]) if user else None

    credential = ctx.db.read(find)
    passwords = state_of(ctx.service).passwords
    stored = credential.secret_hash if credential is not None else None
    if not passwords.verify(given["secret"], stored) or credential is None:
        raise AuthenticationFailed("no such application credential, or not that secret")
    if credential.expires_at is not None and credential.expires_at <= ctx.clock.now():
        raise AuthenticationFailed("the application credential has expired")
    return Proof(
        user_id=credential.user_id,
        methods=("application_credential",),
        expires_at=credential.expires_at,
        application_credential=credential,
    )


def by_totp(ctx: Context, given: Mapping[str, Any]) -> Proof:
    """Prove by a time-based one-time code (RFC 6238) of one of the user's `totp` credentials."""
    user = ctx.db.read(find_enabled, given["user"])
    if user is None:
        raise AuthenticationFailed("no such user")
    sealed = ctx.db.read(credentials.sealed_blobs, user.id, "totp")
    step = int(ctx.clock.now().timestamp()) // TOTP_SECONDS
    passcode = given["user"]["passcode"].encode()
    for blob in sealed:
        secret = unseal_secret(ctx.service, blob)
        # One step back is allowed, for whoever typed slowly.
        if any(hmac.compare_digest(totp(secret, at).encode(), passcode) for at in (step, step - 1)):
            return Proof(user_id=user.id, methods=("totp",))
    raise AuthenticationFailed("not the one-time code of any credential")


def by_signature(ctx: Context, given: Mapping[str, Any]) -> tuple[Proof, dict[str, Any] | None]:
    """Prove by a request that was signed with an EC2 credential; returns the scope that goes with it.

    A credential that was made with an application credential or by a trust is good for no more
    than these are.
    """
    found = ctx.db.read(credentials.find, ec2_id(given["access"]))
    if found is None or found.type != EC2 or found.project_id is None:
        raise AuthenticationFailed("no such access key")
    if not signatures.is_right(readable(ctx, found).secret, given):
        raise AuthenticationFailed(f"not signed with the secret of credential {found.id}")
    proof = Proof(user_id=found.user_id, methods=("ec2credential",))
    if found.trust_id is not None:
        trust = ctx.db.read(trusts.find, found.trust_id)
        if trust is None:
            raise AuthenticationFailed("the trust is gone")
        proof = msgspec.structs.replace(proof, user_id=trust.trustee_user_id)
        return proof, {"OS-TRUST:trust": {"id": trust.id}}
    if found.application_credential_id is not None:
        owner = ctx.db.read(application_credentials.find, found.application_credential_id)
        if owner is None:
            raise AuthenticationFailed("the application credential is gone")
        return msgspec.structs.replace(proof, application_credential=owner), None
    return proof, {"project": {"id": found.project_id}}


def totp(secret: str, step: int) -> str:
    """Return the code of a base32 secret at a time step (RFC 4226, RFC 6238); empty for no such secret."""
    try:
        key = b32decode(secret.strip().upper() + "=" * (-len(secret.strip()) % 8))
    except ValueError:
        return ""
    digest = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**TOTP_DIGITS).zfill(TOTP_DIGITS)


EXAMINERS: dict[str, Callable[[Any, Mapping[str, Any]], Proof]] = {
    "password": by_password,
    "token": by_token,
    "application_credential": by_application_credential,
    "totp": by_totp,
}
