"""Routes are data: each operation of an API with its policy, its body, and the function that does it.

    routes = Routes("/v2.1/servers", resource=Server)

    @routes.post(policy=rules.CREATE, status=202)
    def create(req, body): ...

    @routes.get("/{server_id}", policy=rules.SHOW, load=servers.get)
    def show(req, server): ...

    @routes.action("reboot", policy=rules.REBOOT, load=servers.get, body=REBOOT, status=202)
    def reboot(req, server, body): ...

A handler names what it wants and gets just that: `req`; `body`, the checked request body; any
parameter of the path by its name; and, by any other name, the thing that `load` found.  `load` is
called as load(ctx, *path parameters that the handler does not name) and raises NotFound.  A last
parameter written `{name*}` stands for the rest of the path, however many segments that has, even none.

A contract test walks all operations, so every one has a policy, or says PUBLIC, or says
HANDLER_AUTHORISES and is caught if its handler does not.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nacre.kernel import errors
from nacre.kernel.version import Version
from nacre.kernel.wire import CREATE, UPDATE, Check, Resource
from nacre.kernel.wire.fields import Use

if TYPE_CHECKING:
    from nacre.kernel.policy import Rule

Handler = Callable[..., Any]


class Access(Enum):
    """How an operation is guarded when it is not by one policy rule."""

    PUBLIC = "no token needed"
    AUTHENTICATED = "any valid token"
    HANDLER_AUTHORISES = "the handler calls req.authorise itself"


PUBLIC, AUTHENTICATED, HANDLER_AUTHORISES = Access


class Again(Enum):
    """What a repeated request comes to whose first answer was lost, where nothing can be told of it."""

    DO_AGAIN = "it may be carried out again: twice comes to the same as once"


DO_AGAIN = Again.DO_AGAIN


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that an API does, and everything the edge needs to know of it."""

    method: str
    path: str
    handler: Handler
    policy: Rule | Access
    status: int
    resource: type[Resource] | None
    load: Callable[..., Any] | None
    target: Callable[..., Any] | None
    body: Use | Check | None
    envelope: str | None
    bulk: bool
    action: str | None
    since: Version | None
    until: Version | None
    stream: bool
    arguments: tuple[tuple[str, str], ...]  # (kind, name) in the handler's order
    path_params: tuple[str, ...]
    load_params: tuple[str, ...]
    creates: str | None = None
    tell_again: Callable[..., Any] | Again | None = None

    @property
    def answers_nothing(self) -> bool:
        """Tell whether the handler never answers with a body."""
        return inspect.signature(self.handler).return_annotation in (None, "None")

    def lives_in(self, version: Version | None) -> bool:
        """Tell whether a microversion has this operation."""
        if version is None:
            return True
        return (self.since is None or version >= self.since) and (self.until is None or version <= self.until)


