"""Conditions of the identity service that a caller can tell apart."""

from nacre.kernel import errors


class Missing(errors.NotFound):
    """A thing of identity does not exist; `kind` is its word in the sentence ("project")."""

    kind = "resource"

    def __init__(self, id: str) -> None:
        super().__init__(f"Could not find {self.kind}: {id}.")


class DomainNotFound(Missing):
    kind = "domain"


class ProjectNotFound(Missing):
    kind = "project"


class ProjectTagNotFound(Missing):
    kind = "project tag"


class UserNotFound(Missing):
    kind = "user"


class GroupNotFound(Missing):
    kind = "group"


class MembershipNotFound(errors.NotFound):
    def __init__(self, user_id: str, group_id: str) -> None:
        super().__init__(f"User '{user_id}' not found in group '{group_id}'.")


class RoleNotFound(Missing):
    kind = "role"


class ImplicationNotFound(errors.NotFound):
    def __init__(self, prior_id: str, implied_id: str) -> None:
        super().__init__(f"{prior_id} does not imply {implied_id}.")


class AssignmentNotFound(errors.NotFound):
    def __init__(self, role_id: str, actor_id: str, target_id: str) -> None:
        super().__init__(
            f"Could not find role assignment with role: {role_id}, user or group: {actor_id}, "
            f"project, domain, or system: {target_id}."
        )


class RegionNotFound(Missing):
    kind = "region"


class ServiceNotFound(Missing):
    kind = "service"


class EndpointNotFound(Missing):
    kind = "endpoint"


class EndpointGroupNotFound(Missing):
    kind = "Endpoint Group"


class AssociationNotFound(errors.NotFound):
    message = "The association does not exist."


class PolicyNotFound(Missing):
    kind = "policy"


class CredentialNotFound(Missing):
    kind = "credential"


class ApplicationCredentialNotFound(Missing):
    kind = "Application Credential"


class AccessRuleNotFound(Missing):
    kind = "Access Rule"


class RegisteredLimitNotFound(errors.NotFound):
    def __init__(self, id: str) -> None:
        super().__init__(f"Could not find registered limit for {id}.")


class LimitNotFound(errors.NotFound):
    def __init__(self, id: str) -> None:
        super().__init__(f"Could not find limit for {id}.")


class TrustNotFound(Missing):
    kind = "trust"


class ConsumerNotFound(Missing):
    kind = "Consumer"


class DomainConfigNotFound(errors.NotFound):
    def __init__(self, domain_id: str, what: str) -> None:
        super().__init__(f"Could not find {what} in domain configuration for domain {domain_id}.")


class TokenNotFound(errors.NotFound):
    """The token that is asked about is not, or not any more, valid."""

    message = "Failed to validate token"


class HostNotFound(Missing):
    kind = "host"


class JoinTokenNotFound(Missing):
    kind = "join token"


class BadJoinToken(errors.Forbidden):
    message = "This token lets nobody join: it is wrong, too old, or was used."


class NameTaken(errors.Conflict):
    """Another thing of the kind has that name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"Conflict occurred attempting to store {kind} - Duplicate entry found with name {name}."
        )


class StillInUse(errors.Conflict):
    """Something else refers to the thing."""


class Immutable(errors.Forbidden):
    """The option `immutable` protects the thing."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(
            f"Cannot change or delete immutable {kind} {id}: set its option `immutable` to false first."
        )


class NotEnabled(errors.Forbidden):
    """Something must be disabled, or enabled, before this may be done."""


class PasswordRefused(errors.BadRequest):
    """A new password does not satisfy the rules."""


class CredentialLimitExceeded(errors.Forbidden):
    """The user has as many credentials as are allowed."""


class AuthenticationFailed(errors.Unauthorized):
    """The proofs of identity do not hold.  The user hears nothing more; the detail is for the log."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail=detail)
