"""Key pairs: public keys that users put into their new servers.

Up to microversion 2.91 compute would also make a key for its user; the private half is answered once and kept
nowhere.  Fingerprints are the MD5 ones with colons, because that is what clients compare with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nacre.kernel import quota
from nacre.kernel.context import Context
from nacre.kernel.db import Duplicate, Page, Transaction
from nacre.kernel.errors import BadRequest, OverQuota
from nacre.services.compute.app import limits
from nacre.services.compute.db import keypairs as rows
from nacre.services.compute.db.keypairs import Keypair
from nacre.services.compute.db.tables import quotas
from nacre.services.compute.errors import KeypairExists

KEY_BITS = 2048
SSH, X509 = "ssh", "x509"
CERTIFICATE_LIFE = timedelta(days=3650)
USER_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
UTF8_STRING = 12  # its tag in DER; a length below 128 is one byte
LONGEST_PRINCIPAL = 127


class BadKey(BadRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Keypair data is invalid: {reason}")


def get(ctx: Context, user_id: str, name: str) -> Keypair:
    """Return a user's key pair; raises KeypairNotFound."""
    return ctx.db.read(rows.get, user_id, name)


def index(ctx: Context, user_id: str, page: Page) -> list[Keypair]:
    """Return one page of a user's key pairs."""
    return ctx.db.read(rows.index, user_id, page)


def import_key(ctx: Context, user_id: str, name: str, public_key: str, type: str) -> Keypair:
    """Keep a public key; raises BadKey, KeypairExists and OverQuota."""
    return _keep(ctx, user_id, name, public_key, fingerprint(public_key, type), type)


def generate(ctx: Context, user_id: str, name: str, type: str) -> tuple[Keypair, str]:
    """Make a key and keep its public half; return that and the private half, which is kept nowhere."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    if type == X509:
        text = _certificate(private, user_id, ctx.clock.now())
    else:
        public = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        text = f"{public.decode()} Generated-by-nacre"
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8 if type == X509 else serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return _keep(ctx, user_id, name, text, fingerprint(text, type), type), pem.decode()


def _certificate(private: rsa.RSAPrivateKey, user_id: str, now: datetime) -> str:
    """Sign a certificate with its own key, by which Windows guests let the user in (WinRM).

    They look for the user principal name among the alternative names, and for the purpose "client".
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:64])])
    principal = f"{user_id}@localhost"[:LONGEST_PRINCIPAL].encode()
    upn = x509.OtherName(USER_PRINCIPAL_NAME, bytes([UTF8_STRING, len(principal)]) + principal)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + CERTIFICATE_LIFE)
        .add_extension(x509.SubjectAlternativeName([upn]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def delete(ctx: Context, keypair: Keypair) -> None:
    """Forget a key pair; servers that have the key keep it."""
    ctx.db.run(rows.delete, keypair.user_id, keypair.name)


def fingerprint(public_key: str, type: str) -> str:
    """Return a key's fingerprint; raises BadKey for what is no key of that type."""
    if type == X509:
        try:
            certificate = x509.load_pem_x509_certificate(public_key.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("failed to generate X509 fingerprint") from None
        der = certificate.public_bytes(serialization.Encoding.DER)
        return _colons(hashlib.sha1(der, usedforsecurity=False).hexdigest())
    parts = public_key.split()
    try:
        # Certificates and hardware-backed keys are welcome, so only the envelope is looked into.
        blob = base64.b64decode(parts[1], validate=True)
        size = int.from_bytes(blob[:4], "big")
        if blob[4 : 4 + size].decode("ascii") != parts[0]:
            raise ValueError("the key's kind differs from what it says inside")
    except (IndexError, binascii.Error, ValueError):
        raise BadKey("failed to generate fingerprint") from None
    return _colons(hashlib.md5(blob, usedforsecurity=False).hexdigest())


def _colons(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _keep(ctx: Context, user_id: str, name: str, public_key: str, print_: str, type: str) -> Keypair:
    keypair = Keypair(
        user_id=user_id,
        name=name,
        type=type,
        fingerprint=print_,
        public_key=public_key,
        created_at=ctx.clock.now(),
    )

    def write(tx: Transaction) -> None:
        quota.lock(tx, quotas, f"user/{user_id}"[:64])
        limit = limits.of_user(tx, ctx, ctx.project_id or "", user_id)["key_pairs"]
        if 0 <= limit <= rows.count(tx, user_id):
            # compat: the quota is the user's, and the sentence names no numbers (nova, KeypairLimitExceeded)
            raise OverQuota("Quota exceeded, too many key pairs.")
        rows.insert(tx, keypair)

    if ctx.db.read(rows.find, user_id, name) is not None:
        raise KeypairExists(name)
    try:
        ctx.db.run(write)
    except Duplicate:
        raise KeypairExists(name) from None
    return get(ctx, user_id, name)
