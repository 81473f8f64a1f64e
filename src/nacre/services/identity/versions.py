"""The one version of the Identity API; it grows without microversions."""

from typing import Any

VERSION = "v3.14"
UPDATED = "2020-04-07T00:00:00Z"


def description(url: str) -> dict[str, Any]:
    """Return how the API presents itself at an address."""
    return {
        "id": VERSION,
        "status": "stable",
        "updated": UPDATED,
        "links": [{"rel": "self", "href": f"{url}/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
