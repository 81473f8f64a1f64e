"""The life of a server is told in full: a host that fails, the next that does not, and the end."""

import re

import pytest
from tests.services.compute.conftest import eventually, stock

from nacre.cloud.server_story import BOLD, RED, Story
from nacre.kernel.db import Database
from nacre.services.compute.agent.drivers.simulated.options import Failure
from nacre.services.compute.app import timelines
from nacre.services.compute.db import host_messages
from nacre.services.compute.db.host_messages import HostMessage
from nacre.services.compute.db.servers import Server


@pytest.fixture
def pair(cloud, admin):
    """Two hosts; the first one has more room and so is tried first."""
    cloud.add_host("host-1", memory_mb=64 * 1024)
    cloud.add_host("host-2", memory_mb=16 * 1024)
    stock(cloud, admin)
    return cloud


def entries_of(admin, server_id):
    answer = admin.get(f"/nacre-timelines/{server_id}")
    assert answer.status == 200, answer
    return answer.json["timeline"]["entries"]


def kinds(entries, request_id=None):
    return [each["kind"] for each in entries if request_id in (None, each["request_id"])]


def test_a_server_that_was_built_at_the_second_attempt_and_deleted(pair, member, admin):
    pair.drivers["host-1"].fail(Failure(verb="ensure", message="No space left on device"))
    answer = member.try_to_create()
    request_id, server_id = answer.headers["x-openstack-request-id"], answer.json["server"]["id"]
    member.await_status(server_id, "ACTIVE")
    eventually(lambda: kinds(entries_of(admin, server_id)).count("end") == 2, "the ends of both attempts")
    entries = entries_of(admin, server_id)
    assert [each["at"] for each in entries] == sorted(each["at"] for each in entries)
    assert entries[0]["kind"] == "request"
    assert (entries[0]["what"], entries[0]["user_id"], entries[0]["project_id"]) == ("create", "u1", "p1")
    assert {each["request_id"] for each in entries} == {request_id}
    steps = [each for each in entries if each["kind"] == "step"]
    assert all(each["seconds"] >= 0 for each in steps if each["until"])
    told = {each["host"]: each["problem"] for each in entries if "(build-" in each["what"]}
    assert told == {"host-1": "No space left on device", "host-2": None}
    assert kinds(entries).count("job") == 2
    assert kinds(entries)[-1] == "end"
    text = "\n".join(Story(timelines.get(pair.compute.background_context(), server_id)).lines())
    assert "create by u1 in p1" in text
    assert "schedule → host-1" in text
    deleting = member.delete(f"/servers/{server_id}").headers["x-openstack-request-id"]
    member.await_gone(server_id)
    eventually(lambda: "end" in kinds(entries_of(admin, server_id), deleting), "the end of the deletion")
    told = entries_of(admin, server_id)
    assert kinds(told, deleting)[0] == "request"
    assert "deleted" in kinds(told)
    assert [each for each in told if each["request_id"] == request_id] == entries


def test_refusals_of_hosts_and_of_the_scheduler_are_told_with_their_reasons(pair, member, admin):
    for driver in pair.drivers.values():
        driver.fail(Failure(verb="ensure", message="No space left on device"))
    server_id = member.create(wait=None)
    eventually(lambda: member.show(server_id)["status"] == "ERROR", "the error")
    eventually(lambda: kinds(entries_of(admin, server_id)).count("end") >= 2, "the end of both attempts")
    entries = entries_of(admin, server_id)
    failed = [each for each in entries if each["kind"] == "message" and each["problem"]]
    assert {each["host"] for each in failed} == {"host-1", "host-2"}
    assert all("No space left" in each["problem"] for each in failed)
    ends = [each for each in entries if each["kind"] == "end"]
    assert any("at boot" in (each["problem"] or "") for each in ends)
    assert "undo" in kinds(entries)
    refusals = [refusal for each in entries for refusal in each["refusals"]]
    assert {refusal["host"] for refusal in refusals if refusal["by"] == "host"} == {"host-1", "host-2"}
    (fault,) = [each for each in entries if each["kind"] == "fault"]
    assert "No valid host" in fault["problem"]
    assert len({each["request_id"] for each in entries if each["request_id"]}) == 1
    story = Story(timelines.get(pair.compute.background_context(), server_id), {"u1": "mia"}, coloured=True)
    lines = list(story.lines())
    text = "\n".join(lines)
    assert "create by mia in p1" in text
    assert f"{RED}" in text
    assert f"{BOLD}server {server_id}" in lines[0]
    plain = list(Story(story.timeline).lines())
    assert not any("\033" in line for line in plain)
    columns = {line.index("step ") for line in plain if re.search(r"\bstep +\w+$", line)}
    assert len(columns) == 1, columns


def test_a_host_that_does_not_answer_is_told(pair, member, admin):
    server_id = member.create()
    host = admin.show(server_id)["OS-EXT-SRV-ATTR:host"]
    pair.agents.pop(host).stop()
    assert member.act(server_id, os__stop=None).status == 202

    def silent():
        return [each for each in entries_of(admin, server_id) if "no answer" in each["what"]]

    (message,) = eventually(silent, "a message without an answer")
    assert message["host"] == host
    assert message["problem"]


def test_who_may_see_it(pair, member, admin, stranger):
    server_id = member.create()
    for person in (member, stranger):
        answer = person.get(f"/nacre-timelines/{server_id}")
        assert answer.status in (403, 404), answer
    unknown = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"
    assert admin.get(f"/nacre-timelines/{unknown}").status == 404


def test_messages_are_bounded_for_each_server(pair):
    db: Database = pair.compute.db

    def tell(tx, server_id, count):
        for number in range(count):
            host_messages.record(
                tx,
                HostMessage(
                    server_id=server_id, command_id=f"c-{number}", host="h", method="stop", request_id=None,
                    sent_at=tx.now(),
                ),
            )  # fmt: skip

    db.run(tell, "a", host_messages.KEPT_OF_A_SERVER + 30)
    db.run(tell, "b", 3)
    kept = db.read(host_messages.of_server, "a")
    assert len(kept) == host_messages.KEPT_OF_A_SERVER
    assert kept[-1].command_id == f"c-{host_messages.KEPT_OF_A_SERVER + 29}"
    assert len(db.read(host_messages.of_server, "b")) == 3


def test_a_command_that_is_sent_again_is_one_message(pair):
    db: Database = pair.compute.db
    now = pair.clock.now()
    first = HostMessage(server_id="a", command_id="c", host="h", method="stop", request_id="r", sent_at=now)

    def record(**values):
        db.run(host_messages.record, HostMessage(**{**_fields(first), **values}))

    record(failure="away")
    record(answered_at=now)
    record(answered_at=pair.clock.now(), finished_at=now)
    record(answered_at=pair.clock.now(), failure="late news of one that is over")
    (kept,) = db.read(host_messages.of_server, "a")
    assert (kept.answered_at, kept.finished_at, kept.failure) == (now, now, None)


def _fields(message):
    return {name: getattr(message, name) for name in message.__struct_fields__}


def test_every_deleted_server_keeps_its_story(pair, member, admin):
    server_id = member.create()
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    timeline = pair.compute.db.read(timelines.read, server_id)
    assert isinstance(timeline.server, Server)
    assert timeline.server.deleted_at is not None
