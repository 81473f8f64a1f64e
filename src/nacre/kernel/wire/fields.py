"""Resources and their fields: one line per field, compiled once per microversion.

    class Flavor(Resource):
        key, keys = "flavor", "flavors"

        id    = field(CREATE, SHOW, BRIEF, FILTER, check=FlavorId)
        vcpus = field(CREATE, SHOW, check=Int(1), required=True)
        description = field(CREATE, UPDATE, SHOW, check=Nullable(TEXT), since="2.55", default=None)

A field is read from a request when it is in CREATE or UPDATE, shown when it is in SHOW (in the
short form of a list too when it is in BRIEF), and may be used in a query when it is in FILTER or
SORT.  Nothing here knows HTTP: parsing takes and gives plain dictionaries.
"""

import enum
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from nacre.kernel.errors import BadRequest, Invalid, UnknownField
from nacre.kernel.version import Version
from nacre.kernel.wire.checks import Any as AnyCheck
from nacre.kernel.wire.checks import Check, CheckFailed

Function = TypeVar("Function", bound=Callable[..., Any])
#: Declarations never change, so what follows from one is worked out once for each microversion.
_remembered = cast("Callable[[Function], Function]", lru_cache(maxsize=4096))


class Use(enum.Flag):
    """Where a field plays a part."""

    CREATE = enum.auto()
    UPDATE = enum.auto()
    SHOW = enum.auto()
    BRIEF = enum.auto()
    FILTER = enum.auto()
    SORT = enum.auto()


CREATE, UPDATE, SHOW, BRIEF, FILTER, SORT = Use


class Unset(enum.Enum):
    """The default of a field that is simply absent from the body when it is not given."""

    UNSET = "unset"


UNSET = Unset.UNSET


class Unknown(enum.Enum):
    """What becomes of members of a body that no field declares."""

    REFUSE = "refuse"
    IGNORE = "ignore"
    KEEP = "keep"  # handed to the handler as body["extra"]


class Field:
    """One member of a resource; see `field`."""

    name: str  # as the code calls it: set when its resource is declared
    wire: str  # as it travels

    def __init__(
        self,
        uses: Use,
        check: Check,
        *,
        required: bool,
        default: Any,
        since: str | None,
        until: str | None,
        wire: str | None,
        policy: Any,
        create_policy: Any,
        update_policy: Any,
        source: str | Callable[..., Any] | None,
        render: Callable[[Any], Any] | None,
    ) -> None:
        self.uses, self.check = uses, check
        self.required, self.default = required, default
        self.since = Version.parse(since) if since else None
        self.until = Version.parse(until) if until else None
        self.policy, self.create_policy, self.update_policy = policy, create_policy, update_policy
        self.source, self.render = source, render
        self._wire = wire

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.rstrip("_")
        self.wire = self._wire or self.name

    def lives_in(self, version: Version | None) -> bool:
        """Tell whether the field exists in a microversion (None: the API has none)."""
        if version is None:
            return True
        return (self.since is None or version >= self.since) and (self.until is None or version <= self.until)

    def reader(self) -> Callable[[Any, Any], Any]:
        """Return the function (req, thing) → value that shows this field."""
        source, render = self.source, self.render
        if callable(source):
            return source
        read = attrgetter(source or self.name)
        if render is None:
            return lambda req, thing: read(thing)
        return lambda req, thing: render(read(thing))


def field(
    *uses: Use,
    check: Check | None = None,
    required: bool = False,
    default: Any = UNSET,
    since: str | None = None,
    until: str | None = None,
    wire: str | None = None,
    policy: Any = None,
    create_policy: Any = None,
    update_policy: Any = None,
    source: str | Callable[..., Any] | None = None,
    render: Callable[[Any], Any] | None = None,
) -> Any:
    """Declare a field.

    check          what a value in a request must be
    required       a create without it is refused
    default        put into the body of a create that lacks it (UNSET: nothing is put)
    since, until   the first and last microversion that have the field
    wire           its name in JSON and queries, where that is not its name in the code
    policy         a policy rule without which the field is not shown
    create_policy  a rule without which a create may not name it; update_policy likewise
    source         where a shown value comes from: an attribute's path, or a function (req, thing)
    render         turns the value into JSON (a moment into text, say)

    A name that Python reserves is written with a trailing underscore, which is dropped.
    """
    together = Use(0)
    for use in uses:
        together |= use
    return Field(
        together,
        check or AnyCheck(),
        required=required,
        default=default,
        since=since,
        until=until,
        wire=wire,
        policy=policy,
        create_policy=create_policy,
        update_policy=update_policy,
        source=source,
        render=render,
    )


class Resource:
    """The base of wire declarations; subclasses only declare.

    key, keys   the envelope of one and of many ("server", "servers")
    unknown     what becomes of members that no field declares; None: as the API's manifest says
    """

    key: ClassVar[str]
    keys: ClassVar[str]
    unknown: ClassVar[Unknown | None] = None
    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        own = {value.name: value for value in vars(cls).values() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}


@_remembered
def fields_for(resource: type[Resource], use: Use, version: Version | None) -> tuple[Field, ...]:
    """Return the fields of a resource that play a part in a microversion."""
    return tuple(f for f in resource.fields.values() if use in f.uses and f.lives_in(version))


