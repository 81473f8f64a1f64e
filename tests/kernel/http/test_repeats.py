"""A POST with an Idempotency-Key is carried out once: repeated, at once, after a death, after a day."""

import dataclasses
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text
from tests.kernel.http.boxes_service import MANIFEST, WRITE, Box, BoxRow, boxes, get

from nacre.kernel import errors
from nacre.kernel.bus import MemoryBus
from nacre.kernel.db import answers as rows
from nacre.kernel.db.kernel_tables import answers, processes
from nacre.kernel.http import repeats
from nacre.kernel.http.request import Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.testing.cloud import TestCloud

more = Routes("/v2.1/more", resource=Box)
calls: list[str] = []
hooks: dict[str, object] = {}


def insert(ctx, name):
    row = BoxRow(f"{name}-{len(calls)}", ctx.project_id, name, None)
    ctx.db.run(lambda tx: tx.insert(boxes, row))
    return row


@more.post("/boxes", policy=WRITE, status=201, bulk=True, target=lambda ctx, loaded, body: None)
def create(req, body):
    """Make boxes, with two transactions before, between and after which a test may interfere."""
    made = []
    for each in body if isinstance(body, list) else [body]:
        calls.append(each["name"])
        hooks.get("before", lambda: None)()
        made.append(insert(req.ctx, each["name"]))
        hooks.get("after", lambda: None)()
    shown = [req.show(Box, row) for row in made]
    return {"boxes": shown} if isinstance(body, list) else {"box": shown[0]}


@more.get("/boxes/{box_id}", policy=WRITE, load=get)
def show(req, box):
    return {"box": req.show(Box, box)}


@more.post("/secrets", policy=WRITE, status=201, creates="boxes")
def create_secret(req):
    calls.append("secret")
    row = insert(req.ctx, "secret")
    hooks.get("after", lambda: None)()
    return Response(201, {"box": row.id, "password": "xyzzy-plugh"}, headers=[("Location", "/here")])


def quietly(req, made):
    return Response(201, {"box": made[0]})


more.operations[-1] = dataclasses.replace(more.operations[-1], tell_again=quietly)


@more.post("/touch", policy=WRITE, status=202)
def touch(req) -> None:
    calls.append("touch")
    insert(req.ctx, "touched")
    hooks.get("after", lambda: None)()


@more.post("/count", policy=WRITE)
def count(req):
    calls.append("count")
    insert(req.ctx, "counted")
    hooks.get("after", lambda: None)()
    return {"count": len(calls)}


@more.post("/refuse", policy=WRITE)
def refuse(req):
    calls.append("refuse")
    raise errors.Conflict("Not in this state.")


API = dataclasses.replace(MANIFEST.apis[0], routes=(*MANIFEST.apis[0].routes, more))
SERVICE = dataclasses.replace(MANIFEST, apis=(API,))
KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
BODY = {"box": {"name": "a"}}


class Death(BaseException):
    """The process dies here; nothing but the database remembers."""


@pytest.fixture
def make_cloud(database_url, tmp_path):
    clouds = []

    def make(name="one"):
        cloud = TestCloud(
            [SERVICE], tmp_path / name, config={"database": {"url": database_url}}, bus=MemoryBus()
        )
        clouds.append(cloud)
        return cloud

    yield make
    for cloud in clouds:
        cloud.close()


@pytest.fixture
def cloud(make_cloud):
    return make_cloud()


@pytest.fixture(autouse=True)
def fresh():
    calls.clear()
    hooks.clear()


def post(cloud, path="boxes", body=BODY, *, token="member", key=KEY, **options):
    return cloud.user(token).post("boxes", f"/v2.1/more/{path}", body, headers=key, **options)


def names(cloud):
    db = cloud.process.services["identity"].db
    return db.read(lambda tx: tx.scalars(select(boxes.c.name).order_by(boxes.c.name)))


def raises(error):
    def act():
        hooks.clear()
        raise error

    return act


@contextmanager
def dying(cloud, monkeypatch, where):
    """Let the process die within a request; what a living one would still write is not written."""
    service = cloud.process.services["identity"]
    hooks[where] = raises(Death())
    with monkeypatch.context() as patch:
        patch.setattr(repeats, "_try", lambda *args: None)
        with pytest.raises(Death):
            yield
    service.db.run(lambda tx: tx.delete(processes, cloud.process.attendance.id))
    cloud.process.attendance._path(cloud.process.attendance.id).unlink(missing_ok=True)
    repeats._running.clear()


def test_a_repetition_gets_the_first_answer(cloud, make_cloud):
    first = post(cloud)
    assert first.status == 201
    assert "idempotent-replayed" not in first.headers
    for again in (cloud, cloud, make_cloud("two")):  # by another process, too
        answer = post(again)
        assert (answer.status, answer.body) == (201, first.body)
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.headers["content-type"] == first.headers["content-type"]
        assert answer.headers["x-openstack-request-id"] != first.headers["x-openstack-request-id"]
    assert names(cloud) == calls == ["a"]


