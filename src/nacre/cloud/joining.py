"""`nacre agent join`: how a machine becomes a host of the cloud; and what an administrator does for it.

The administrator makes a token (`nacre agent token --host NAME`) and carries its text to the machine.  There it
is exchanged for an account on the broker: this machine makes up the password and sends only its hash.  What it
learns in return is written to the configuration in its state directory, with which its agents run.

Asked again after a crash it continues: the password is kept before anything is sent.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3

from nacre.cloud import serve, settings, status
from nacre.cloud.client import CloudClient
from nacre.cloud.deploy.commands import settle
from nacre.cloud.deploy.plan import DeploySection
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory, write_private
from nacre.cloud.terminal import Terminal
from nacre.cloud.toml import as_toml
from nacre.kernel import errors
from nacre.kernel.bus.broker_accounts import hash_password, new_password
from nacre.kernel.errors import BadRequest, Conflict, Unavailable

SECONDS = 30.0
PATHS = "/OS-NACRE"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What the text of a token holds: where to show it, and what."""

    url: str
    token: str

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Ticket:
        """Read the text of a token; BadRequest if it is none."""
        try:
            found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=cls)
            if urlsplit(found.url).scheme in ("http", "https"):
                return found
        except (ValueError, msgspec.DecodeError):
            pass
        raise BadRequest("That is not a token of `nacre agent token`.")


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept while a machine joins: the password, and its one hash, so that asking again is the same."""

    token: str
    password: str
    password_hash: str

    def __repr__(self) -> str:
        return "Pending(…)"


# -- the administrator's side ----------------------------------------------------------------------


def make_token(options: Options, *, host: str, minutes: int) -> None:
    """Print a token by which a host may join."""
    admin = administrator(options)
    body = {"join_token": {"host": host, "minutes": minutes}}
    made = admin.post("identity", f"{PATHS}/join_tokens", body)["join_token"]
    terminal = Terminal()
    terminal.say(f"Let {host} join within {minutes} minutes; on that machine:")
    terminal.say(f"nacre agent join {Ticket(url=admin.url('identity'), token=made['token'])}")


def list_hosts(options: Options) -> None:
    """Print the hosts that joined."""
    terminal = Terminal()
    for host in administrator(options).get("identity", f"{PATHS}/hosts")["hosts"]:
        terminal.say(f"{host['name']:32} joined {host['joined_at']}")


def remove_host(options: Options, *, host: str) -> None:
    """Take back a host's account."""
    administrator(options).delete("identity", f"{PATHS}/hosts/{host}")
    Terminal().say(f"{host} has no account on the broker any more")


def administrator(options: Options) -> CloudClient:
    """Return a client of the administrator, on a control node or beside `nacre up`."""
    section, config = settings.read(options)
    state = StateDirectory(options.state)
    key = serve.shared_key(section, config)
    if key is None:
        return status.connect(state)
    state.prepare()
    state.adopt(key)
    settled, _ = settle(options)
    auth_url = f"{serve.identity_address(settled, config)}/v3"
    ca = config.section("deploy", DeploySection).ca
    return CloudClient(auth_url, "admin", state.secrets().admin_password, "admin", ca=ca)


# -- the machine's side ----------------------------------------------------------------------------


def join(options: Options, text: str, *, insecure: bool) -> None:
    """Exchange a token for an account, and write the configuration of this machine's agents."""
    ticket, state = Ticket.read(text), StateDirectory(options.state)
    if urlsplit(ticket.url).scheme == "http" and not insecure and not _is_here(ticket.url):
        raise BadRequest(
            f"The cloud answers at {ticket.url} without TLS: whoever listens could use the token first.",
            detail="Where the network between is your own: nacre agent join --insecure TOKEN",
        )
    if state.is_cloud and not _is_host(state):
        raise Conflict(f"There is a cloud in {state.root}; choose another --state for the host's agents.")
    state.prepare()
    pending = _pending(state, ticket)
    host = _exchange(ticket, pending)
    _write(state, host, pending)
    _forget(state)
    terminal = Terminal()
    terminal.say(f"this machine is host {host['name']} of {host['cloud']['name']}; run its agents:")
    for kind in ("compute", "network"):
        terminal.say(f"nacre agent {kind} --state {state.root}")


def _exchange(ticket: Ticket, pending: Pending) -> dict[str, Any]:
    """Show the token; raises what the cloud says against it."""
    pool = urllib3.PoolManager(timeout=SECONDS, retries=False)
    body = {"join": {"token": ticket.token, "password_hash": pending.password_hash}}
    try:
        answer = pool.request(
            "POST",
            f"{ticket.url}{PATHS}/hosts",
            body=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        )
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable("The cloud does not answer; try again.", detail=str(error)) from None
    if answer.status >= 400:
        raise errors.from_status(answer.status, _message_in(answer.data))
    found: dict[str, Any] = msgspec.json.decode(answer.data)["host"]
    return found


def _message_in(body: bytes) -> str:
    """Return the sentence of a refusal."""
    try:
        return str(msgspec.json.decode(body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"The cloud refuses: {body[:300].decode(errors='replace')}"


def _write(state: StateDirectory, host: dict[str, Any], pending: Pending) -> None:
    cloud = host["cloud"]
    bus = {
        "url": cloud["broker"]["url"],
        "realm": cloud["broker"]["realm"],
        "user": host["account"],
        "password_file": str(state.keys / "broker-password"),
        "name": host["name"],
    }
    if cloud.get("broker_ca"):
        write_private(state.keys / "broker-ca.pem", cloud["broker_ca"])
        bus["ca"] = str(state.keys / "broker-ca.pem")
    write_private(state.keys / "broker-password", pending.password + "\n")
    sections = {
        "cloud": {name: cloud[name] for name in ("name", "mode", "region")} | {"host": host["name"]},
        "bus": bus,
        "agent": {name: cloud[name] for name in ("metadata_url", "metadata_secret")},
    }
    write_private(state.config, "# Written by `nacre agent join`.\n\n" + as_toml(sections))


def _pending(state: StateDirectory, ticket: Ticket) -> Pending:
    """Return the password for a token, made up at the first attempt."""
    path = state.keys / "joining.json"
    if path.exists():
        found = msgspec.json.decode(path.read_bytes(), type=Pending)
        if found.token == ticket.token:
            return found
    password = new_password()
    made = Pending(token=ticket.token, password=password, password_hash=hash_password(password))
    write_private(path, msgspec.json.encode(made))
    return made


def _forget(state: StateDirectory) -> None:
    (state.keys / "joining.json").unlink(missing_ok=True)


def _is_host(state: StateDirectory) -> bool:
    """Tell whether the directory is that of a host, which may join again."""
    return not state.has_secrets


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")
