"""What exchanges and queues are called on a broker, and who may touch which.

Three exchanges carry everything that nacre's parts say to each other.  All are of the kind *topic*, with the
bus topic as routing key, because RabbitMQ can then say for each account which keys it may send to and
listen for:

    nacre           one server of a topic: calls and casts
    nacre:fanout    every server of a topic
    nacre:replies   the process that called; the key is its reply address, NAME.RANDOM

and the queues are

    nacre.TOPIC             what the servers of a topic share
    nacre.TOPIC:GROUP       what a group of servers is told together
    nacre.TOPIC:@RANDOM     what one server alone is told
    nacre:reply.NAME.RANDOM replies to one process

`nacre` is the *realm*, so that several clouds can use one broker.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pamqp.common import FieldTable

QUEUE_IDLE_MS = 60_000
"""How long a queue stays that nobody serves; what is in it then is too old to be of use."""

DELIVERY_LIMIT = 5
"""How often a message is handed out whose server dies of it, say."""

_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_LONGEST_NAME = 150  # AMQP allows 255 bytes for a queue's name, all prefixes included


@dataclass(frozen=True)
class Permissions:
    """What an account may do, as RabbitMQ's regular expressions.

    topics   exchange → what it may send to, what it may listen for
    """

    configure: str
    write: str
    read: str
    topics: Mapping[str, tuple[str, str]]


class Names:
    """The names of one realm."""

    def __init__(self, realm: str) -> None:
        self.realm = check_name(realm)
        self.calls = self.realm
        self.fanout = f"{realm}:fanout"
        self.replies = f"{realm}:replies"

    @property
    def exchanges(self) -> tuple[str, ...]:
        """All exchanges of the realm."""
        return self.calls, self.fanout, self.replies

    def shared_queue(self, topic: str) -> str:
        """Name the queue that all servers of a topic take from."""
        return f"{self.realm}.{check_name(topic)}"

    def group_queue(self, topic: str, group: str) -> str:
        """Name the queue that a group of servers takes from."""
        return f"{self.realm}.{check_name(topic)}:{check_name(group)}"

    def own_queue(self, topic: str) -> str:
        """Make up a name for the queue of one server."""
        return f"{self.realm}.{check_name(topic)}:@{secrets.token_hex(8)}"

    def host_account(self, host: str) -> str:
        """Name the broker's account of a host's agents."""
        return f"{self.realm}.host.{check_name(host)}"

    def host_of(self, account: str) -> str | None:
        """Return the host whose account that is; None for those that may speak for anybody."""
        prefix = f"{self.realm}.host."
        return account.removeprefix(prefix) if account.startswith(prefix) else None

    def reply_queue(self, address: str) -> str:
        """Name the queue of a reply address."""
        return f"{self.realm}:reply.{address}"


def new_address(name: str) -> str:
    """Make up a reply address for a process that speaks as `name`."""
    return f"{check_name(name)}.{secrets.token_hex(16)}"


def check_name(name: str) -> str:
    """Return a name that is fit for a routing key: words with dots between, and no wildcard."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name on the bus: letters, digits, '-', '_', dots between")
    return name


def queue_arguments(limit: int) -> FieldTable:
    """Return the properties of the queues that processes share: replicated, bounded, gone when idle.

    A broker refuses a queue whose properties differ from those it has, so whoever changes one of
    these changes the queues' names too.
    """
    return {
        "x-queue-type": "quorum",
        "x-expires": QUEUE_IDLE_MS,
        "x-max-length": limit,
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
    }


def own_queue_arguments(limit: int) -> FieldTable:
    """Return the properties of a queue that lives and dies with one connection."""
    return {"x-max-length": limit, "x-overflow": "drop-head"}


def host_permissions(realm: str, host: str, kinds: Sequence[str]) -> Permissions:
    """Return what the account of a host needs, and no more.

    Its agents serve KIND.HOST, call and tell the topics KIND, and answer whoever called.  They cannot
    listen to another host's topics or replies, nor send anything to another host, nor touch the
    default exchange, through which any queue could be reached.
    """
    names, kind = Names(realm), "|".join(re.escape(check_name(kind)) for kind in kinds)
    own = re.escape(check_name(host))
    served = rf"({kind})\.{own}"
    address = rf"{own}\.[0-9a-f]{{32}}"
    queues = rf"{re.escape(realm)}\.{served}(:.*)?|{re.escape(realm)}:reply\.{address}"
    exchanges = {name: re.escape(name) for name in names.exchanges}
    return Permissions(
        configure=f"^({queues})$",
        write=f"^({exchanges[names.calls]}|{exchanges[names.replies]}|{queues})$",
        read=f"^({'|'.join(exchanges.values())}|{queues})$",
        topics={
            names.calls: (f"^({kind})$", f"^{served}$"),
            names.fanout: ("^$", f"^{served}$"),
            names.replies: (".*", f"^{address}$"),
        },
    )
