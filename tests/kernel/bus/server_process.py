"""A server in a process of its own, for tests that kill it: prints what it hears, and never answers.

Reads url, realm and topic from its standard input, one a line.
"""

import sys
import threading

from kernel.bus.bus_notes import NOTE, Note
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.options import BusOptions


def hear(note: Note) -> None:
    print(note.text, flush=True)  # noqa: T201
    threading.Event().wait()


url, realm, topic = (sys.stdin.readline().strip() for _ in range(3))
bus = AmqpBus(BusOptions(url=url, realm=realm), name="victim")
bus.serve(topic, {NOTE: hear}, concurrency=1)
print("ready", flush=True)  # noqa: T201
threading.Event().wait()