def test_without_a_key_and_with_other_keys_everything_is_done_anew(cloud):
    for key in ({}, {}, KEY, {"Idempotency-Key": "another"}):
        assert post(cloud, key=key).status == 201
    assert len(names(cloud)) == 4


def test_a_key_belongs_to_a_user_in_a_project(cloud):
    for token in ("member", "stranger", "admin"):
        assert "idempotent-replayed" not in post(cloud, token=token).headers
    assert len(calls) == 3


def test_with_and_without_quotes_a_key_is_the_same(cloud):
    first = post(cloud)
    assert post(cloud, key={"Idempotency-Key": KEY["Idempotency-Key"].strip('"')}).body == first.body


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, '"unfinished', "Grüße"])
def test_a_key_that_is_none_is_refused(cloud, key):
    assert post(cloud, key={"Idempotency-Key": key}).status == 400
    assert calls == []


def test_another_body_path_or_version_under_the_same_key_is_refused(cloud):
    first = post(cloud, body={"box": {"name": "a", "weight": 1}}, token="admin", version="2.6")
    assert first.status == 201
    same_otherwise_written = b'{ "box": {"weight":1,  "name": "a"} }'
    assert post(cloud, raw=same_otherwise_written, token="admin", version="2.6").body == first.body
    for options in ({"body": {"box": {"name": "b"}}}, {"path": "touch"}, {"version": "2.7"}):
        refused = post(cloud, **{"token": "admin", "version": "2.6", **options})
        assert refused.status == 422
        assert "already used" in refused.json["computeFault"]["message"]
    assert calls == ["a"]


def test_while_the_first_is_still_done_a_repetition_is_refused(cloud, make_cloud):
    started, go_on, first = threading.Event(), threading.Event(), []

    def wait():
        started.set()
        go_on.wait()

    hooks["before"] = wait
    thread = threading.Thread(target=lambda: first.append(post(cloud)))
    thread.start()
    started.wait()
    for other in (cloud, make_cloud("two")):
        refused = post(other)
        assert refused.status == 409
        assert "outstanding" in refused.json["conflictingRequest"]["message"]
        assert refused.headers["retry-after"]
    go_on.set()
    thread.join()
    assert post(cloud).body == first[0].body
    assert names(cloud) == ["a"]


