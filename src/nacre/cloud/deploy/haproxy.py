"""HAProxy's configuration for a cloud: every API behind one address, on several control nodes.

A node that is to end answers its health checks with 404, upon which HAProxy sends it no new requests and lets
those under way end.  A request whose connection was refused goes to another node; one that was sent and
not answered is repeated only where that cannot do a thing twice.
"""

from __future__ import annotations

from nacre.cloud.deploy.plan import Endpoint, Plan, bracketed
from nacre.kernel.http.app import HEALTH_PATH

#: How often a node is asked how it is.  A process drains for longer (`[process] drain_seconds`).
CHECK_SECONDS = 1

_TOP = """\
# HAProxy in front of nacre's control nodes.  Made by `nacre deploy haproxy`: change nacre.toml, then make it again.

global
    log stderr format raw local0
{account}
defaults
    mode http
    option forwardfor
    balance leastconn
    timeout connect 2s
    timeout http-request 30s
    timeout http-keep-alive 75s
    timeout client 10m
    timeout server 10m
    timeout queue 30s
    timeout tunnel 12h
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    default-server check inter {seconds}s fastinter 250ms downinter {seconds}s rise 1 fall 3

frontend stats
    bind {stats}
    stats enable
    stats uri /stats
"""

_API = """
frontend {name}
    bind {bind}
    log global
    option httplog
    option dontlog-normal
    http-request set-header X-Forwarded-Proto {scheme}
    default_backend {name}

backend {name}
    option httpchk
    http-check send meth GET uri {health} ver HTTP/1.1 hdr Host health.check
    http-check disable-on-404
    http-request disable-l7-retry unless METH_GET
{servers}
"""


def render(plan: Plan, *, account: str | None = "haproxy") -> str:
    """Return the text of haproxy.cfg; with an account HAProxy begins as root and goes on as that."""
    lines = f"    user {account}\n    group {account}\n" if account else ""
    top = _TOP.format(seconds=CHECK_SECONDS, stats=plan.stats, account=lines)
    return top + "".join(_api(plan, endpoint) for endpoint in plan.endpoints)


def _api(plan: Plan, endpoint: Endpoint) -> str:
    bind = f"{bracketed(plan.front)}:{endpoint.port}"
    if plan.certificate:
        bind += f" ssl crt {plan.certificate} alpn h2,http/1.1"
    servers = "\n".join(
        f"    server control-{number} {bracketed(address)}:{endpoint.port}"
        for number, address in enumerate(plan.control, 1)
    )
    return _API.format(name=endpoint.name, bind=bind, scheme=plan.scheme, servers=servers, health=HEALTH_PATH)
