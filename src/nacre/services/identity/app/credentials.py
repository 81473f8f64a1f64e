"""Credentials: secrets that identity keeps for users, encrypted, and gives back to whom they belong.

EC2 credentials are those of type `ec2`: an access key and a secret by which requests to S3 and
EC2 interfaces are signed.  Their id is the SHA-256 of the access key, so that they can be found by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import seal_secret, unseal_secret
from nacre.services.identity.db import credentials, projects, users
from nacre.services.identity.db.credentials import Credential
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import CredentialLimitExceeded, CredentialNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

EC2 = "ec2"


def get(ctx: Context, credential_id: str) -> Credential:
    """Return a credential."""
    return ctx.db.read(credentials.get, credential_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Credential]:
    """Return a page of credentials."""
    return ctx.db.read(credentials.index, wanted, page)


def blob(ctx: Context, credential: Credential) -> str:
    """Return a credential's content."""
    return unseal_secret(ctx.service, credential.sealed_blob)


def create(
    ctx: Context,
    *,
    user_id: str,
    blob: str,
    type: str,
    project_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Credential:
    """Keep a secret for a user."""
    if type == EC2 and project_id is None:
        raise errors.BadRequest("An EC2 credential needs a project_id.")
    credential = Credential(
        id=ec2_id(_ec2_blob(blob)["access"]) if type == EC2 else new_hex_id(),
        user_id=user_id,
        project_id=project_id,
        type=type,
        sealed_blob=seal_secret(ctx.service, blob),
        extra=dict(extra or {}),
        application_credential_id=ctx.credentials.application_credential_id,
        trust_id=ctx.credentials.trust_id,
    )
    ctx.db.run(_insert, credential, ctx.config.credentials_per_user)
    return credential


def _insert(tx: Transaction, credential: Credential, limit: int) -> None:
    users.get(tx, credential.user_id)
    if 0 <= limit <= credentials.count(tx, credential.user_id):
        raise CredentialLimitExceeded(
            f"Unable to create additional credentials, maximum of {limit} exceeded."
        )
    if credentials.find(tx, credential.id) is not None:
        raise errors.Conflict(
            f"Conflict occurred attempting to store credential - Duplicate entry found with {credential.id}."
        )
    credentials.insert(tx, credential)


def _ec2_blob(blob: str) -> dict[str, Any]:
    """Read the content of an EC2 credential; BadRequest where it is not one."""
    try:
        found = msgspec.json.decode(blob)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("access"), str):
        raise errors.BadRequest("The blob of an EC2 credential is JSON with the member 'access'.")
    return found


def ec2_id(access: str) -> str:
    """Return the id of the EC2 credential with an access key."""
    return hashlib.sha256(access.encode()).hexdigest()


def update(ctx: Context, credential: Credential, changes: Mapping[str, Any]) -> Credential:
    """Change a credential's content; whose it is, and what it is, stays."""
    values = attributes.merged(credential, changes)
    for name in ("user_id", "project_id", "type"):
        if name in values and values.pop(name) != getattr(credential, name):
            # compat: a credential never changes hands (keystone, after CVE-2020-12691).
            raise errors.BadRequest(f"Update of `{name}` is not allowed.")
    if "blob" in values:
        text = values.pop("blob")
        if credential.type == EC2:
            _ec2_blob(text)
        values["sealed_blob"] = seal_secret(ctx.service, text)
    ctx.db.run(credentials.update, credential.id, values)
    return get(ctx, credential.id)


def delete(ctx: Context, credential: Credential) -> None:
    """Remove a credential."""
    ctx.db.run(credentials.delete, credential.id)


# -- EC2 ----------------------------------------------------------------------------------------------


class Ec2(msgspec.Struct, frozen=True):
    """An EC2 credential, readable."""

    access: str
    secret: str
    user_id: str
    project_id: str
    trust_id: str | None = None

    def __repr__(self) -> str:
        return f"Ec2(access={self.access!r})"


def create_ec2(ctx: Context, user: User, project_id: str) -> Ec2:
    """Make an access key and a secret for a user on a project."""
    ctx.db.read(projects.get, project_id)
    access, secret = new_hex_id(), new_hex_id()
    blob = msgspec.json.encode({"access": access, "secret": secret, "trust_id": ctx.credentials.trust_id})
    create(ctx, user_id=user.id, project_id=project_id, type=EC2, blob=blob.decode())
    return Ec2(access, secret, user.id, project_id, ctx.credentials.trust_id)


def get_ec2(ctx: Context, user_id: str, access: str) -> tuple[Credential, Ec2]:
    """Return a user's EC2 credential by its access key."""
    found = ctx.db.read(credentials.find, ec2_id(access))
    if found is None or found.type != EC2 or found.user_id != user_id:
        raise CredentialNotFound(access)
    return found, readable(ctx, found)


def index_ec2(ctx: Context, user_id: str, page: Page) -> list[Ec2]:
    """Return a user's EC2 credentials."""
    found = ctx.db.read(credentials.index, {"user_id": user_id, "type": EC2}, page)
    return [readable(ctx, credential) for credential in found]


def readable(ctx: Context, credential: Credential) -> Ec2:
    """Return an EC2 credential with its secret."""
    content = _ec2_blob(blob(ctx, credential))
    return Ec2(
        access=content["access"],
        secret=str(content.get("secret", "")),
        user_id=credential.user_id,
        project_id=credential.project_id or "",
        trust_id=content.get("trust_id"),
    )
