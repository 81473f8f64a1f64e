"""The version document at the root."""

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.placement.versions import VERSIONS

routes = Routes("")


@routes.get("/", policy=PUBLIC)
def versions(req: Request):
    return {
        "versions": [
            {
                "id": "v1.0",
                "max_version": str(VERSIONS.maximum),
                "min_version": str(VERSIONS.minimum),
                "status": "CURRENT",
                "links": [{"rel": "self", "href": ""}],
            }
        ]
    }
