"""What a host's agent finds wrong when it looks at its own files and devices."""

from enum import StrEnum

from nacre.services.compute.rpc.spec import Message


class Trouble(StrEnum):
    """What may be wrong with what a host keeps of a server."""

    FILES_STRAY = "files_stray"  # files of a server of which there is nothing else
    DISK_MISSING = "disk_missing"  # a server whose root disk is gone
    BASE_MISSING = "base_missing"  # a root disk whose base image is gone or damaged
    CARD_UNPLUGGED = "card_unplugged"  # a running guest with a card that is plugged in nowhere


class Found(Message, frozen=True, kw_only=True):
    """One thing that is wrong, in words for the operator."""

    kind: Trouble
    server_id: str
    text: str


class Examined(Message, frozen=True, kw_only=True):
    """All that is wrong on a host now."""

    host: str
    troubles: tuple[Found, ...] = ()
