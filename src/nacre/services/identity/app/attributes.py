"""Attributes that come in an update: what they change of what is there."""

from collections.abc import Mapping
from typing import Any

from nacre.services.identity.errors import Immutable


def merged(thing: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that an update changes; options and unknown attributes are merged, not replaced.

    An option that is set to null is removed.
    """
    values = dict(changes)
    if "extra" in values:
        values["extra"] = {**thing.extra, **values["extra"]}
        if values["extra"] == thing.extra:
            del values["extra"]
    if "options" in values:
        options = {**thing.options, **values["options"]}
        values["options"] = {name: value for name, value in options.items() if value is not None}
    return values


def refuse_immutable(kind: str, thing: Any, changes: Mapping[str, Any] | None = None) -> None:
    """Raise Immutable where the option `immutable` protects a thing from a change, or from deletion.

    A change that also lifts the protection is no exception; one of the option alone is.
    """
    if not thing.options.get("immutable"):
        return
    if changes is not None:
        real = {name for name in changes if name != "options" and not (name == "extra" and not changes[name])}
        if not real and changes.get("options", {}).get("immutable", True) is not True:
            return
    raise Immutable(kind, thing.id)
