"""Microversions: numbers like 2.19 that compare as pairs, never as decimals."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


class Version(NamedTuple):
    """A major and a minor number; 2.10 is later than 2.9."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> "Version":
        """Read "2.19"; ValueError if it is not two numbers with a dot."""
        match = re.fullmatch(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})", text.strip())
        if not match:
            raise ValueError(text)
        return Version(int(match[1]), int(match[2]))


class Versions:
    """The microversions of one API: the first, the last, and a sentence for each.

    `legacy_header` is the header by which older clients ask (X-OpenStack-Nova-API-Version).
    """

    def __init__(
        self, service_type: str, table: Mapping[str, str], *, legacy_header: str | None = None
    ) -> None:
        self.service_type = service_type
        self.table = {Version.parse(number): sentence for number, sentence in table.items()}
        self.minimum, self.maximum = min(self.table), max(self.table)
        self.legacy_header = legacy_header