class Routes:
    """The operations below one path, usually of one resource.

    What may be said of an operation:

    policy    the rule that must hold, or an Access
    status    of an answer given as plain data (200, or 204 without data)
    load      finds the thing that the path addresses
    target    target(ctx, loaded, body) → what the policy is checked against (loaded, or own project)
    body      a check for the whole body, or CREATE / UPDATE for the resource's fields (the
              default for POST and PUT/PATCH where the handler takes a body)
    envelope  the key that the body's object is wrapped in ("": none); by default the resource's own
    bulk      a create may also send a list under the resource's plural; `body` is then a list
    action    the one key of a body that selects this operation among those of its path
    creates   "table" or "table.column" with the ids of what a POST makes, where it is not the table that
              is named like the path's last part (see repeats.py)
    tell_again  tell_again(req, ids) → the first answer once more, where it is not what a GET shows; or
              DO_AGAIN
    stream    the handler is async and reads `req.chunks()`; its body is never held in memory
    """

    def __init__(self, prefix: str = "", *, resource: type[Resource] | None = None) -> None:
        self.prefix, self.resource = prefix, resource
        self.operations: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        policy: Rule | Access,
        status: int | None = None,
        load: Callable[..., Any] | None = None,
        target: Callable[..., Any] | None = None,
        body: Use | Check | None = None,
        envelope: str | None = None,
        bulk: bool = False,
        action: str | None = None,
        since: str | None = None,
        until: str | None = None,
        stream: bool = False,
        resource: type[Resource] | None = None,
        creates: str | None = None,
        tell_again: Callable[..., Any] | Again | None = None,
    ) -> Handler:
        """Register a handler; the decorators below do it in fewer words."""
        resource, full = resource or self.resource, self.prefix + path
        in_path, names = tuple(re.findall(r"{(\w+)\*?}", full)), tuple(inspect.signature(handler).parameters)
        if resource and body is None and "body" in names and not action and not stream:
            body = CREATE if method == "POST" else UPDATE
        if resource and envelope is None and isinstance(body, Use):
            envelope = resource.key
        self.operations.append(
            Operation(
                method=method,
                path=full,
                handler=handler,
                policy=policy,
                status=status or 200,
                resource=resource,
                load=load,
                target=target,
                body=body,
                envelope=envelope,
                bulk=bulk,
                action=action,
                since=_version(since),
                until=_version(until),
                stream=stream,
                arguments=tuple((_kind_of(name, in_path), name) for name in names),
                path_params=in_path,
                load_params=tuple(name for name in in_path if name not in names) if load else (),
                creates=creates,
                tell_again=tell_again,
            )
        )
        return handler

    def get(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a GET; HEAD is answered from it too."""
        return lambda handler: self.add("GET", path, handler, **options)

    def head(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a HEAD of its own."""
        return lambda handler: self.add("HEAD", path, handler, **options)

    def post(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a POST."""
        return lambda handler: self.add("POST", path, handler, **options)

    def put(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a PUT."""
        return lambda handler: self.add("PUT", path, handler, **options)

    def patch(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a PATCH."""
        return lambda handler: self.add("PATCH", path, handler, **options)

    def delete(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Register a DELETE, answered by 204 unless it says otherwise."""
        return lambda handler: self.add("DELETE", path, handler, **{"status": 204, **options})

    def action(
        self, name: str, *, path: str = "/{id}/action", **options: Any
    ) -> Callable[[Handler], Handler]:
        """Register an action: a POST whose body has one key, the action's name."""
        return lambda handler: self.add("POST", path, handler, action=name, **options)


def _version(text: str | None) -> Version | None:
    return None if text is None else Version.parse(text)


def _kind_of(name: str, in_path: tuple[str, ...]) -> str:
    """Tell where the value of a handler's parameter comes from."""
    if name in ("req", "body"):
        return name
    return "path" if name in in_path else "target"


@dataclass
class _Node:
    """One step of the tree of paths."""

    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rest: _Node | None = None
    operations: dict[str, list[Operation]] = field(default_factory=dict)


class Match:
    """What the tree found for a method and a path: candidates, and the values in the path.

    `failure` is raised by the stack once the caller is known, so that strangers learn nothing.
    """

    __slots__ = ("operations", "values", "failure", "operation")

    def __init__(
        self, operations: list[Operation], values: list[str], failure: errors.NacreError | None = None
    ) -> None:
        self.operations, self.values, self.failure = operations, values, failure
        self.operation: Operation | None = None

    @property
    def streams(self) -> bool:
        """Tell whether the body must be left for an asynchronous handler to read."""
        return bool(self.operations) and self.operations[0].stream

    @property
    def is_public(self) -> bool:
        """Tell whether no token is needed."""
        return bool(self.operations) and all(op.policy is PUBLIC for op in self.operations)

    def path_values(self, operation: Operation) -> dict[str, str]:
        """Return the path's parameters under the names that an operation gives them."""
        return dict(zip(operation.path_params, self.values, strict=True))


class Router:
    """The routes of an API as a tree over path segments; matching costs one dict look-up a segment."""

    def __init__(self, routes: Iterable[Routes], *, trailing_slash: bool = True) -> None:
        self._root, self._trailing_slash = _Node(), trailing_slash
        self.operations = [operation for group in routes for operation in group.operations]
        for operation in self.operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        node = self._root
        for segment in _segments(operation.path):
            if segment.endswith("*}"):
                node.rest = node.rest or _Node()
                node = node.rest
            elif segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        node.operations.setdefault(operation.method, []).append(operation)

    def match(self, method: str, path: str) -> Match:
        """Find the operations of a method and a percent-encoded path."""
        found = self._walk(self._root, _segments(path), 0, [])
        if found is None:
            return Match([], [], errors.NotFound())
        node, values = found
        if not self._trailing_slash and path.endswith("/") and node.parameter is not None:
            return Match([], [], errors.NotFound())
        operations = node.operations.get(method)
        if operations is None and method == "HEAD":
            operations = node.operations.get("GET")
        if operations is None:
            return Match([], [], errors.MethodNotAllowed(tuple(sorted(node.operations))))
        return Match(operations, values)

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: list[str]
    ) -> tuple[_Node, list[str]] | None:
        if at == len(segments):
            if node.operations:
                return node, values
            return (node.rest, [*values, ""]) if node.rest is not None else None
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._walk(literal, segments, at + 1, values)
            if found is not None:
                return found
        if node.parameter is not None and segment and "%00" not in segment:  # no database stores that
            found = self._walk(node.parameter, segments, at + 1, [*values, unquote(segment)])
            if found is not None:
                return found
        if node.rest is not None:
            return node.rest, [*values, unquote("/".join(segments[at:]))]
        return None


def _segments(path: str) -> list[str]:
    """Split a path; one trailing slash does not matter."""
    return path.strip("/").split("/") if path.strip("/") else []
