"""The paths under http://169.254.169.254 and what a guest finds there.

Two trees share the root.  OpenStack's is below /openstack, one folder for each dated version; everything
else is EC2's, whose meta-data is a directory of directories.  A path is given as its segments; the answer
is bytes, or None where there is nothing.  What the files say is in `metadata`; this is only where they
stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nacre.services.compute.app import metadata
from nacre.services.compute.app.metadata import EC2_VERSIONS, VERSIONS, Guest

LATEST = "latest"
PASSWORD = "password"

META_DATA_FIELDS = {
    "random_seed": "2013-04-04",
    "project_id": "2015-10-15",
    "keys": "2016-06-30",
    "devices": "2016-10-06",
    "dedicated_cpus": "2020-10-14",
}
"""Fields of meta_data.json that older versions do not have."""


def _meta_data(guest: Guest, version: str) -> bytes:
    shown = metadata.meta_data(guest)
    return msgspec.json.encode(
        {name: value for name, value in shown.items() if version >= META_DATA_FIELDS.get(name, "")}
    )


FILES: dict[str, tuple[str, Callable[[Guest, str], bytes | None]]] = {
    "meta_data.json": ("", _meta_data),
    "user_data": ("", lambda guest, version: metadata.user_data(guest)),
    "vendor_data.json": ("2013-10-17", lambda guest, version: b"{}"),
    "network_data.json": (
        "2015-10-15",
        lambda guest, version: msgspec.json.encode(metadata.network_data(guest)),
    ),
    "vendor_data2.json": ("2016-10-06", lambda guest, version: b'{"static":{}}'),
}
"""Files of OpenStack's tree: the version that brought each, and its content; `password` stands beside them."""

PASSWORD_SINCE = "2013-04-04"


def find(guest: Guest, path: Sequence[str]) -> bytes | None:
    """Return what stands at a path, or None."""
    if not path:
        return _lines(EC2_VERSIONS)
    if path[0] == "openstack":
        return _openstack(guest, path[1:])
    return _ec2(guest, path)


def is_password(path: Sequence[str]) -> bool:
    """Tell whether a path is where a guest leaves and reads its password."""
    if len(path) != 3 or path[0] != "openstack" or path[2] != PASSWORD:
        return False
    return path[1] in VERSIONS and path[1] >= PASSWORD_SINCE


def _openstack(guest: Guest, path: Sequence[str]) -> bytes | None:
    if not path:
        return _lines(VERSIONS)
    version, rest = path[0], path[1:]
    if version not in VERSIONS:
        return None
    if rest[:1] == ["content"] and len(rest) == 2:
        return metadata.contents(guest).get(rest[1])
    if len(rest) > 1:
        return None
    if rest:
        since, read = FILES.get(rest[0], ("~", _meta_data))
        return read(guest, version) if version >= since else None
    names = [name for name, (since, read) in FILES.items() if version >= since and name != "user_data"]
    names += ["user_data"] if guest.server.user_data else []
    names += [PASSWORD] if version >= PASSWORD_SINCE else []
    return _lines(sorted(names))


def _ec2(guest: Guest, path: Sequence[str]) -> bytes | None:
    version, rest = path[0], path[1:]
    if version not in EC2_VERSIONS:
        return None
    if not rest:
        return _lines(["meta-data/", *(["user-data"] if guest.server.user_data else [])])
    if rest == ["user-data"]:
        return metadata.user_data(guest)
    if rest[0] != "meta-data":
        return None
    found: Any = metadata.ec2(guest)
    for name in rest[1:]:
        if not isinstance(found, dict) or name not in found or name == "_name":
            return None
        found = found[name]
    return _printed(found)


def _printed(found: Any) -> bytes:
    """Write a part of EC2's tree as EC2 does: a directory is its names, one a line."""
    if not isinstance(found, dict):
        return str(found).encode()
    return _lines(_listed(name, value) for name, value in sorted(found.items()) if name != "_name")


def _listed(name: str, value: Any) -> str:
    if not isinstance(value, dict):
        return name
    return str(value["_name"]) if "_name" in value else f"{name}/"


def _lines(names: Any) -> bytes:
    return "\n".join(names).encode()
