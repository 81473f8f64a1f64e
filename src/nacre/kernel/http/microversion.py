"""Which microversion a request speaks: asked for by header, honestly negotiated, named in the answer."""

from __future__ import annotations

from nacre.kernel import errors
from nacre.kernel.http.request import Request
from nacre.kernel.version import Version, Versions

HEADER = "openstack-api-version"


class VersionNotSupported(errors.NotAcceptable):
    """The version asked for is outside of what is served."""

    def __init__(self, asked: object, versions: Versions) -> None:
        super().__init__(
            f"Version {asked} is not supported by the API. "
            f"Minimum is {versions.minimum} and maximum is {versions.maximum}."
        )


def negotiate(req: Request, versions: Versions) -> Version:
    """Return the version that a request asks for; the minimum where it asks for none.

    `OpenStack-API-Version: compute 2.19, placement 1.2` names a version per service; the older
    header of the service holds the bare number.  Raises BadRequest for what is no version and
    NotAcceptable for one that is not served.
    """
    asked = _asked(req, versions)
    if asked is None:
        return versions.minimum
    if asked == "latest":
        return versions.maximum
    try:
        version = Version.parse(asked)
    except ValueError:
        raise errors.BadRequest(
            f"API Version String {asked[:40]} is of invalid format. Must be of format MajorNum.MinorNum."
        ) from None
    if not versions.minimum <= version <= versions.maximum:
        raise VersionNotSupported(version, versions)
    return version


def _asked(req: Request, versions: Versions) -> str | None:
    if header := req.headers.get(HEADER):
        for part in header.split(","):
            service, _, number = part.strip().partition(" ")
            if service.lower() == versions.service_type:
                return number.strip().lower()
    if versions.legacy_header and (legacy := req.headers.get(versions.legacy_header.lower())):
        return legacy.strip().lower()
    return None


def answer_headers(version: Version, versions: Versions) -> list[tuple[str, str]]:
    """Return the headers by which an answer names its version."""
    headers = [("OpenStack-API-Version", f"{versions.service_type} {version}")]
    vary = "OpenStack-API-Version"
    if versions.legacy_header:
        headers.append((versions.legacy_header, str(version)))
        vary += f", {versions.legacy_header}"
    return [*headers, ("Vary", vary)]
