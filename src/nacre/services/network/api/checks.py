"""Checks of values that several resources have, and fields that all of them have."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from nacre.kernel.clock import isoformat
from nacre.kernel.wire import (
    CREATE,
    FILTER,
    IP,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    UUID,
    CheckFailed,
    Each,
    Int,
    Nullable,
    Object,
    OneOf,
    Resource,
    Str,
    field,
)

PROJECT = Str(0, 255)
TAG = Str(1, 255)
PREFIX_LENGTH = Int(0, 128)
MODE_NAMES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")
FIXED_IP = Object({"subnet_id": UUID, "ip_address": IP})
FIXED_IPS = Nullable(Each(FIXED_IP, maximum=100))


class AsList:
    """A list, or one item in its place."""

    def __init__(self, item: Any) -> None:
        self.each = Each(item)

    def __call__(self, value: Any) -> Any:
        return self.each(value if isinstance(value, list) else [value])

    def schema(self) -> dict[str, Any]:
        return self.each.schema()


class Cidr:
    """An IP range as it was written; a lone address is a range of one.

    `exact` refuses host bits, with the range that was probably meant.
    """

    def __init__(self, *, exact: bool = False) -> None:
        self.exact = exact

    def __call__(self, value: Any) -> str:
        try:
            if not isinstance(value, str):
                raise ValueError(value)
            net = ip_network(value, strict=False)
        except ValueError:
            raise CheckFailed(f"'{value}' is not a valid IP subnet", value=value) from None
        if self.exact and ip_address(value.partition("/")[0]) != net.network_address:
            raise CheckFailed(
                f"'{value}' isn't a recognized IP subnet cidr, '{net}' is recommended", value=value
            )
        return value if "/" in value else str(net)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "cidr"}


ROUTE = Object({"destination": Cidr(), "nexthop": IP}, required=("destination", "nexthop"))
ADDRESS_OR_RANGE = OneOf(IP, Cidr())


class Owned(Resource):
    """What everything that a project owns shows."""

    id = field(SHOW, FILTER, SORT)
    project_id = field(CREATE, SHOW, FILTER, SORT, check=PROJECT)
    tenant_id = field(CREATE, SHOW, FILTER, SORT, check=PROJECT, source="project_id")


class Standard(Owned):
    """What every resource with a history shows besides."""

    description = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    created_at = field(SHOW, FILTER, SORT, render=isoformat)
    updated_at = field(SHOW, FILTER, SORT, render=isoformat)
    revision_number = field(SHOW, FILTER, SORT, check=Int(0))


class Tagged(Standard):
    """What can be tagged."""

    tags = field(CREATE, SHOW, check=Each(TAG, maximum=50), default=list, render=list)
