"""Every route of every service, walked with what strangers, fools and fuzzers send.

No answer may be a server error, each refusal has its API's shape, and nobody writes who may only read.
The routes come from the manifests, so a new one is walked without anybody remembering to.
"""

import itertools

import msgspec
import pytest

from nacre.kernel.http import faults
from nacre.kernel.http.routing import PUBLIC
from nacre.kernel.wire import CREATE, UPDATE
from nacre.kernel.wire.fields import Use
from nacre.services import manifests

ODD_IDS = (
    "not-a-uuid",
    "0",
    "x" * 300,
    "%00",
    "%F0%9F%92%A9",
    "..%2F..%2Fetc%2Fpasswd",
    "%27%20OR%201%3D1",
    "-",
)
SOME_ID = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"
WRONG_VALUES = (
    None, True, -1, 2**70, 1.5, "", "x" * 300, "x" * 70_000, "\x00", "\U0001f4a9", [], [None], [[]], {}, {"a": {}},
    "not-a-uuid", "999.999.999.999", "9999-99-99T99:99:99Z",
)  # fmt: skip
ODD_QUERIES = (
    "limit=-1", "limit=abc", "limit=99999999999999999999", "limit=0", "marker=nonsense", f"marker={SOME_ID}",
    "sort_key=nonsense", "sort_dir=sideways&sort_key=name", "sort=name:up", "offset=-3", "fields=nonsense", "name=%00",
    "name=%FF", "id=", "changes-since=yesterday", "nonsense=1", "a" * 3000, "name=in:", "all_tenants=maybe",
    "status=%F0%9F%92%A9",
)  # fmt: skip


def name_of(api, operation):
    return f"{api.name} {operation.method} {operation.path} {operation.action or ''}".strip()


OPERATIONS = [
    pytest.param(api.name, operation, id=name_of(api, operation))
    for manifest in manifests()
    for api in manifest.apis
    for group in api.routes
    for operation in group.operations
]  # fmt: skip


def path_of(operation, identifier=SOME_ID):
    path = operation.path
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + identifier + path[end + 1 :]
    return path or "/"


def version_of(api, operation):
    return str(operation.since or api.versions.maximum) if api.versions else None


def wrapped(operation, members):
    """Put members where the operation expects them."""
    if operation.action:
        return {operation.action: members}
    return {operation.envelope: members} if operation.envelope else members


def send(user, cloud, api_name, operation, path=None, **options):
    _, api = cloud.api(api_name)
    options.setdefault("version", version_of(api, operation))
    return user.request(operation.method, api_name, path or path_of(operation), **options)


def check(cloud, api_name, operation, answer):
    """Assert that an answer is no server error, and has the dialect's shape if it is a refusal."""
    assert answer.status < 500 or answer.status == 501, f"{operation.method} {operation.path}: {answer}"
    if answer.status < 400 or operation.method == "HEAD":
        return
    if answer.status == 401:
        assert answer.json["error"]["code"] == 401
        return
    dialect = cloud.api(api_name)[1].faults
    if isinstance(dialect, faults.Page):
        assert answer.json["code"].startswith(str(answer.status))
        assert answer.json["title"]
        return
    if "json" not in answer.headers.get("content-type", ""):
        assert not isinstance(dialect, faults.Titled | faults.Typed | faults.Listed), answer
        return
    body = answer.json
    assert len(body) == 1, body
    ((key, error),) = body.items()
    if isinstance(dialect, faults.Titled):
        assert (key, error["code"]) == ("error", answer.status)
        assert error["message"]
    elif isinstance(dialect, faults.Typed):
        assert key == dialect.envelope
        assert error["type"]
        assert error["message"]
    elif isinstance(dialect, faults.Listed):
        assert key == "errors"
        assert error[0]["status"] == answer.status
    elif key != "choices":
        assert error["code"] == answer.status
        assert error["message"]


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_without_a_token(cloud, api_name, operation):
    answer = send(cloud.anonymous, cloud, api_name, operation, raw=b"{}")
    if operation.policy is not PUBLIC:
        assert answer.status == 401, answer
    check(cloud, api_name, operation, answer)


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_with_a_strangers_token(cloud, stranger, api_name, operation):
    answer = send(stranger, cloud, api_name, operation, raw=b"{}")
    check(cloud, api_name, operation, answer)


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_readers_write_nothing(cloud, reader, api_name, operation):
    if operation.method in ("GET", "HEAD") or operation.policy is PUBLIC:
        return
    answer = send(reader, cloud, api_name, operation, body=wrapped(operation, {}))
    check(cloud, api_name, operation, answer)
    assert answer.status >= 400, f"a reader could {operation.method} {operation.path}: {answer}"


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_malformed_bodies(cloud, admin, api_name, operation):
    if operation.body is None and operation.action is None:
        return
    for raw in (b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 3000, b'{"a": NaN}'):
        answer = send(admin, cloud, api_name, operation, raw=raw)
        check(cloud, api_name, operation, answer)
        assert answer.status >= 400, f"{raw[:20]!r} was accepted: {answer}"


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_wrong_values_in_every_field(cloud, admin, api_name, operation):
    if operation.method in ("GET", "HEAD", "DELETE"):
        return
    for value in WRONG_VALUES:
        check(
            cloud,
            api_name,
            operation,
            send(admin, cloud, api_name, operation, body=wrapped(operation, value)),
        )
    for name, value in itertools.product(field_names(operation), WRONG_VALUES):
        body = wrapped(operation, {name: value})
        check(cloud, api_name, operation, send(admin, cloud, api_name, operation, body=body))
    body = wrapped(operation, {"no such field": 1})
    check(cloud, api_name, operation, send(admin, cloud, api_name, operation, body=body))


def field_names(operation):
    if isinstance(operation.body, Use) and operation.resource is not None:
        return [f.wire for f in operation.resource.fields.values() if f.uses & (CREATE | UPDATE)]
    return list(getattr(operation.body, "members", ()))


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_odd_ids(cloud, admin, api_name, operation):
    if "{" not in operation.path:
        return
    for identifier in ODD_IDS:
        body = msgspec.json.encode(wrapped(operation, {}))
        answer = send(admin, cloud, api_name, operation, path_of(operation, identifier), raw=body)
        check(cloud, api_name, operation, answer)


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_odd_queries(cloud, admin, api_name, operation):
    if operation.method != "GET":
        return
    for query in ODD_QUERIES:
        answer = send(admin, cloud, api_name, operation, f"{path_of(operation)}?{query}")
        check(cloud, api_name, operation, answer)


@pytest.mark.parametrize(("api_name", "operation"), OPERATIONS)
def test_too_high_a_microversion(cloud, admin, api_name, operation):
    _, api = cloud.api(api_name)
    if api.versions is None or not operation.path.startswith(api.version_path):
        return
    answer = send(admin, cloud, api_name, operation, version=f"{api.versions.maximum.major}.99999", raw=b"{}")
    assert answer.status == 406, answer
    check(cloud, api_name, operation, answer)
