"""Examinations of what runs: control nodes, their clocks, the proxy in front of them, the agents on hosts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3

from nacre.cloud.deploy.findings import Finding, Subject
from nacre.kernel.http.app import HEALTH_PATH

SECONDS = 5.0
LARGEST_SKEW_SECONDS = 3.0  # answers tell whole seconds only


def control(subject: Subject) -> Iterator[Finding]:
    """Every API answers on every control node."""
    with _pool(subject) as pool:
        for address in subject.plan.control:
            silent, ending = [], []
            for endpoint in subject.plan.endpoints:
                status = _status(pool, subject.plan.url(endpoint, address) + HEALTH_PATH)
                if status is None:
                    silent.append(f"{endpoint.name} (port {endpoint.port})")
                elif status != 200:
                    ending.append(endpoint.name)
            if silent:
                yield Finding(
                    f"on {address} nobody answers for {', '.join(silent)}",
                    "there: systemctl status 'nacre-serve@*'; is the port free, and open in the firewall?",
                )
            if ending:
                yield Finding(
                    f"on {address} these are about to end: {', '.join(ending)}",
                    "look again when their restart is over",
                )


def clocks(subject: Subject) -> Iterator[Finding]:
    """The clocks of the control nodes agree with ours, on which leases and tokens depend."""
    with _pool(subject) as pool:
        for address in subject.plan.control:
            url = subject.plan.url(subject.plan.endpoints[0], address) + HEALTH_PATH
            try:
                answer = pool.request("GET", url)
            except urllib3.exceptions.HTTPError:
                continue  # found wrong already
            shown = answer.headers.get("date")
            if shown is None:
                continue
            skew = (datetime.now(UTC) - parsedate_to_datetime(shown)).total_seconds()
            if abs(skew) > LARGEST_SKEW_SECONDS:
                yield Finding(
                    f"the clock of {address} is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} ours",
                    "run chrony or systemd-timesyncd on every machine (timedatectl)",
                )


def proxy(subject: Subject) -> Iterator[Finding]:
    """HAProxy hands requests on, and sees every control node."""
    with _pool(subject) as pool:
        for endpoint in subject.plan.endpoints:
            url = subject.plan.url(endpoint)
            status = _status(pool, url + HEALTH_PATH)
            if status is None:
                yield Finding(
                    f"nobody answers for {endpoint.name} at {url}",
                    "nacre deploy haproxy > /etc/haproxy/haproxy.cfg; systemctl reload haproxy",
                )
            elif status != 200:
                yield Finding(
                    f"HAProxy has no control node for {endpoint.name} ({status})", "see `control nodes` above"
                )
        yield from _backends(subject, pool)


def _backends(subject: Subject, pool: urllib3.PoolManager) -> Iterator[Finding]:
    """Read HAProxy's own view, where it runs on this machine."""
    try:
        answer = pool.request("GET", f"http://{subject.plan.stats}/stats;csv")
    except urllib3.exceptions.HTTPError:
        return  # it runs elsewhere
    rows = csv.DictReader(io.StringIO(answer.data.decode().removeprefix("# ")))
    servers = [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]
    for row in servers:
        if not row["status"].startswith(("UP", "no check")):
            yield Finding(
                f"HAProxy takes {row['svname']} of {row['pxname']} for {row['status']} ({row['check_status']})",
                "see `control nodes` above; the network between HAProxy and that node",
            )
    known = {row["pxname"] for row in servers}
    missing = [each.name for each in subject.plan.endpoints if each.name not in known]
    if missing:
        yield Finding(
            f"HAProxy's configuration lacks {', '.join(missing)}",
            "nacre deploy haproxy > /etc/haproxy/haproxy.cfg; systemctl reload haproxy",
        )


def agents(subject: Subject) -> Iterator[Finding]:
    """Hosts that joined have agents that report."""
    admin = subject.admin()
    servers = admin.get("compute", "/os-services", binary="nova-compute")["services"]
    networks = admin.get("network", "/v2.0/agents")["agents"]
    for each in servers:
        if each["state"] != "up":
            yield Finding(
                f"the compute agent of {each['host']} was last heard of at {each['updated_at']}",
                f"on {each['host']}: systemctl status nacre-agent@compute",
            )
    for host in sorted({each["host"] for each in networks if not each["alive"]}):
        yield Finding(
            f"the network agent of {host} does not report",
            f"on {host}: systemctl status nacre-agent@network",
        )
    joined = {each["name"] for each in admin.get("identity", "/OS-NACRE/hosts")["hosts"]}
    for host in sorted(joined - {each["host"] for each in servers}):
        yield Finding(
            f"{host} joined, but its compute agent was never heard of",
            f"on {host}: systemctl enable --now nacre-agent@compute nacre-agent@network",
        )
    if not servers:
        yield Finding("no host can run servers yet", "nacre agent token --host NAME, then join it")


def _pool(subject: Subject) -> urllib3.PoolManager:
    return urllib3.PoolManager(timeout=SECONDS, retries=False, ca_certs=subject.plan.ca)


def _status(pool: urllib3.PoolManager, url: str) -> int | None:
    """Return an answer's status; None where nobody answers."""
    try:
        return pool.request("GET", url).status
    except urllib3.exceptions.HTTPError:
        return None
