"""Checks: each validates one value from a request and returns it in its normal form.

A check is called with the value as JSON gave it (or, for a filter, with the string of the query).
It returns the value that handlers will see, or raises CheckFailed with the reason and, for
nested values, the path to the culprit.  Reasons are written in JSON Schema's manner ("12 is not
of type 'string'"), which is what users of OpenStack know from its errors.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any as Anything
from typing import Protocol

from nacre.kernel.ids import is_uuid_like

MAX_INT = 0x7FFFFFFF


class CheckFailed(Exception):
    """A value is not what the check asks for."""

    def __init__(self, reason: str, path: tuple[str, ...] = (), value: object = None) -> None:
        super().__init__(reason)
        self.reason, self.path, self.value = reason, path, value


class Check(Protocol):
    """Anything that can be called with a value, and can describe itself as JSON Schema."""

    def __call__(self, value: Anything) -> Anything: ...

    def schema(self) -> dict[str, Anything]: ...


def _not_of_type(value: object, kind: str) -> CheckFailed:
    return CheckFailed(f"{value!r} is not of type '{kind}'", value=value)


#: What no database keeps: the character zero, and the halves of characters that JSON can spell one by one.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Any:
    """Whatever JSON can say."""

    def __call__(self, value: Anything) -> Anything:
        return value

    def schema(self) -> dict[str, Anything]:
        return {}


class Str:
    """A string within bounds of length; `pattern` must match all of it."""

    def __init__(
        self,
        minimum: int = 0,
        maximum: int = 255,
        *,
        pattern: str | None = None,
        strip: bool = False,
        format: str | None = None,
    ) -> None:
        self.minimum, self.maximum, self.strip, self.format = minimum, maximum, strip, format
        self.pattern = re.compile(pattern) if pattern else None

    def __call__(self, value: Anything) -> str:
        if not isinstance(value, str):
            raise _not_of_type(value, "string")
        if self.strip:
            value = value.strip()
        if len(value) < self.minimum:
            raise CheckFailed(f"{value!r} is too short", value=value)
        if len(value) > self.maximum:
            raise CheckFailed(f"{value!r} is too long", value=value)
        if self.pattern and not self.pattern.fullmatch(value):
            raise CheckFailed(f"{value!r} does not match {self.pattern.pattern!r}", value=value)
        if UNSTORABLE.search(value):
            raise CheckFailed(f"{value!r} holds a character that cannot be stored", value=value)
        return value

    def schema(self) -> dict[str, Anything]:
        schema: dict[str, Anything] = {
            "type": "string",
            "minLength": self.minimum,
            "maxLength": self.maximum,
        }
        if self.pattern:
            schema["pattern"] = self.pattern.pattern
        if self.format:
            schema["format"] = self.format
        return schema


class Int:
    """A whole number within bounds; by default a string of digits will do, as in most APIs."""

    def __init__(
        self, minimum: int | None = 0, maximum: int | None = MAX_INT, *, strings: bool = True
    ) -> None:
        self.minimum, self.maximum, self.strings = minimum, maximum, strings

    def __call__(self, value: Anything) -> int:
        if self.strings and isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,20}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _not_of_type(value, "integer")
        if self.minimum is not None and value < self.minimum:
            raise CheckFailed(f"{value!r} is less than the minimum of {self.minimum}", value=value)
        if self.maximum is not None and value > self.maximum:
            raise CheckFailed(f"{value!r} is greater than the maximum of {self.maximum}", value=value)
        return value

    def schema(self) -> dict[str, Anything]:
        schema: dict[str, Anything] = {"type": ["integer", "string"] if self.strings else "integer"}
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema


class Number:
    """A number, whole or not, at least `minimum`."""

    def __init__(self, minimum: float | None = None, *, strings: bool = True) -> None:
        self.minimum, self.strings = minimum, strings

    def __call__(self, value: Anything) -> float:
        if self.strings and isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _not_of_type(value, "number")
        if self.minimum is not None and value < self.minimum:
            raise CheckFailed(f"{value!r} is less than the minimum of {self.minimum}", value=value)
        return float(value)

    def schema(self) -> dict[str, Anything]:
        return {"type": "number"} | ({} if self.minimum is None else {"minimum": self.minimum})


class Bool:
    """True or false; by default also the words that OpenStack clients write for them."""

    TRUE = frozenset(("true", "1", "yes", "on", "t", "y"))
    FALSE = frozenset(("false", "0", "no", "off", "f", "n"))

    def __init__(self, *, strings: bool = True) -> None:
        self.strings = strings

    def __call__(self, value: Anything) -> bool:
        if isinstance(value, bool):
            return value
        if self.strings:
            word = str(value).strip().lower() if isinstance(value, str | int) else None
            if word in self.TRUE:
                return True
            if word in self.FALSE:
                return False
        raise _not_of_type(value, "boolean")

    def schema(self) -> dict[str, Anything]:
        return {"type": ["boolean", "string"] if self.strings else "boolean"}


class Enum:
    """One of a few words; `fold` accepts any case and returns the word as declared."""

    def __init__(self, *values: Anything, fold: bool = False) -> None:
        self.values, self.fold = values, fold
        self._folded = {str(value).lower(): value for value in values if value is not None}

    def __call__(self, value: Anything) -> Anything:
        if self.fold and isinstance(value, str) and value.lower() in self._folded:
            return self._folded[value.lower()]
        if isinstance(value, bool) and not any(isinstance(known, bool) for known in self.values):
            raise CheckFailed(f"{value!r} is not one of {list(self.values)!r}", value=value)
        if isinstance(value, str | int | float | None) and value in self.values:
            return value
        words = [known if known is None else str(known) for known in self.values]
        raise CheckFailed(f"{value!r} is not one of {words!r}", value=value)

    def schema(self) -> dict[str, Anything]:
        return {"enum": list(self.values)}


class Nullable:
    """Null, or what the inner check accepts."""

    def __init__(self, inner: Check) -> None:
        self.inner = inner

    def __call__(self, value: Anything) -> Anything:
        return None if value is None else self.inner(value)

    def schema(self) -> dict[str, Anything]:
        return {"anyOf": [self.inner.schema(), {"type": "null"}]}


class OneOf:
    """What the first of several checks accepts; the last one's complaint is shown."""

    def __init__(self, *checks: Check) -> None:
        self.checks = checks

    def __call__(self, value: Anything) -> Anything:
        for check in self.checks[:-1]:
            try:
                return check(value)
            except CheckFailed:
                continue
        return self.checks[-1](value)

    def schema(self) -> dict[str, Anything]:
        return {"anyOf": [check.schema() for check in self.checks]}


