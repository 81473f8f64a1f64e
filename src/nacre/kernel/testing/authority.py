"""Somebody who vouches for certificates: the authority of a lab or a test, which nobody else believes."""

from __future__ import annotations

import ipaddress
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = timedelta(days=365)
CLOCKS_MAY_DIFFER = timedelta(days=1)
LOOPBACK = "127.0.0.1"


class Authority:
    """Writes ca.pem into a directory, and there or elsewhere what it vouches for."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _called(name)
        self.certificate = self._certify(self._name, self._key.public_key(), ())
        """The authority's own, as PEM."""
        _write(self.file, self.certificate)

    @property
    def file(self) -> Path:
        """Where its certificate is."""
        return self.directory / "ca.pem"

    def issue(
        self, name: str, *addresses: str, to: Path | None = None, owner: str | None = None
    ) -> tuple[Path, Path]:
        """Write NAME.pem and NAME.key for whoever answers at these addresses (the loopback); return both paths.

        They are readable by their owner only, who is this process's user unless another is named.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certify(_called(name), key.public_key(), addresses or (LOOPBACK,))
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        directory = to or self.directory
        written = directory / f"{name}.pem", directory / f"{name}.key"
        for path, content in zip(written, (certificate, secret), strict=True):
            _write(path, content, mode=0o600, owner=owner)
        return written

    def _certify(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, addresses: tuple[str, ...]
    ) -> bytes:
        """Sign a certificate; without addresses it is the authority's own."""
        now, is_authority = datetime.now(UTC), not addresses
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        if LOOPBACK in addresses:
            names.append(x509.DNSName("localhost"))
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_MAY_DIFFER)
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(path: Path, content: bytes, *, mode: int = 0o644, owner: str | None = None) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    if owner is not None:
        shutil.chown(path, owner)
