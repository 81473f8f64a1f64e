"""The way of a request through a service: one list, in order, nothing hidden.

Each layer is a function (req, proceed) → Response.  The same list serves a request from a
socket, a call from another service in this process, and a test.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nacre.kernel import errors, log
from nacre.kernel.http import microversion
from nacre.kernel.http.faults import Titled
from nacre.kernel.http.repeats import answer_repeats
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import AUTHENTICATED, HANDLER_AUTHORISES, PUBLIC, Access, Operation
from nacre.kernel.ids import is_uuid_like, new_request_id
from nacre.kernel.wire import CREATE, UPDATE
from nacre.kernel.wire import fields as wire_fields
from nacre.kernel.wire.fields import Use

logger = logging.getLogger(__name__)
access = logging.getLogger("nacre.access")

Proceed = Callable[[Request], Response]
Layer = Callable[..., Response]


def name_request(req: Request, proceed: Proceed) -> Response:
    """Give the request its id, or keep the one that another service of ours gave it."""
    given = req.headers.get("x-openstack-request-id", "")
    req.id = given if given.startswith("req-") and is_uuid_like(given[4:]) else new_request_id()
    token = log.request_id.set(req.id)
    try:
        response = proceed(req)
    finally:
        log.request_id.reset(token)
    response.headers.append(("x-openstack-request-id", req.id))
    if req.api.old_id_header:
        response.headers.append((req.api.old_id_header, req.id))
    return response


def write_access_log(req: Request, proceed: Proceed) -> Response:
    """Note what was asked and what became of it; of a stream that is known only later, and noted then."""
    response = proceed(req)
    if not isinstance(response, Streaming):
        note_access(req, response)
    return response


def note_access(req: Request, response: Response) -> None:
    """Write a line of the access log; never a query's values, a body or a token."""
    if access.isEnabledFor(logging.INFO):
        access.info("%s %s/%s%s %d", req.method, "", req.api.name, req.path, response.status)


def render_faults(req: Request, proceed: Proceed) -> Response:
    """Word conditions in the API's dialect; anything unforeseen is logged and becomes a bare 500."""
    try:
        return proceed(req)
    except errors.NacreError as error:
        return fault_response(req, error)
    except Exception:  # noqa: BLE001 - the last line of defence of the edge
        logger.exception("unexpected failure of %s %s", req.method, req.path)
        return fault_response(
            req,
            errors.NacreError(
                f"An unexpected error prevented the server from fulfilling your request ({req.id})."
            ),
        )


def fault_response(req: Request, error: errors.NacreError) -> Response:
    """Return the answer for a condition; a 401 looks the same in every API."""
    if error.status >= 500 and error.detail:
        logger.error("%s: %s", error.code, error.detail)
    if isinstance(error, errors.Unauthorized):
        response = Titled().render(error, req)
        auth_url = req.service.process.public_url("identity")
        response.headers.append(("WWW-Authenticate", f'Keystone uri="{auth_url}"'))
    else:
        response = req.api.faults.render(error, req)
    response.headers += req.answer_headers
    return response


def refuse_large_bodies(req: Request, proceed: Proceed) -> Response:
    """Refuse a body beyond the API's limit; the shell stopped reading it there."""
    if req.too_large:
        raise errors.TooLarge()
    return proceed(req)


def negotiate_version(req: Request, proceed: Proceed) -> Response:
    """Settle the microversion and name it in the answer."""
    api = req.api
    if api.versions is None or not req.path.startswith(api.version_path):
        return proceed(req)
    req.answer_headers += microversion.answer_headers(api.versions.minimum, api.versions)
    req.version = microversion.negotiate(req, api.versions)
    req.answer_headers[:] = microversion.answer_headers(req.version, api.versions)
    response = proceed(req)
    response.headers += req.answer_headers
    return response


def authenticate(req: Request, proceed: Proceed) -> Response:
    """Turn the token into a Context; public operations may do without."""
    token = req.headers.get("x-auth-token")
    if token:
        try:
            req.ctx = req.service.authenticate(token, request_id=req.id)
        except errors.Unauthorized:
            if not req.match.is_public:
                raise
            req.ctx = req.service.anonymous_context(request_id=req.id)
    elif req.match.is_public:
        req.ctx = req.service.anonymous_context(request_id=req.id)
    else:
        raise errors.Unauthorized()
    return proceed(req)


def admit(req: Request, proceed: Proceed) -> Response:
    """Pick the operation, and do what it declares before its handler, in the order that the API declares."""
    if req.match.failure is not None:
        raise req.match.failure
    operation, raw_body = pick_operation(req)
    req.match.operation = operation
    values = req.match.path_values(operation)
    loaded: Any = None
    body: Any = None
    for stage in req.api.order:
        if stage == "load" and operation.load is not None:
            loaded = load(req, operation, values)
        elif stage == "authorise":
            authorise(req, operation, loaded, body)
        elif stage == "body" and operation.body is not None:
            body = read_body(req, operation, raw_body)
        elif stage == "body" and operation.action is not None:
            body = raw_body
    req.arguments = []  # it may have been here before: an answer that is a file is asked for again to be streamed
    for kind, name in operation.arguments:
        if kind == "path":
            req.arguments.append(values[name])
        else:
            req.arguments.append(req if kind == "req" else body if kind == "body" else loaded)
    return proceed(req)


