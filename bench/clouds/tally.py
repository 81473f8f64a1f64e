"""Run nacre and count what it does: messages by method, transactions that wrote; `python -P tally.py FILE COMMAND…`.

This is run by the product's own Python.  Once a second a line of JSON is added to the file: the numbers since the
process began, by the time of day.  Counting is an addition for each message and transaction; what the product
does is not touched.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacre.cmd import main
from nacre.kernel.bus import envelope
from nacre.kernel.db import Database

EVERY_SECONDS = 1.0
MESSAGES: Counter[str] = Counter()
WRITES: Counter[str] = Counter()


def count_messages() -> None:
    """Count each message that is handled here, by its topic's first word and its method."""
    pick: Callable[..., Any] = envelope._pick

    def counted(topic: str, handlers: Any, name: str) -> Any:
        MESSAGES[f"{topic.partition('.')[0]} {name}"] += 1
        return pick(topic, handlers, name)

    envelope._pick = counted  # type: ignore[assignment]


def count_writes() -> None:
    """Count each transaction that may write, by the database's name."""
    run: Callable[..., Any] = Database.run

    def counted(self: Database, f: Any, *args: Any, **kwargs: Any) -> Any:
        WRITES[Path(self.url.database or "").stem] += 1
        return run(self, f, *args, **kwargs)

    Database.run = counted  # type: ignore[method-assign]


def write_down(file: Path) -> None:
    """Add a line each second, for ever."""
    with file.open("a", buffering=1) as lines:
        while True:
            found = {"at": time.time(), "messages": dict(MESSAGES), "writes": dict(WRITES)}
            lines.write(json.dumps(found) + "\n")
            time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    count_messages()
    count_writes()
    threading.Thread(target=write_down, args=(Path(sys.argv[1]),), name="tally", daemon=True).start()
    sys.argv[:2] = ["nacre"]
    main()
