"""How things are named: UUIDs with dashes for resources, without for identity, `req-` for requests."""

import random
import uuid


def new_id() -> str:
    """Return a random UUID in its dashed form, as most OpenStack services show ids."""
    return str(uuid.uuid4())


def new_hex_id() -> str:
    """Return a random UUID of 32 hex digits, as the identity service shows ids."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    """Return an id for one request and everything done because of it."""
    return f"req-{uuid.UUID(int=random.getrandbits(128), version=4)}"  # it need not be hard to guess


def is_uuid_like(value: object) -> bool:
    """Tell whether a value is a UUID, with dashes or without."""
    if not isinstance(value, str):
        return False
    try:
        return uuid.UUID(value).hex == value.replace("-", "").lower()
    except ValueError:
        return False