def perform(req: Request, proceed: Proceed) -> Response:
    """Have the handler answer."""
    operation = req.match.operation
    assert operation is not None
    if operation.stream:
        return Streaming(operation, req.arguments)
    return finish(req, operation, operation.handler(*req.arguments))


def load(req: Request, operation: Operation, values: Mapping[str, str]) -> Any:
    """Find the operation's target; where there is none, say so only to who might have seen it."""
    assert operation.load is not None
    try:
        return operation.load(req.ctx, *(values[name] for name in operation.load_params))
    except errors.NotFound:
        if req.api.missing_target is not None and not isinstance(operation.policy, Access):
            target = req.api.missing_target(operation, values)
            if target is not None:
                req.authorise(operation.policy, target)
        raise


STACK: tuple[Layer, ...] = (
    name_request,
    write_access_log,
    render_faults,
    refuse_large_bodies,
    negotiate_version,
    authenticate,
    admit,
    answer_repeats,  # after admission: a repetition too is authorised and checked, and the operation is known
    perform,
)


def compose(layers: tuple[Layer, ...] = STACK) -> Proceed:
    """Fold the list into one function."""

    def nothing_left(req: Request) -> Response:
        raise RuntimeError("the last layer of the stack must answer")

    proceed: Proceed = nothing_left
    for layer in reversed(layers):
        proceed = partial(layer, proceed=proceed)
    return proceed


class Streaming(Response):
    """Says that all checks have passed and that the shell shall now await the handler."""

    __slots__ = ("operation", "arguments")

    def __init__(self, operation: Operation, arguments: list[Any]) -> None:
        super().__init__()
        self.operation, self.arguments = operation, arguments


def pick_operation(req: Request) -> tuple[Operation, Any]:
    """Choose among the operations of a path by microversion and action; returns the action's value too."""
    living = [op for op in req.match.operations if op.lives_in(req.version)]
    if not living:
        raise errors.NotFound()
    if living[0].action is None:
        return living[0], None
    body = req.json()
    if not isinstance(body, dict) or len(body) != 1:
        raise errors.BadRequest("Malformed request body: an action is an object with one key.")
    ((name, value),) = body.items()
    for operation in living:
        if operation.action == name:
            return operation, value
    raise errors.BadRequest(f"There is no such action: {name[:80]}")


def read_body(req: Request, operation: Operation, raw: Any) -> Any:
    """Decode, unwrap and check a body as the operation declares."""
    members = raw if operation.action is not None else req.json()
    if not isinstance(operation.body, Use):
        if operation.envelope is not None:
            members = unwrap(members, operation.envelope)
            return wire_fields.check_value(operation.envelope, operation.body, members)  # type: ignore[arg-type]
        return wire_fields.check_value(operation.action or "", operation.body, members)  # type: ignore[arg-type]
    resource = operation.resource
    assert resource is not None
    if operation.bulk and isinstance(members, dict) and resource.keys in members:
        items = members[resource.keys]
        if not isinstance(items, list) or not items:
            raise errors.BadRequest(f"{resource.keys} must be a list with at least one item.")
        return [parse(req, operation, item) for item in items]
    if operation.envelope:
        members = unwrap(members, operation.envelope)
    return parse(req, operation, members)


def unwrap(members: Any, envelope: str) -> Any:
    """Return what stands under the envelope's key; BadRequest where it is missing."""
    if not isinstance(members, dict):
        raise errors.Invalid("body", None, f"{type(members).__name__} is not of type 'object'")
    if envelope not in members:
        raise errors.Invalid("body", members, f"'{envelope}' is a required property")
    return members[envelope]


def parse(req: Request, operation: Operation, members: Any) -> dict[str, Any]:
    """Check the members of one object against the resource's fields."""

    def allowed(rule: Any) -> None:
        if not req.ctx.can(rule, members):
            raise errors.PolicyForbidden(rule.name)

    use = operation.body
    assert use in (CREATE, UPDATE)
    assert operation.resource is not None
    return wire_fields.parse(
        operation.resource,
        use,
        members,
        version=req.version,
        unknown=req.api.unknown,
        allowed=allowed,
    )


def authorise(req: Request, operation: Operation, loaded: Any, body: Any) -> None:
    """Hold the operation's policy against its target."""
    policy = operation.policy
    if policy is PUBLIC or policy is AUTHENTICATED:
        req.authorised = True
    elif policy is not HANDLER_AUTHORISES:
        target = operation.target(req.ctx, loaded, body) if operation.target else loaded
        req.authorise(policy, target)  # type: ignore[arg-type]


def finish(req: Request, operation: Operation, answer: Any) -> Response:
    """Make a response of what a handler returned: a Response, data, or nothing."""
    if not req.authorised:
        raise RuntimeError(f"{operation.method} {operation.path} answered without authorisation")
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(204 if operation.status == 200 else operation.status)
    if isinstance(answer, Mapping | list):
        return Response(operation.status, answer)  # type: ignore[arg-type]
    raise TypeError(f"{operation.handler.__qualname__} returned a {type(answer).__name__}")


__all__ = ["STACK", "Streaming", "compose", "fault_response", "finish", "note_access"]