@_remembered
def _by_wire(resource: type[Resource], use: Use, version: Version | None) -> dict[str, Field]:
    return {f.wire: f for f in fields_for(resource, use, version)}


def parse(
    resource: type[Resource],
    use: Use,
    members: Any,
    *,
    version: Version | None = None,
    unknown: Unknown = Unknown.REFUSE,
    allowed: Callable[[Any], None] | None = None,
) -> dict[str, Any]:
    """Turn the members of a request's object into checked values by the code's names.

    `use` is CREATE or UPDATE.  `allowed` is called with each policy rule that a given field
    asks for, and raises.  Raises Invalid with the path and reason of the first fault.
    """
    if not isinstance(members, dict):
        raise Invalid(resource.key, members, f"{members!r} is not of type 'object'")
    known = _by_wire(resource, use, version)
    strangers = tuple(name for name in members if name not in known)
    body: dict[str, Any] = {}
    if strangers:
        unknown = resource.unknown or unknown
        if unknown is Unknown.REFUSE:
            raise UnknownField(resource.key, strangers)
    if unknown is Unknown.KEEP:
        body["extra"] = {name: members[name] for name in strangers}
    for wire, declared in known.items():
        if wire in members:
            body[declared.name] = _checked(resource, declared, members[wire])
            rule = declared.create_policy if use is CREATE else declared.update_policy
            if rule is not None and allowed is not None:
                allowed(rule)
        elif use is CREATE:
            if declared.required:
                raise Invalid(resource.key, members, f"'{wire}' is a required property")
            if declared.default is not UNSET:
                default = declared.default
                body[declared.name] = default() if callable(default) else default
    return body


def _checked(resource: type[Resource], declared: Field, value: Any) -> Any:
    try:
        return declared.check(value)
    except CheckFailed as failure:
        path = "/".join((declared.wire, *failure.path))
        raise Invalid(path, failure.value if failure.path else value, failure.reason) from None


def check_value(name: str, check: Check, value: Any) -> Any:
    """Check a lone value; raises Invalid under the name given."""
    try:
        return check(value)
    except CheckFailed as failure:
        raise Invalid(
            "/".join((name, *failure.path)) if name else "/".join(failure.path) or "body",
            failure.value if failure.path else value,
            failure.reason,
        ) from None


def show(
    resource: type[Resource],
    req: Any,
    thing: Any,
    *,
    version: Version | None,
    brief: bool,
    visible: Callable[[Any, Any], bool],
) -> dict[str, Any]:
    """Render one thing as the object that travels.

    `visible(rule, thing)` decides on fields that a policy guards.
    """
    plan = _plan(resource, version, brief)
    shown = dict(zip(plan.names, plan.read(thing), strict=True))
    for wire, read, rule in plan.others:
        if rule is None or visible(rule, thing):
            shown[wire] = read(req, thing)
    return shown


class _Plan(NamedTuple):
    """How to render a resource: attributes that are shown as they are, read all at once, and the other fields."""

    names: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]
    others: tuple[tuple[str, Callable[[Any, Any], Any], Any], ...]


@_remembered
def _plan(resource: type[Resource], version: Version | None, brief: bool) -> _Plan:
    fields = fields_for(resource, BRIEF if brief else SHOW, version)
    plain = [f for f in fields if f.policy is None and f.render is None and not callable(f.source)]
    if len(plain) < 2:  # of a single attribute attrgetter makes no tuple
        plain = []
    others = tuple((f.wire, f.reader(), f.policy) for f in fields if f not in plain)
    sources = [f.source if isinstance(f.source, str) else f.name for f in plain]
    if not plain:
        return _Plan((), lambda thing: (), others)
    return _Plan(tuple(f.wire for f in plain), attrgetter(*sources), others)


def filters(
    resource: type[Resource],
    query: Mapping[str, list[str]],
    *,
    version: Version | None,
) -> dict[str, list[Any]]:
    """Return the filters that a query asks for: name in the code → the accepted values.

    Query parameters that are no filter of the resource are left to the caller.
    """
    found: dict[str, list[Any]] = {}
    for wire, declared in _by_wire(resource, FILTER, version).items():
        if wire in query:
            found[declared.name] = [_filter_value(declared, text) for text in query[wire]]
    return found


def _filter_value(declared: Field, text: str) -> Any:
    try:
        return declared.check(text)
    except CheckFailed as failure:
        raise Invalid(declared.wire, text, failure.reason) from None


def sort_field(resource: type[Resource], wire: str, version: Version | None) -> str:
    """Return the code's name of a sort key; BadRequest if one may not sort by it."""
    declared = _by_wire(resource, SORT, version).get(wire)
    if declared is None:
        raise BadRequest(f"{wire} is not a valid sort key.")
    return declared.name


def schema(resource: type[Resource], use: Use, version: Version | None) -> dict[str, Any]:
    """Describe a resource's request body (CREATE, UPDATE) or answer (SHOW) as JSON Schema."""
    declared = fields_for(resource, use, version)
    described: dict[str, Any] = {
        "type": "object",
        "properties": {f.wire: f.check.schema() for f in declared},
    }
    if use is CREATE and (required := [f.wire for f in declared if f.required]):
        described["required"] = required
    return described
