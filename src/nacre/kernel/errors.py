"""What can go wrong, as a dozen meanings that the edge turns into HTTP last.

A service raises the meaning that fits, or a subclass of it from its own errors.py; it never
chooses a status code.  `message` is for the user and names the thing, the value and what would
be right; `detail` is for the operator and is shown to administrators only.
"""


class NacreError(Exception):
    """The root of all conditions that nacre raises on purpose."""

    status = 500
    message = "The server could not comply with the request."

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        if message is not None:
            self.message = message
        self.detail = detail
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The name of this condition where a dialect shows one (NetworkNotFound)."""
        return type(self).__name__

    @property
    def headers(self) -> list[tuple[str, str]]:
        """HTTP headers that belong to this condition."""
        return []


class BadRequest(NacreError):
    """The request makes no sense as it stands."""

    status = 400
    message = "The request is malformed."


class Invalid(BadRequest):
    """A value in the request fails its check.

    `field` is the path of the value in the body ("server.name"), `reason` what is wrong with
    it; the sentence shown is made by the service's dialect.
    """

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"Invalid input for {field}: {reason}")
        self.field, self.value, self.reason = field, value, reason


class BadReference(BadRequest):
    """A thing that the body names does not exist, or may not be used by the caller."""

    message = "The request refers to something that does not exist."


class Unauthorized(NacreError):
    """Who asks is not known."""

    status = 401
    message = "The request you have made requires authentication."


class Forbidden(NacreError):
    """Who asks is known, and may not."""

    status = 403
    message = "You are not authorized to perform the requested action."


class NotFound(NacreError):
    """The thing addressed by the path does not exist, or is not for the caller to see."""

    status = 404
    message = "The resource could not be found."


class MethodNotAllowed(NacreError):
    """The path exists; this method does not."""

    status = 405
    message = "The method specified is not allowed for this resource."

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.allowed = allowed

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Allow", ", ".join(self.allowed))] if self.allowed else []


class NotAcceptable(NacreError):
    """The client asks for a version or representation that is not served."""

    status = 406
    message = "The requested version is not supported."


class Conflict(NacreError):
    """The request is sound, but the thing is not in a state that allows it."""

    status = 409
    message = "The request conflicts with the present state of the resource."


class Gone(NacreError):
    """The thing existed and has been removed for good."""

    status = 410
    message = "The resource is no longer available."


class PreconditionFailed(NacreError):
    """A condition that the request itself set does not hold."""

    status = 412
    message = "A precondition of the request does not hold."


class TooLarge(NacreError):
    """The request is larger than the service accepts."""

    status = 413
    message = "Request is too large."

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Connection", "close")]  # the rest of the body is not read


class UnsupportedMediaType(NacreError):
    """The body comes in a format that this operation does not read."""

    status = 415
    message = "The media type of the request is not supported."


class Unprocessable(NacreError):
    """The request can be read, but contradicts an earlier one."""

    status = 422
    message = "The request cannot be processed."


class OverQuota(NacreError):
    """The project has as much as its quota allows."""

    status = 403
    message = "Quota exceeded."


class TooManyRequests(NacreError):
    """The caller asks too often."""

    status = 429
    message = "Too many requests."


class RemoteFailure(NacreError):
    """Another program of nacre failed in a way that it did not foresee."""

    message = "Another part of the cloud failed while it worked on the request."


class NotImplementedHere(NacreError):
    """The API knows the operation; this cloud cannot do it."""

    status = 501
    message = "The requested operation is not available in this cloud."


class Unavailable(NacreError):
    """Something that is needed is away; asking again later may work."""

    status = 503
    message = "The service is temporarily unavailable."


class PolicyForbidden(Forbidden):
    """A policy rule refused; the dialect phrases the sentence with the rule's name."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"Policy does not allow {rule} to be performed.")
        self.rule = rule


class UnknownField(Invalid):
    """A body holds a field that the API does not know."""

    def __init__(self, field: str, names: tuple[str, ...]) -> None:
        unexpected = ", ".join(repr(name) for name in names)
        verb = "was" if len(names) == 1 else "were"
        super().__init__(
            field, None, f"Additional properties are not allowed ({unexpected} {verb} unexpected)"
        )
        self.names = names


BY_STATUS: dict[int, type[NacreError]] = {
    kind.status: kind
    for kind in (
        NacreError, BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, Conflict,
        Gone, PreconditionFailed, TooLarge, UnsupportedMediaType, Unprocessable, TooManyRequests, NotImplementedHere,
        Unavailable,
    )
}  # fmt: skip


def from_status(status: int, message: str) -> NacreError:
    """Return the meaning of another service's answer.

    A server error of the other side is an outage to us: it may pass.
    """
    if status in (500, 502, 504):
        return Unavailable(message)
    error = BY_STATUS.get(status, BadRequest if 400 <= status < 500 else Unavailable)
    if error is MethodNotAllowed:
        return BadRequest(message)
    return error(message)
