"""What people see: one line a step with the time it took, and no wall of logs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Terminal:
    """Prints lines; every line is flushed, so that a file or pipe shows progress too."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def is_interactive(self) -> bool:
        """Tell whether somebody looks at this, and colours would not end up in a file."""
        return sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, line: str = "") -> None:
        """Print a line."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def note(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        self.say(f"  {time.monotonic() - self._began:6.1f} s  {line}")

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Print a step once it is done, with its own duration and what was appended to the list."""
        began = time.monotonic()
        seen: list[str] = []
        yield seen
        tail = f": {', '.join(seen)}" if seen else ""
        self.say(f"  {time.monotonic() - began:6.1f} s  {title}{tail}")
