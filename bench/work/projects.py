"""Projects: listed, and made for the servers of a work."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, with_clients, work


@work("projects-list")
def projects_list(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List 100 projects."""
    session, wanted = cloud.session, scale.of(100)
    made = []
    for number in range(len(session.get("identity", "/projects")["projects"]), wanted):
        project = {"name": f"bench-{number}", "domain_id": "default"}
        made.append(session.post("identity", "/projects", {"project": project})["project"]["id"])
    yield with_clients("list 100 projects", lambda number: session.get("identity", "/projects"), 1)
    for project_id in made:
        session.delete("identity", f"/projects/{project_id}")


def session_in(cloud: Cloud, name: str) -> Session:
    """Return the administrator's session in a project of that name, which is made where it is missing."""
    session = cloud.session
    found = session.get("identity", f"/projects?name={name}")["projects"]
    if not found:
        body = {"project": {"name": name, "domain_id": "default"}}
        found = [session.post("identity", "/projects", body)["project"]]
    user = session.get("identity", "/users?name=admin")["users"][0]["id"]
    for role in session.get("identity", "/roles?name=admin")["roles"]:
        session.put("identity", f"/projects/{found[0]['id']}/users/{user}/roles/{role['id']}")
    return Session(replace(cloud.login(), project=name))
