"""Signatures of AWS: was a request signed by somebody who knows the secret of an access key?

A gateway that speaks S3 or EC2 does not know the secrets.  It sends identity what was signed, and
the signature.  For S3 that is the very string that was signed; for EC2 it is the request, from
which the string is made again.  Signature versions 2 and 4 are known ("Signing AWS API requests").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
_SAFE = "-_.~"


def is_right(secret: str, given: Mapping[str, Any]) -> bool:
    """Tell whether `given` (the API's object `credentials`) was signed with the secret."""
    signature = str(given.get("signature", "")).encode()
    if "token" in given:
        made = _s3(secret, str(given["token"]))
        return hmac.compare_digest(made, signature)
    host = str(given.get("host", ""))
    # Some clients sign the host with the port, some without.
    for name in dict.fromkeys((host, host.partition(":")[0])):
        if hmac.compare_digest(_ec2(secret, given, name), signature):
            return True
    return False


def _s3(secret: str, token: str) -> bytes:
    """Sign the string that stands, in base64, in the request itself."""
    try:
        text = base64.urlsafe_b64decode(token)
    except ValueError:
        return b""
    lines = text.split(b"\n")
    if lines[0] == ALGORITHM.encode() and len(lines) == 4:
        return _version_4(secret, lines[2].decode("latin-1"), text)
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha1).digest())


def _ec2(secret: str, given: Mapping[str, Any], host: str) -> bytes:
    params = {str(name): str(value) for name, value in (given.get("params") or {}).items()}
    headers = {str(name).lower(): str(value) for name, value in (given.get("headers") or {}).items()}
    if params.get("SignatureVersion") == "2":
        return _version_2(secret, given, params, host)
    return _ec2_version_4(secret, given, params, headers | {"host": host})


def _version_2(secret: str, given: Mapping[str, Any], params: Mapping[str, str], host: str) -> bytes:
    """Sign verb, host, path and the sorted parameters."""
    text = "\n".join(
        (str(given.get("verb", "")).upper(), host.lower(), str(given.get("path", "")), _query(params))
    )
    digest = hashlib.sha1 if params.get("SignatureMethod") == "HmacSHA1" else hashlib.sha256
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest())


def _query(params: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe=_SAFE), quote(value, safe=_SAFE)) for name, value in params.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _ec2_version_4(
    secret: str, given: Mapping[str, Any], params: Mapping[str, str], headers: Mapping[str, str]
) -> bytes:
    """Make the canonical request, and sign its hash with a key for the day, region and service."""
    authorization = headers.get("authorization", "")
    credential = params.get("X-Amz-Credential") or _part(authorization, "Credential")
    signed = params.get("X-Amz-SignedHeaders") or _part(authorization, "SignedHeaders")
    scope = credential.partition("/")[2]
    unsigned = {name: value for name, value in params.items() if name != "X-Amz-Signature"}
    verb = str(given.get("verb", "")).upper()
    canonical = "\n".join(
        (
            verb,
            str(given.get("path", "")),
            "" if verb == "POST" else _query(unsigned),
            "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed.split(";")),
            signed,
            str(given.get("body_hash", "")),
        )
    )
    moment = params.get("X-Amz-Date") or headers.get("x-amz-date", "")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return _version_4(secret, scope, "\n".join((ALGORITHM, moment, scope, digest)).encode())


def _version_4(secret: str, scope: str, text: bytes) -> bytes:
    """Sign a text with the key that is derived for a scope like 20261121/RegionOne/s3/aws4_request."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode()


def _part(authorization: str, name: str) -> str:
    match = re.search(rf"{name}=([^,\s]+)", authorization)
    return match[1] if match else ""
