"""One TOML file, every key optional, each section declared by the part that reads it.

    [compute]
    cpu_allocation_ratio = 8.0

A section is a frozen msgspec Struct with defaults; a key that it does not know, or a value of the
wrong type, stops the start with a sentence that names the file, the section and the key, and the key that
was probably meant.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Section = TypeVar("Section", bound=msgspec.Struct)


class ConfigError(Exception):
    """The configuration file cannot be used; the text says what to change."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of sections: frozen, all keys optional, unknown ones refused."""


class ConfigFile:
    """A configuration file that has been read; sections are taken from it as they are needed."""

    def __init__(self, sections: dict[str, Any] | None = None, *, name: str = "the configuration") -> None:
        self._sections, self._name = sections or {}, name

    @classmethod
    def read(cls, path: Path | None) -> ConfigFile:
        """Read a file; an absent one is an empty one."""
        if path is None or not path.exists():
            return cls()
        try:
            return cls(tomllib.loads(path.read_text(encoding="utf-8")), name=str(path))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from None

    def section(self, name: str, kind: type[Section]) -> Section:
        """Return a section as its declared type."""
        values = self._sections.get(name, {})
        if isinstance(values, dict) and kind.__struct_config__.forbid_unknown_fields:
            refuse_unknown(values, kind.__struct_encode_fields__, f"{self._name}, section [{name}]", "key")
        try:
            return msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{self._name}, section [{name}]: {error}") from None

    def values(self, name: str) -> dict[str, Any]:
        """Return a section as it stands, a copy, for options that are declared elsewhere."""
        return dict(self._sections.get(name, {}))

    def with_defaults(self, section: str, **values: Any) -> ConfigFile:
        """Return the same file where a section holds these values wherever it does not say otherwise."""
        return ConfigFile({**self._sections, section: {**values, **self.values(section)}}, name=self._name)

    def check_names(self, known: Collection[str]) -> None:
        """Raise ConfigError for a section that nobody reads; it was meant for somebody."""
        refuse_unknown(self._sections, known, self._name, "section")


def refuse_unknown(given: Collection[str], known: Collection[str], place: str, what: str) -> None:
    """Raise ConfigError for the first name that is not known, with the nearest one that is."""
    shown = "[{}]" if what == "section" else "{}"
    for name in given:
        if name in known:
            continue
        text = f"{place}: there is no {what} {shown.format(name)}"
        for nearest in get_close_matches(name, known, n=1, cutoff=0.5):
            text += f"; did you mean {shown.format(nearest)}?"
        raise ConfigError(text)
