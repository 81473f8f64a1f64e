"""The image service's workflows in every disaster: the goal is reached, or nothing is left."""

import pytest
from tests.services.image.test_uploads import DATA, stage, start_import, stored

from nacre.kernel.testing.workflows import rehearsals
from nacre.services.image.app.jobs import IMPORT


@pytest.mark.parametrize("rehearsal", rehearsals(IMPORT), ids=str)
def test_importing_an_image(rehearsal, cloud, member):
    image = member.make_image()
    assert stage(member, image, DATA).status == 204
    rehearsal.play(cloud.process.services["image"].runner, begin=lambda: start_import(member, image))
    shown = member.show(image)
    (task,) = member.get(f"/v2/images/{image['id']}/tasks").json["tasks"]
    if rehearsal.succeeds:
        assert (shown["status"], task["status"]) == ("active", "success")
        assert member.get(f"/v2/images/{image['id']}/file").body == DATA
        assert len(stored(cloud)) == 1
    else:
        assert (shown["status"], shown["size"], shown["checksum"]) == ("queued", None, None)
        assert task["status"] == "failure"
        assert task["message"]
        assert stored(cloud) == []
        assert member.upload(image, DATA).status == 204
