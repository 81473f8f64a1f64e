"""One client of the fuzz: a user who is alone in a project, and knows what must be there.

Whoever is alone knows more than others: what a look shows stays so until this same person asks for a change, and
every answer that contradicts it is a violation.  The exception is a thing of which the last request had an unknown
outcome: it is `in_doubt` for as long as that request may still be on its way in a process that hangs.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster.fuzz.asking import AGAIN_SECONDS, Answer, Connection, Tally

#: How long after an unknown outcome a request may still be carried out: a process may hang for some seconds, and then
#: wait for a broker and a database that are away.
DOUBT_SECONDS = 45.0
#: What may be answered for a thing in doubt: it is not there, or not in that state.
DOUBTFUL = (400, 404, 409)
COMPUTE_VERSION = "2.90"
STILL_RUNNING = 409


@dataclass
class Kind:
    """A kind of thing: where its API has it."""

    service: str
    path: str
    key: str
    keys: str
    named_by: str = "name"


KINDS = {
    "server": Kind("compute", "/servers", "server", "servers"),
    "image": Kind("image", "/v2/images", "", "images"),
    "network": Kind("network", "/v2.0/networks", "network", "networks"),
    "subnet": Kind("network", "/v2.0/subnets", "subnet", "subnets"),
    "port": Kind("network", "/v2.0/ports", "port", "ports"),
    "router": Kind("network", "/v2.0/routers", "router", "routers"),
    "group": Kind("network", "/v2.0/security-groups", "security_group", "security_groups"),
    "floating": Kind("network", "/v2.0/floatingips", "floatingip", "floatingips", "description"),
}


@dataclass(eq=False)
class Thing:
    """Something that a person made."""

    kind: str
    id: str
    name: str
    doubt_until: float = 0.0
    wanted: tuple[str, ...] = ()
    "Servers: the statuses in which it may rest, after what it was told last."
    deleted: bool = False
    "It was told to go, and may be on its way."
    maybe_gone: bool = False
    "Nobody knows whether it was told to go."
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def in_doubt(self) -> bool:
        """Tell whether a request about it may still be on its way."""
        return time.monotonic() < self.doubt_until

    @property
    def path(self) -> str:
        """Where it is in its API."""
        return f"{KINDS[self.kind].path}/{self.id}"

    @property
    def service(self) -> str:
        """The API that has it."""
        return KINDS[self.kind].service

    def doubt(self) -> None:
        """Say that nobody knows what becomes of it."""
        self.doubt_until = time.monotonic() + DOUBT_SECONDS
        self.wanted = ()


class Person:
    """One client with a random walk of its own."""

    def __init__(
        self,
        number: int,
        seed: int,
        tally: Tally,
        own: Connection,
        operator: Connection,
        facts: dict[str, Any],
    ) -> None:
        self.number, self.tally, self.own, self.operator = number, tally, own, operator
        self.facts = facts
        self.random = random.Random(f"{seed}/{number}")
        self.things: dict[str, list[Thing]] = defaultdict(list)
        self.lost: set[str] = set()
        "Names of things whose making was asked for, and may yet come."
        self._count = 0

    # --- choosing ---

    def some(self, kind: str, *, certain: bool = True) -> Thing | None:
        """Choose one of the things of a kind that are not on their way out; None if there is none."""
        found = [each for each in self.things[kind] if not each.deleted and not (certain and each.in_doubt)]
        chosen = self.random.choice(found) if found else None
        if certain and chosen is not None and chosen.maybe_gone and self.look(chosen) is None:
            return None
        return chosen

    def chance(self, share: float) -> bool:
        """Toss a coin."""
        return self.random.random() < share

    def complain(self, words: str) -> None:
        """Note a violation."""
        self.tally.violation(f"client {self.number}: {words}")

    # --- asking ---

    def ask(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        expect: Iterable[int],
        about: Iterable[Thing] = (),
        as_operator: bool = False,
        key: str | None = None,
    ) -> Answer:
        """Send a request whose answer is known beforehand, unless it is about something in doubt."""
        version = COMPUTE_VERSION if service == "compute" else None
        things, connection = list(about), self.operator if as_operator else self.own
        doubtful = any(each.in_doubt or each.maybe_gone for each in things)
        answer = connection.ask(method, service, path, body, version=version, key=key)
        if not answer.known:
            for each in things:
                each.doubt()
                each.maybe_gone |= method == "DELETE" and path == each.path
        elif answer.status not in (*expect, *(DOUBTFUL if doubtful else ())):
            self.complain(f"{method} {path} {_shortly(body)} is answered {answer}")
        return answer

    def look(self, thing: Thing) -> Any:
        """Return what a thing is now; None if it is gone, which it must not be unless it was told to go."""
        version = COMPUTE_VERSION if thing.service == "compute" else None
        answer = self.own.read(thing.service, thing.path, version=version)
        if answer.done:
            thing.maybe_gone &= thing.in_doubt
            return answer.body[KINDS[thing.kind].key] if KINDS[thing.kind].key else answer.body
        if not (answer.status == 404 and (thing.deleted or thing.maybe_gone)):
            self.complain(f"{thing.kind} {thing.name} ({thing.id}) is answered {answer}")
        self.forget(thing)
        return None

    def list(self, kind: str, **query: Any) -> list[Any]:
        """Return all of a kind that the project has."""
        about = KINDS[kind]
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        path = f"{about.path}/detail" if kind == "server" else about.path
        version = COMPUTE_VERSION if about.service == "compute" else None
        answer = self.own.read(about.service, f"{path}?{asked}", version=version)
        if not answer.done:
            self.complain(f"the list of {about.keys} is answered {answer}")
            return []
        found: list[Any] = answer.body[about.keys]
        return found

    # --- making and unmaking ---

    def make(
        self, kind: str, fields: dict[str, Any], *, expect: int, about: Iterable[Thing] = ()
    ) -> Thing | None:
        """Make something; None if nobody knows whether it was made."""
        self._count += 1
        name = f"{kind}-{self.number}-{self._count}"
        spec, things = KINDS[kind], list(about)
        body: Any = {**fields, spec.named_by: name}
        body = {spec.key: body} if spec.key else body
        key = f"{name}-{self.random.randrange(10**9)}" if self.chance(0.5) else None
        answer = self.ask("POST", spec.service, spec.path, body, expect=(expect,), about=things, key=key)
        while key and not self.tally.over.is_set() and not answer.known:
            time.sleep(AGAIN_SECONDS)
            allowed = (expect, STILL_RUNNING)
            answer = self.ask("POST", spec.service, spec.path, body, expect=allowed, about=things, key=key)
            if answer.status == STILL_RUNNING:
                answer = Answer(None)
        if answer.done:
            made = answer.body[spec.key] if spec.key else answer.body
            return self._keep(Thing(kind, made["id"], name))
        if not answer.known:
            self._find(kind, name)
        return None

    def _find(self, kind: str, name: str) -> None:
        """Look whether something was made after all; it may come later, too."""
        self.lost.add(name)
        for each in self.list(kind, **{KINDS[kind].named_by: name}):
            if each[KINDS[kind].named_by] == name:
                self.adopt(kind, each["id"], name)

    def adopt(self, kind: str, thing_id: str, name: str) -> None:
        """Find something that was asked for and never confirmed."""
        self._keep(Thing(kind, thing_id, name)).doubt()

    def _keep(self, thing: Thing) -> Thing:
        self.things[thing.kind].append(thing)
        return thing

    def forget(self, thing: Thing) -> None:
        """Think no more of something that is gone."""
        if thing in self.things[thing.kind]:
            self.things[thing.kind].remove(thing)

    def unmake(self, thing: Thing, *, expect: Iterable[int] = (204,), about: Iterable[Thing] = ()) -> Answer:
        """Delete something."""
        answer = self.ask("DELETE", thing.service, thing.path, expect=expect, about=(thing, *about))
        if answer.done or answer.status == 404:
            thing.deleted = True
            if thing.kind != "server":
                self.forget(thing)
        return answer


def _shortly(body: Any) -> str:
    return "" if body is None else str(body)[:200]
