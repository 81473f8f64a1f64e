"""Tokens: by password, by another token, and asking what one is worth."""

from collections.abc import Iterator, Sequence

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, with_clients, work


@work("password-token")
def password_token(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Log in."""
    session, body = cloud.session, cloud.session.login.body()
    url = session.urls["identity"] + "/auth/tokens"
    yield with_clients("password token", lambda number: session.send("POST", url, body), 1, 8)


@work("token-from-token")
def token_from_token(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Trade a token for another: no password is checked."""
    session = cloud.session
    url = session.urls["identity"] + "/auth/tokens"
    identity = {"methods": ["token"], "token": {"id": session.token}}
    body = {"auth": {"identity": identity, "scope": {"project": {"id": session.project_id}}}}
    yield with_clients("token from token", lambda number: session.send("POST", url, body), 1, 8)


@work("token-validation")
def token_validation(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Ask what a token is worth, as every service does."""
    subject = {"X-Subject-Token": Session(cloud.login()).token}
    session = cloud.session
    yield with_clients(
        "token validation", lambda number: session.get("identity", "/auth/tokens", subject), 1, 8
    )
