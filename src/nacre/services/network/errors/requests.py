"""What can be wrong with a request for any resource."""

from nacre.kernel import errors


class InvalidInput(errors.BadRequest):
    """A value that makes no sense beside the others of its request."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid input for operation: {reason}.")


class RevisionNumberConstraintFailed(errors.PreconditionFailed):
    def __init__(self, expected: int) -> None:
        super().__init__(f"Constrained to {expected}, but current revision is different")


class InvalidFilter(errors.BadRequest):
    def __init__(self, names: list[str]) -> None:
        super().__init__(f"Invalid filters {names!r}.")

    @property
    def code(self) -> str:
        return "HTTPBadRequest"


class ResourceRequest(errors.BadRequest):
    """A request that makes no sense for a resource as it stands: `router`, `floatingip`."""

    def __init__(self, resource: str, reason: str) -> None:
        super().__init__(f"Bad {resource} request: {reason}.")

    @property
    def code(self) -> str:
        return "BadRequest"


class OverQuota(errors.OverQuota):
    def __init__(self, resources: list[str]) -> None:
        super().__init__(f"Quota exceeded for resources: {resources!r}.")


class InvalidQuota(errors.BadRequest):
    def __init__(self, resource: str, limit: int, used: int) -> None:
        super().__init__(
            f"Quota limit {limit} for {resource} must be greater than or equal to already used {used}"
        )
