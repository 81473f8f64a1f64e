"""`nacre doctor`: look for drift everywhere now, list what was found, and heal one thing on command.

It speaks to the services' own API for findings (`nacre-findings`, found through the catalog), so it works the
same whether the cloud is one process or many on many machines.  On a machine whose cloud is another's it goes by
OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME, as the openstack command does.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from nacre.cloud import status
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel import errors

#: The type of each service that looks for drift, and the path of its findings below its address.
PATHS = {
    "placement": "/nacre-findings",
    "image": "/v2/nacre-findings",
    "network": "/v2.0/nacre-findings",
    "compute": "/nacre-findings",
}
PAGE = 1000
LONGEST_LOOK_SECONDS = 1800.0
#: How long what is over is still listed by the command (the API has it for a week).
RECENT = timedelta(days=1)
HEADINGS = {
    "left": "left for you to decide",
    "found": "being put right",
    "healed": "healed within a day",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, as a service shows it."""

    kind: str
    resource_id: str
    state: str
    text: str
    first_seen_at: datetime
    last_seen_at: datetime
    host: str | None = None
    command: str | None = None
    service: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a cloud's drift, and what could not be looked at."""

    findings: list[Finding]
    missed: dict[str, list[str]]

    @property
    def left(self) -> list[Finding]:
        """What a person has to decide about."""
        return [finding for finding in self.findings if finding.state == "left"]


def run(options: Options, *, look: bool, thorough: bool, as_json: bool) -> bool:
    """Look and list; tell whether nothing is left for a person."""
    admin = connect(options)
    if look:
        examine(admin, thorough=thorough)
    diagnosis = read(admin)
    terminal = Terminal()
    if as_json:
        terminal.say(msgspec.json.format(msgspec.json.encode(diagnosis)).decode())
    else:
        for line in in_words(diagnosis, datetime.now(UTC)):
            terminal.say(line)
    return not diagnosis.left


def heal(options: Options, kind: str, resource_id: str, host: str | None) -> None:
    """Have the service that found something heal it; raises what keeps it from that."""
    admin = connect(options)
    body = {"kind": kind, "resource_id": resource_id} | ({"host": host} if host else {})
    for finding in read(admin).findings:
        if (finding.kind, finding.resource_id) == (kind, resource_id) and finding.state != "healed":
            admin.post(finding.service, f"{PATHS[finding.service]}/heal", body)
            Terminal().say(f"{kind} {resource_id}: being healed. Look again: nacre doctor")
            return
    raise errors.NotFound(f"No {kind} of {resource_id} is known. Look first: nacre doctor")


def connect(options: Options) -> CloudClient:
    """Return the administrator's client: of the cloud here, or of the one that the environment names."""
    address = os.environ.get("OS_AUTH_URL")
    if StateDirectory(options.state).running() is not None or not address:
        return status.connect(StateDirectory(options.state))
    names = ("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")
    values = [os.environ.get(name, "") for name in names]
    if not all(values):
        raise errors.BadRequest(f"OS_AUTH_URL is set, and so must be {', '.join(names)}.")
    url = address.rstrip("/")
    return CloudClient(url if url.endswith("/v3") else f"{url}/v3", *values)


def examine(admin: CloudClient, *, thorough: bool = False) -> None:
    """Have every service go through everything now; return when all have come to the end."""
    awaited: dict[str, dict[str, int]] = {}
    for service in _present(admin):
        body = admin.post(service, f"{PATHS[service]}/check", {"thorough": thorough})
        awaited[service] = {sweep["name"]: sweep["asked"] for sweep in body["sweeps"]}
    for service, asked in awaited.items():
        _await(admin, service, asked)


def _await(admin: CloudClient, service: str, asked: dict[str, int]) -> None:
    admin.wait(
        lambda: admin.get(service, PATHS[service], limit=1)["sweeps"],
        lambda sweeps: all(sweep["answered"] >= asked.get(sweep["name"], 0) for sweep in sweeps),
        seconds=LONGEST_LOOK_SECONDS,
    )


def read(admin: CloudClient) -> Diagnosis:
    """Return all findings of all services."""
    findings: list[Finding] = []
    missed: dict[str, list[str]] = {}
    for service in _present(admin):
        marker: dict[str, Any] = {}
        while True:
            body = admin.get(service, PATHS[service], limit=PAGE, **marker)
            findings += [msgspec.convert({**row, "service": service}, Finding) for row in body["findings"]]
            missed |= {sweep["name"]: sweep["missed"] for sweep in body["sweeps"] if sweep["missed"]}
            if len(body["findings"]) < PAGE:
                break
            marker = {"marker": body["findings"][-1]["id"]}
    return Diagnosis(findings=findings, missed=missed)


def _present(admin: CloudClient) -> Iterator[str]:
    if not admin.project_id:
        admin.log_in()
    yield from (service for service in PATHS if service in admin.services)


# --- in words ------------------------------------------------------------------------------------------


def in_words(diagnosis: Diagnosis, now: datetime) -> Iterator[str]:
    """Put a diagnosis into lines: what is left first, by kind, with the command that heals it."""
    shown = [
        finding
        for finding in diagnosis.findings
        if finding.state != "healed" or finding.last_seen_at >= now - RECENT
    ]
    for state, heading in HEADINGS.items():
        kinds: dict[str, list[Finding]] = defaultdict(list)
        for finding in shown:
            if finding.state == state:
                kinds[finding.kind].append(finding)
        if kinds:
            yield f"{heading} ({sum(map(len, kinds.values()))})"
        for kind, findings in sorted(kinds.items()):
            yield f"  {kind} ({len(findings)})"
            for finding in sorted(findings, key=lambda each: (each.host or "", each.resource_id)):
                yield from _lines(finding, now)
    for sweep, hosts in sorted(diagnosis.missed.items()):
        what = "everything" if "*" in hosts else ", ".join(hosts)
        yield f"not looked at: {what} ({sweep})"
    if not shown and not diagnosis.missed:
        yield "Nothing has drifted."


def _lines(finding: Finding, now: datetime) -> Iterator[str]:
    where = f" on {finding.host}" if finding.host else ""
    yield f"    {finding.resource_id}{where}, {_ago(finding, now)}"
    yield f"      {finding.text}"
    if finding.command and finding.state == "left":
        yield f"      $ {finding.command}"


def _ago(finding: Finding, now: datetime) -> str:
    moment = finding.last_seen_at if finding.state == "healed" else finding.first_seen_at
    minutes = max(0, int((now - moment).total_seconds())) // 60
    ago = "now" if minutes == 0 else f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
    return ago if finding.state == "healed" or minutes == 0 else f"since {ago.removesuffix(' ago')}"


__all__ = ["Diagnosis", "Finding", "connect", "examine", "heal", "in_words", "read", "run"]
