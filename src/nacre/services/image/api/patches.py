"""PATCH /v2/images/{image_id}: a list of changes, in the two dialects of JSON patch that clients speak.

The newer one is RFC 6902: {"op": "replace", "path": "/name", "value": "tiny"}.  The older has the operation as
a key: {"replace": "/name", "value": "tiny"}.  Both know add, replace and remove, and no deeper paths.
"""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Any as Anything
from nacre.kernel.wire import Each, FreeMap, Str
from nacre.kernel.wire.fields import check_value
from nacre.services.image import policy
from nacre.services.image.api.images import ImageBody, show_image
from nacre.services.image.app import changes, images
from nacre.services.image.app.changes import Change
from nacre.services.image.app.images import READ_ONLY, RESERVED
from nacre.services.image.db.images import Image
from nacre.services.image.errors import UnknownPatchMedia

NEW_MEDIA = "application/openstack-images-v2.1-json-patch"
OLD_MEDIA = "application/openstack-images-v2.0-json-patch"
OPERATIONS = ("add", "replace", "remove")
#: Clients send whole image schemas' worth of changes, not thousands.
MOST_CHANGES = 1000
OBJECTS = Each(FreeMap(Anything()), maximum=MOST_CHANGES)
#: Names whose paths may go deeper; all of them are refused for their name alone.
DEEP = ("locations",)
PROPERTY = Str(0, 65535)
POINTER = re.compile(r"(?:[^~]|~[01])*")

Operation = Literal["add", "replace", "remove"]

routes = Routes("/v2/images/{image_id}")


@routes.patch(policy=policy.MODIFY_IMAGE, load=images.get)
def change(req: Request, image: Image) -> dict[str, Any]:
    media = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in (NEW_MEDIA, OLD_MEDIA):
        raise UnknownPatchMedia((NEW_MEDIA, OLD_MEDIA))
    wanted = [_change(one, old=media == OLD_MEDIA) for one in _listed(req.json())]
    return show_image(changes.apply(req.ctx, image, wanted))


def _listed(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list):
        raise BadRequest("Request body must be a JSON array of operation objects.")
    return cast(list[dict[str, Any]], check_value("", OBJECTS, body))


def _change(raw: dict[str, Any], *, old: bool) -> Change:
    operation, pointer = _old_style(raw) if old else _new_style(raw)
    name = _name(pointer)
    if operation == "remove":
        return Change("remove", name)
    if "value" not in raw:
        raise BadRequest(f'Operation "{operation}" requires a member named "value".')
    value = raw["value"]
    field = ImageBody.fields.get(name)
    if field is not None and name not in READ_ONLY:
        value = check_value(name, field.check, value)
    elif field is None and name not in READ_ONLY | RESERVED:
        value = check_value(name, PROPERTY, value)
    return Change(operation, name, value, fresh=old)


def _new_style(raw: dict[str, Any]) -> tuple[Operation, Any]:
    operation = raw.get("op")
    if operation not in OPERATIONS:
        raise BadRequest(f"Unable to find a known `op` in a change: it is one of {', '.join(OPERATIONS)}.")
    return cast(Operation, operation), raw.get("path")


def _old_style(raw: dict[str, Any]) -> tuple[Operation, Any]:
    named = [operation for operation in OPERATIONS if operation in raw]
    if len(named) != 1:
        raise BadRequest(f"A change must contain exactly one member named one of {', '.join(OPERATIONS)}.")
    return cast(Operation, named[0]), raw[named[0]]


def _name(pointer: Any) -> str:
    """Return the name that a JSON pointer of one segment points at."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise BadRequest(f'Pointer `{str(pointer)[:80]}` does not start with "/".')
    if not POINTER.fullmatch(pointer):
        raise BadRequest(f'Pointer `{pointer[:80]}` contains "~" that is not part of a recognized escape.')
    name, *deeper = pointer[1:].split("/")
    if not name or (deeper and name not in DEEP):
        raise BadRequest(f"Invalid JSON pointer for this resource: '{pointer[:80]}'")
    return name.replace("~1", "/").replace("~0", "~")