def test_many_at_once_make_one(cloud):
    found = []
    threads = [threading.Thread(target=lambda: found.append(post(cloud))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in found} <= {201, 409}
    assert names(cloud) == ["a"]
    assert post(cloud).status == 201


def test_refusals_of_the_handler_are_answers_and_others_leave_nothing(cloud):
    first = post(cloud, "refuse", None)
    assert first.status == 409
    again = post(cloud, "refuse", None)
    assert (again.status, again.body) == (409, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert calls == ["refuse"]
    key = {"Idempotency-Key": "two"}
    assert post(cloud, key=key, body={"box": {"name": 1}}).status == 400
    assert post(cloud, key=key, token="reader").status == 403
    assert post(cloud, key=key, token="nobody").status == 401
    assert post(cloud, key=key).status == 201


def test_a_failure_before_anything_was_made_leaves_nothing(cloud):
    hooks["before"] = raises(errors.Unavailable("Away."))
    assert post(cloud).status == 503
    answer = post(cloud)
    assert (answer.status, "idempotent-replayed" in answer.headers) == (201, False)
    assert names(cloud) == ["a"]


@pytest.mark.parametrize("error", [errors.Unavailable("Away."), ZeroDivisionError()])
def test_a_failure_afterwards_is_followed_by_what_was_made(cloud, error):
    hooks["after"] = raises(error)
    assert post(cloud).status in (500, 503)
    answer = post(cloud)
    assert (answer.status, answer.json["box"]["name"]) == (201, "a")
    assert post(cloud).body == answer.body
    assert names(cloud) == calls == ["a"]


def test_whoever_dies_before_making_anything_is_followed_by_a_new_try(cloud, make_cloud, monkeypatch):
    with dying(cloud, monkeypatch, "before"):
        post(cloud)
    answer = post(make_cloud("two"))
    assert (answer.status, "idempotent-replayed" in answer.headers) == (201, False)
    assert names(cloud) == ["a"]


def test_whoever_dies_after_making_it_is_followed_by_what_was_made(cloud, make_cloud, monkeypatch):
    with dying(cloud, monkeypatch, "after"):
        post(cloud)
    two = make_cloud("two")
    answer = post(two)
    assert (answer.status, answer.json["box"]["name"]) == (201, "a")
    assert answer.headers["idempotent-replayed"] == "true"
    assert post(two).body == answer.body
    assert names(cloud) == calls == ["a"]


def test_several_things_are_told_again_together(cloud, make_cloud, monkeypatch):
    body = {"boxes": [{"name": "a"}, {"name": "b"}]}
    with dying(cloud, monkeypatch, "after"):
        post(cloud, body=body)
    assert [box["name"] for box in post(make_cloud("two"), body=body).json["boxes"]] == ["a"]


def test_what_is_gone_again_cannot_be_told(cloud, make_cloud, monkeypatch):
    with dying(cloud, monkeypatch, "after"):
        post(cloud)
    two = make_cloud("two")
    two.process.services["identity"].db.run(lambda tx: tx.delete(boxes, boxes.c.name == "a"))
    for _ in range(2):
        assert post(two).status == 410
    assert calls == ["a"]


def test_who_answers_nothing_can_say_so_again_and_who_answered_otherwise_cannot(
    cloud, make_cloud, monkeypatch
):
    for path in ("touch", "count"):
        with dying(cloud, monkeypatch, "after"):
            post(cloud, path, None, key={"Idempotency-Key": path})
        two = make_cloud(path)
        answer = post(two, path, None, key={"Idempotency-Key": path})
        assert answer.status == (202 if path == "touch" else 410)
    assert calls == ["touch", "count"]


def test_a_living_process_is_waited_for_and_a_silent_one_is_not(cloud, make_cloud, monkeypatch):
    two = make_cloud("two")
    hooks["before"] = raises(Death())
    with monkeypatch.context() as patch:
        patch.setattr(repeats, "_try", lambda *args: None)
        with pytest.raises(Death):
            post(cloud)
    assert post(two).status == 409  # its row says that it was there a moment ago
    two.clock.turn(minutes=3)
    assert post(two).status == 201


def test_secrets_are_kept_under_seal(cloud, make_cloud, monkeypatch):
    first = post(cloud, "secrets", None)
    again = post(cloud, "secrets", None)
    assert again.json == first.json == {"box": "secret-1", "password": "xyzzy-plugh"}
    assert again.headers["location"] == "/here"
    db = cloud.process.services["identity"].db
    stored = b"".join(
        str(value).encode() if not isinstance(value, bytes) else value
        for row in db.read(lambda tx: list(tx.execute(select(answers))))
        for value in row
    )
    for secret in (b"xyzzy", b"8e03978e", b'secret-1"'):
        assert secret not in stored
    key = {"Idempotency-Key": "lost"}
    with dying(cloud, monkeypatch, "after"):
        post(cloud, "secrets", None, key=key)
    told = post(make_cloud("two"), "secrets", None, key=key)
    assert (told.status, told.json) == (201, {"box": "secret-2"})


def test_an_answer_is_forgotten_after_a_day(cloud):
    post(cloud)
    cloud.clock.turn(hours=23)
    assert post(cloud).headers["idempotent-replayed"] == "true"
    cloud.clock.turn(hours=2)
    assert "idempotent-replayed" not in post(cloud).headers
    db = cloud.process.services["identity"].db
    post(cloud, key={"Idempotency-Key": "two"})
    cloud.process.attendance.tidy()
    assert db.read(lambda tx: tx.count(answers)) == 2
    cloud.clock.turn(hours=25)
    cloud.process.attendance.tidy()
    assert db.read(lambda tx: tx.count(answers)) == 0


def test_sweeping_takes_a_bounded_number(cloud, monkeypatch):
    monkeypatch.setattr(rows, "SWEPT_AT_ONCE", 2)
    for number in range(3):
        post(cloud, key={"Idempotency-Key": f"key-{number}"})
    cloud.clock.turn(hours=25)
    db = cloud.process.services["identity"].db
    assert [db.run(rows.sweep) for _ in range(3)] == [2, 1, 0]


def test_other_methods_take_no_notice(cloud):
    post(cloud)
    for _ in range(2):
        answer = cloud.user("member").put("boxes", "/v2.1/boxes/a-1", {"box": {"name": "c"}}, headers=KEY)
        assert answer.status == 200
        assert "idempotent-replayed" not in answer.headers


def test_the_database_away_when_the_answer_is_kept(cloud, monkeypatch):
    db = cloud.process.services["identity"].db
    run = db.run

    def away(act, *args):
        if act is rows.finish:
            raise errors.Unavailable("The database is away.")
        return run(act, *args)

    with monkeypatch.context() as patch:
        patch.setattr(db, "run", away)
        first = post(cloud)
    assert first.status == 201
    assert post(cloud).json == first.json
    assert names(cloud) == ["a"]
    assert db.read(lambda tx: tx.scalar(text("SELECT 1"))) == 1
