"""What travels: one line per field, from which the edge derives everything else.

A resource declares its fields once (`Server.name = field(CREATE, UPDATE, SHOW, …)`).  From that
line come the request schema, the response body, the filters, the sort keys and the reference
documentation, each for the microversion that the request asked for.  Checks (`Str`, `Int`,
`Uuid`, `Enum`, …) are plain objects that validate and normalise one value.
"""

from nacre.kernel.wire.checks import (
    ANY,
    BOOL,
    CIDR,
    DATETIME,
    IP,
    MAC,
    NAME,
    TEXT,
    UUID,
    Any,
    Bool,
    Check,
    CheckFailed,
    DateTime,
    Each,
    Enum,
    FreeMap,
    Int,
    Nullable,
    Number,
    Object,
    OneOf,
    Str,
)
from nacre.kernel.wire.fields import (
    BRIEF,
    CREATE,
    FILTER,
    SHOW,
    SORT,
    UNSET,
    UPDATE,
    Field,
    Resource,
    Unknown,
    field,
)

__all__ = [
    "ANY", "BOOL", "BRIEF", "CIDR", "CREATE", "DATETIME", "FILTER", "IP", "MAC", "NAME", "SHOW", "SORT",
    "TEXT", "UNSET", "UPDATE", "UUID", "Any", "Bool", "Check", "CheckFailed", "DateTime", "Each", "Enum",
    "Field", "FreeMap", "Int", "Nullable", "Number", "Object", "OneOf", "Resource", "Str", "Unknown", "field",
]  # fmt: skip
