"""Checks that several of placement's resources share."""

from nacre.kernel.wire import UUID, Check, Each, FreeMap, Int, Nullable, Number, Object, Str
from nacre.kernel.wire.checks import MAX_INT

PROVIDER_NAME = Str(1, 200)
CLASS_NAME = Str(1, 255, pattern=r"[A-Z0-9_]+")
CUSTOM_NAME = Str(8, 255, pattern=r"CUSTOM_[A-Z0-9_]+")
TRAIT_NAME = Str(1, 255, pattern=r"[A-Z0-9_]+")
GENERATION = Int(0, strings=False)
AMOUNTS = FreeMap(Int(1, strings=False), key=CLASS_NAME, minimum=1)
OWNER = Str(1, 255)
CONSUMER_TYPE = Str(1, 255, pattern=r"[A-Z0-9_]+")
NULLABLE_GENERATION = Nullable(GENERATION)

INVENTORY_MEMBERS: dict[str, Check] = {
    "total": Int(1, MAX_INT, strings=False),
    "reserved": Int(0, MAX_INT, strings=False),
    "min_unit": Int(1, MAX_INT, strings=False),
    "max_unit": Int(1, MAX_INT, strings=False),
    "step_size": Int(1, MAX_INT, strings=False),
    "allocation_ratio": Number(0.0001, strings=False),
}
INVENTORY = Object(INVENTORY_MEMBERS, required=("total",))
INVENTORIES = FreeMap(INVENTORY, key=CLASS_NAME)
AGGREGATES = Each(UUID, unique=True)
