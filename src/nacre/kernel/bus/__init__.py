"""The bus: how one part of the cloud asks another part, perhaps on another machine, to do something.

A *topic* is the name that a server listens under: ``compute`` for the control plane, ``compute.<host>``
for the agent on one host.  There are three ways to speak to it: `call` waits for the answer, `cast` does
not, `fanout` speaks to everybody there.  What may be said is written down in a service's ``rpc.py``::

    class Ping(msgspec.Struct, frozen=True, kw_only=True):
        text: str

    PING = Method("ping", Ping, Pong)

    subscription = bus.serve("compute.host-1", {PING: lambda ping: Pong(text=ping.text)})
    pong = bus.call("compute.host-1", PING, Ping(text="hello"), deadline_seconds=5)

The one idea to keep in mind: **the bus wakes, the database remembers.**  A message may be lost (nobody
listened, the process died, the queue was full) and then nothing is lost, because whatever must happen is
a row in some table and somebody will look at it again.  So no message is stored here, none is retried, and
handlers must stand hearing the same thing twice.

`MemoryBus` connects the parts within one process; it still encodes every message, so nothing can be shared
by reference that would not survive a network.  `amqp.AmqpBus` connects processes and machines over RabbitMQ.
"""

from nacre.kernel.bus.interface import DEFAULT_DEADLINE_SECONDS, Bus, Handlers, Subscription
from nacre.kernel.bus.memory import MemoryBus
from nacre.kernel.bus.method import Method
from nacre.kernel.bus.options import BusOptions

__all__ = [
    "DEFAULT_DEADLINE_SECONDS",
    "Bus",
    "BusOptions",
    "Handlers",
    "MemoryBus",
    "Method",
    "Subscription",
    "open_bus",
]


def open_bus(options: BusOptions, *, name: str) -> Bus:
    """Make the bus that the configuration asks for; `name` is as whom this process speaks on it."""
    if options.url is None:
        return MemoryBus()
    from nacre.kernel.bus.amqp import AmqpBus  # only here, for it costs a tenth of a second to import

    return AmqpBus(options, name=options.name or name)
