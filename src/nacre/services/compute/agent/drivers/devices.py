"""Names of disks as a guest counts them: vda, vdb, ... vdz, vdaa."""

import re
from collections.abc import Collection, Iterator
from itertools import count

_NAME = re.compile(r"(?:/dev/)?([a-z]+)")


def device_names(prefix: str = "vd") -> Iterator[str]:
    """Yield vda, vdb, ... vdz, vdaa, vdab, ... for ever."""
    for number in count(1):
        letters = ""
        while number:
            number, digit = divmod(number - 1, 26)
            letters = chr(ord("a") + digit) + letters
        yield prefix + letters


def next_device(wish: str | None, taken: Collection[str], prefix: str = "vd") -> str:
    """Return the wished name ("vdb" or "/dev/vdb") if it fits the bus and is free, otherwise the first free
    one."""
    match = _NAME.fullmatch(wish or "")
    if match and match[1].startswith(prefix) and match[1] not in taken:
        return match[1]
    return next(name for name in device_names(prefix) if name not in taken)
