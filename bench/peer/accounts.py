"""The peer's catalog and its services' accounts, made once over its own API."""

from drive.session import Login, Session
from peer import places

LOGIN = Login(auth_url=places.AUTH_URL, user="admin", password=places.PASSWORD, project="admin")
CATALOG = {
    "placement": ("placement", "placement", ""),
    "glance": ("glance", "image", ""),
    "nova": ("nova", "compute", "/v2.1"),
    "neutron": ("neutron", "network", ""),
}


def make() -> None:
    """Make what is missing."""
    mark = places.MARKS / "accounts"
    if mark.exists():
        return
    session = Session(LOGIN)
    project = _ensure(session, "project", {"name": "service"}, {"domain_id": "default"})
    roles = {role["name"]: role["id"] for role in session.get("identity", "/roles")["roles"]}
    for user in CATALOG:
        account = {"domain_id": "default", "password": places.PASSWORD}
        user_id = _ensure(session, "user", {"name": user}, account)
        for role in ("admin", "service"):
            session.put("identity", f"/projects/{project}/users/{user_id}/roles/{roles[role]}")
    for service, (name, kind, path) in CATALOG.items():
        service_id = _ensure(session, "service", {"type": kind}, {"name": name})
        for interface in ("public", "internal", "admin"):
            where = {"service_id": service_id, "interface": interface}
            url = {"url": places.api_url(service) + path, "region_id": places.REGION}
            _ensure(session, "endpoint", where, url)
    mark.touch()


def _ensure(session: Session, noun: str, match: dict[str, str], rest: dict[str, str]) -> str:
    """Return the id of the thing that matches; make it where there is none."""
    for found in session.get("identity", f"/{noun}s")[f"{noun}s"]:
        if all(found[key] == value for key, value in match.items()):
            return str(found["id"])
    return str(session.post("identity", f"/{noun}s", {noun: match | rest})[noun]["id"])
