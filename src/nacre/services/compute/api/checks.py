"""Checks of values that only the compute API has."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from nacre.kernel.wire import CheckFailed, Each, FreeMap, Nullable, Object, Str
from nacre.kernel.wire.checks import Address


class TrimmedName:
    """A name of 1 to 255 characters, printable, that neither begins nor ends with a blank.

    `lenient` names may, and lose their outer blanks.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self._text = Str(1, 255)

    def __call__(self, value: Any) -> str:
        if self._lenient and isinstance(value, str):
            value = value.strip()
        name = self._text(value)
        if name != name.strip() or not all(char.isprintable() for char in name):
            raise CheckFailed(f"{name!r} does not match '^(?! )[printable characters]+(?<! )$'", value=name)
        return name

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}


class Base64:
    """Base64 text, kept as text; `maximum` is its longest length."""

    def __init__(self, maximum: int = 65535) -> None:
        self._text = Str(0, maximum)

    def __call__(self, value: Any) -> str:
        text = self._text(value)
        try:
            base64.b64decode(re.sub(r"\s+", "", text), validate=True)
        except (binascii.Error, ValueError):
            raise CheckFailed(f"{text[:40]!r} is not a 'base64'", value=text[:40]) from None
        return text

    def schema(self) -> dict[str, Any]:
        return {**self._text.schema(), "format": "base64"}


class Numbers:
    """A whole number, or text that spells one; given on as text (ids of flavors may be numbers)."""

    def __init__(self, inner: Str) -> None:
        self._inner = inner

    def __call__(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return self._inner(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self._inner.schema(), {"type": "number"}]}


class FlavorReference:
    """A flavor's id, or the link to a flavor, which ends with it."""

    def __init__(self) -> None:
        self._text = Numbers(Str(1, 1024))

    def __call__(self, value: Any) -> str:
        return self._text(value).rstrip("/").rsplit("/", 1)[-1]

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer"], "minLength": 1}


KEY = Str(1, 255, pattern=r"[a-zA-Z0-9-_:. ]{1,255}")
EXTRA_SPECS = FreeMap(Numbers(Str(0, 255)), key=KEY, maximum=128)
METADATA = FreeMap(Str(0, 255), key=KEY)
TAG = Str(1, 60, pattern=r"[^,/]*")
TAGS = Each(TAG, maximum=50)
IPV4, IPV6 = Address(4), Address(6)
DESCRIPTION = Nullable(Str(0, 255, pattern=r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*"))
HOSTNAME = Str(2, 63, pattern=r"[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+")
DOMAIN_NAME = Str(2, 255, pattern=r"[a-zA-Z0-9]+[a-zA-Z0-9.-]*[a-zA-Z0-9]+")
USER_DATA = Nullable(Base64())
FILES = Each(Object({"path": Str(1, 255), "contents": Base64(1_000_000)}, required=("path", "contents")))