class Each:
    """A list whose every item passes a check."""

    def __init__(self, item: Check, *, minimum: int = 0, maximum: int = 10_000, unique: bool = False) -> None:
        self.item, self.minimum, self.maximum, self.unique = item, minimum, maximum, unique

    def __call__(self, value: Anything) -> list[Anything]:
        if not isinstance(value, list):
            raise _not_of_type(value, "array")
        if len(value) < self.minimum:
            raise CheckFailed(f"{value!r} is too short", value=value)
        if len(value) > self.maximum:
            raise CheckFailed(f"the list has more than {self.maximum} items", value=None)
        items = []
        for index, item in enumerate(value):
            try:
                items.append(self.item(item))
            except CheckFailed as failure:
                raise CheckFailed(failure.reason, (str(index), *failure.path), failure.value) from None
        if self.unique and any(item in items[:index] for index, item in enumerate(items)):
            raise CheckFailed(f"{value!r} has non-unique elements", value=value)
        return items

    def schema(self) -> dict[str, Anything]:
        schema: dict[str, Anything] = {"type": "array", "items": self.item.schema()}
        if self.minimum:
            schema["minItems"] = self.minimum
        if self.unique:
            schema["uniqueItems"] = True
        return schema


class Object:
    """An object with named members: `Object({"rate": Int()}, required=("rate",))`.

    `unknown` is None to refuse other members, or the check that their values must pass.
    """

    def __init__(
        self,
        members: Mapping[str, Check],
        *,
        required: Sequence[str] = (),
        unknown: Check | None = None,
        minimum: int = 0,
        maximum: int | None = None,
    ) -> None:
        self.members, self.required, self.unknown = dict(members), tuple(required), unknown
        self.minimum, self.maximum = minimum, maximum

    def __call__(self, value: Anything) -> dict[str, Anything]:
        if not isinstance(value, dict):
            raise _not_of_type(value, "object")
        for name in self.required:
            if name not in value:
                raise CheckFailed(f"'{name}' is a required property", value=value)
        if len(value) < self.minimum:
            raise CheckFailed(f"{value!r} does not have enough properties", value=value)
        if self.maximum is not None and len(value) > self.maximum:
            raise CheckFailed(f"{value!r} has too many properties", value=value)
        checked = {}
        for name, member in value.items():
            check = self.members.get(name, self.unknown)
            if check is None:
                raise CheckFailed(
                    f"Additional properties are not allowed ({name!r} was unexpected)", value=value
                )
            try:
                checked[name] = check(member)
            except CheckFailed as failure:
                raise CheckFailed(failure.reason, (name, *failure.path), failure.value) from None
        return checked

    def schema(self) -> dict[str, Anything]:
        return {
            "type": "object",
            "properties": {name: check.schema() for name, check in self.members.items()},
            "required": list(self.required),
            "additionalProperties": self.unknown.schema() if self.unknown else False,
        }


