"""What other services ask identity about."""

import pytest

from nacre.kernel import errors
from nacre.services.identity import client


@pytest.fixture
def as_service(cloud):
    """The context of a service that asks in its own name."""
    return cloud.process.services["identity"].background_context()


def test_projects_and_users(as_service, member, project):
    found = client.get_project(as_service, project["id"])
    assert (found.name, found.domain_id, found.enabled) == (project["name"], "default", True)
    assert client.project_exists(as_service, project["id"])
    assert client.get_user(as_service, member.user_id).domain_id == "default"
    assert client.role_names(as_service, member.user_id, project["id"]) == {"member", "reader"}


@pytest.mark.parametrize("odd", ["", "no-such-project", "../users", "a?b"])
def test_what_does_not_exist(as_service, odd):
    assert not client.project_exists(as_service, odd)
    with pytest.raises(errors.NotFound):
        client.get_user(as_service, odd)


def test_the_service_user_logs_in_again_when_its_token_ends(cloud, as_service, project):
    assert client.project_exists(as_service, project["id"])
    cloud.clock.turn(hours=2)
    assert client.project_exists(as_service, project["id"])
