"""`nacre look server ID`: the life of a server in the terminal, one line an event.

    09:12:03.120            REQUEST     create by demo in demo   req-5f…
                            scheduling  host-2 was chosen among 2 hosts
                                        host-1 (enabled): it is disabled
    09:12:03.164     21 ms  step        schedule
    09:12:03.201     1.3 s  message     ensure_server (build-7) → host-2
                                        ! No space left on device

A time is left out where it is the one above.  Colours are for terminals only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from nacre.services.compute.app.timelines import HOST, Entry, Kind, Timeline
from nacre.services.compute.db.history_tables import Refusal
from nacre.services.compute.db.servers import Server

BOLD, DIM, RED, GREEN, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"
TEXT_COLUMN = 38
LOUD = (Kind.REQUEST, Kind.FAULT, Kind.DELETED)


@dataclass
class Story:
    """A timeline as lines of text; `names` are those of users and projects, by id."""

    timeline: Timeline
    names: Mapping[str, str] = field(default_factory=dict)
    coloured: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the whole story."""
        yield from self._heading(self.timeline.server)
        day: date | None = None
        clock = request_id = ""
        for entry in self.timeline.entries:
            if entry.at.date() != day:
                day = entry.at.date()
                yield ""
                yield self._in(BOLD, f"{day:%A, %d %B %Y} (UTC)")
            shown = f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03}"
            yield from self._entry(entry, shown if shown != clock else "", entry.request_id != request_id)
            clock, request_id = shown, entry.request_id or request_id

    def _heading(self, server: Server) -> Iterator[str]:
        state = f"{server.vm_state}" + (f", {server.task_state}" if server.task_state else "")
        where = f" on {server.host}" if server.host else ""
        yield self._in(BOLD, f"server {server.id}  {server.name}")
        yield f"  {state}{where}"
        yield f"  {server.flavor.name}, of {self._name(server.user_id)} in {self._name(server.project_id)}"

    def _entry(self, entry: Entry, clock: str, new_request: bool) -> Iterator[str]:
        took = _duration((entry.until - entry.at).total_seconds()) if entry.until else ""
        word = str(entry.kind).upper() if entry.kind in LOUD else str(entry.kind)
        text = self._text(entry)
        if entry.request_id and (new_request or entry.kind is Kind.REQUEST):
            text += self._in(DIM, f"   {entry.request_id}")
        head = f"  {clock:12} {took:>9}  {word:11} "
        yield self._in(BOLD if entry.kind in LOUD else "", head) + text
        for refusal in entry.refusals:
            yield self._in(DIM, f"{'':{TEXT_COLUMN}}{_refusal(refusal)}")
        for complaint in filter(None, (entry.problem, entry.detail)):
            for line in complaint.splitlines():
                yield self._in(RED, f"{'':{TEXT_COLUMN}}! {line}")

    def _text(self, entry: Entry) -> str:
        tries = f", {entry.tries} tries" if entry.tries > 1 else ""
        if entry.kind is Kind.REQUEST:
            return f"{entry.what} by {self._name(entry.user_id)} in {self._name(entry.project_id)}"
        if entry.kind is Kind.END and not entry.problem:
            return self._in(GREEN, entry.what)
        where = f" → {entry.host}" if entry.host and entry.kind in (Kind.STEP, Kind.MESSAGE) else ""
        return f"{entry.what}{where}{tries}"

    def _name(self, identifier: str | None) -> str:
        return self.names.get(identifier or "", identifier or "nobody")

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self.coloured and colour else text


def _refusal(refusal: Refusal) -> str:
    if refusal.by == HOST:
        return f"{refusal.host} itself: {refusal.reason}"
    return f"{refusal.host} ({refusal.by}): {refusal.detail or refusal.reason}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