class FreeMap:
    """An object with keys of the user's choice, all values passing one check."""

    def __init__(
        self, value: Check, *, key: Check | None = None, minimum: int = 0, maximum: int = 1000
    ) -> None:
        self.value, self.key = value, key or Str(1, 255)
        self.minimum, self.maximum = minimum, maximum

    def __call__(self, value: Anything) -> dict[str, Anything]:
        if not isinstance(value, dict):
            raise _not_of_type(value, "object")
        if len(value) < self.minimum:
            raise CheckFailed(f"{value!r} does not have enough properties", value=value)
        if len(value) > self.maximum:
            raise CheckFailed(f"the object has more than {self.maximum} properties", value=None)
        checked = {}
        for name, member in value.items():
            try:
                checked[self.key(name)] = self.value(member)
            except CheckFailed as failure:
                raise CheckFailed(failure.reason, (name, *failure.path), failure.value) from None
        return checked

    def schema(self) -> dict[str, Anything]:
        return {"type": "object", "additionalProperties": self.value.schema()}


class Uuid:
    """A UUID with or without dashes, returned as it was written."""

    def __call__(self, value: Anything) -> str:
        if not is_uuid_like(value):
            raise CheckFailed(f"{value!r} is not a 'uuid'", value=value)
        return value

    def schema(self) -> dict[str, Anything]:
        return {"type": "string", "format": "uuid"}


class Address:
    """An IP address of either version, or of the one given, in its canonical form."""

    def __init__(self, version: int | None = None) -> None:
        self.version = version

    def __call__(self, value: Anything) -> str:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) else None
        except ValueError:
            address = None
        if address is None or (self.version and address.version != self.version):
            raise CheckFailed(f"'{value}' is not a valid IP address", value=value)
        return str(address)

    def schema(self) -> dict[str, Anything]:
        return {"type": "string", "format": f"ipv{self.version}" if self.version else "ip"}


class Cidr:
    """An IP network; host bits are dropped unless `strict`."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict

    def __call__(self, value: Anything) -> str:
        try:
            if not isinstance(value, str):
                raise ValueError(value)
            return str(ipaddress.ip_network(value, strict=self.strict))
        except ValueError:
            raise CheckFailed(f"'{value}' is not a valid IP subnet", value=value) from None

    def schema(self) -> dict[str, Anything]:
        return {"type": "string", "format": "cidr"}


class Mac:
    """A hardware address, returned in lower case with colons."""

    PATTERN = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")

    def __call__(self, value: Anything) -> str:
        folded = value.lower().replace("-", ":") if isinstance(value, str) else ""
        if not self.PATTERN.fullmatch(folded):
            raise CheckFailed(f"'{value}' is not a valid MAC address", value=value)
        return folded

    def schema(self) -> dict[str, Anything]:
        return {"type": "string", "pattern": "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"}


class DateTime:
    """A moment in ISO 8601; without a zone it is UTC."""

    def __call__(self, value: Anything) -> datetime:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            raise CheckFailed(f"{value!r} is not a 'date-time'", value=value)
        try:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            raise CheckFailed(f"{value!r} is not a 'date-time'", value=value) from None

    def schema(self) -> dict[str, Anything]:
        return {"type": "string", "format": "date-time"}


ANY = Any()
BOOL = Bool()
CIDR = Cidr()
DATETIME = DateTime()
IP = Address()
MAC = Mac()
NAME = Str(1, 255)
TEXT = Str(0, 255)
UUID = Uuid()
