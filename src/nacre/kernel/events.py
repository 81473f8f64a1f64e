"""News between services, and OpenStack's notifications for whoever watches from outside.

An *event* travels back along a dependency: compute calls network, so network may not call compute, but it
may say ``network.port.up`` and compute may have subscribed.  A service lists its subscriptions in its
manifest, and each event reaches each subscribed service at most once, in whichever of its processes is
free.  An event is a hint to look now rather than at the reconciler's next turn: it may be lost, so it is
published after the transaction that it tells of, and nothing may depend on it alone.  An outage where it is
heard is no reason to lose it: it is tried again for a while.

A *notification* (``compute.instance.create.end``) is for telemetry and billing outside nacre, in the
format of oslo.messaging, where its listeners look: in the service's control exchange, under the topic
``notifications.info`` (or another priority).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nacre.kernel import errors
from nacre.kernel.bus import Method, Subscription
from nacre.kernel.ids import new_id
from nacre.kernel.log import request_id
from nacre.kernel.pool import blocking

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.service import Service

#: What the topics of notifications begin with; the priority follows.
NOTIFICATIONS = "notifications"

#: How long an event is tried again that meets an outage where it is heard, and after which pauses.
TRIED_FOR_SECONDS = 60.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 4.0

Priority = Literal["AUDIT", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL", "SAMPLE"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened; the payload is plain JSON: ids rather than whole things, which may be stale."""

    name: str
    payload: Any = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The outer envelope of oslo.messaging's format 2.0; `message` is JSON within JSON."""

    version: str = msgspec.field(default="2.0", name="oslo.version")
    message: str = msgspec.field(name="oslo.message")


EVENT: Method[Event, None] = Method("event", Event)
NOTIFY: Method[Notification, None] = Method("notification", Notification)


def publish(ctx: Context, name: str, payload: Any = None) -> None:
    """Tell every subscribed service that something happened.  Call it after the commit, never within."""
    ctx.bus.fanout(_topic(name), EVENT, Event(name=name, payload=payload))


def subscribe(service: Service) -> list[Subscription]:
    """Begin to hear the events that a service's manifest lists; each is handled with a context of its own."""
    return [
        service.bus.serve(_topic(name), {EVENT: partial(_hear, service, function)}, group=service.name)
        for name, function in service.manifest.subscriptions.items()
    ]


def notify(ctx: Context, event_type: str, payload: dict[str, Any], priority: Priority = "INFO") -> None:
    """Tell the outside, in the format that OpenStack's telemetry reads.  Call it after the commit."""
    notification = {
        "message_id": new_id(),
        "publisher_id": f"{ctx.service.name}.{_host()}",
        "event_type": event_type,
        "priority": priority,
        "payload": payload,
        # compat: the text of a naive UTC datetime, not ISO 8601 (oslo.messaging, Notifier).
        "timestamp": str(ctx.clock.now().replace(tzinfo=None)),
        "_unique_id": new_id().replace("-", ""),
        "_context_request_id": ctx.request_id,
        "_context_user_id": ctx.user_id,
        "_context_project_id": ctx.project_id,
    }
    text = msgspec.json.encode(notification).decode()
    # compat: `info` for INFO and so on (oslo.messaging, MessagingDriver.notify).
    topic = f"{NOTIFICATIONS}.{priority.lower()}"
    exchange = ctx.service.manifest.control_exchange or ctx.service.name
    ctx.bus.notify(exchange, topic, NOTIFY, Notification(message=text))


def _topic(event_name: str) -> str:
    return f"event.{event_name}"


def _hear(service: Service, function: Callable[[Context, Any], None], event: Event) -> None:
    """Handle an event.  Whoever dies while an outage lasts leaves it to another: the broker has it still."""
    until, pause = time.monotonic() + TRIED_FOR_SECONDS, FIRST_PAUSE_SECONDS
    while True:
        try:
            return function(service.background_context(request_id=request_id.get()), event.payload)
        except errors.Unavailable:
            if time.monotonic() + pause > until:
                raise
        with blocking():
            time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


@cache
def _host() -> str:
    return socket.gethostname()
