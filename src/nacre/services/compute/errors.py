"""What can go wrong in compute, as conditions that a caller can tell apart.

Several sentences are the ones that users of OpenStack search the web for; those are kept word for word.
"""

from __future__ import annotations

from nacre.kernel import errors


class ServerNotFound(errors.NotFound):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} could not be found.")


class FlavorNotFound(errors.NotFound):
    def __init__(self, flavor_id: str) -> None:
        super().__init__(f"Flavor {flavor_id} could not be found.")


class BadFlavorReference(errors.BadReference):
    def __init__(self, flavor_id: str) -> None:
        super().__init__(f"Flavor {flavor_id} could not be found.")


class FlavorExists(errors.Conflict):
    def __init__(self, what: str, value: str) -> None:
        super().__init__(f"Flavor with {what} {value} already exists.")


class ExtraSpecNotFound(errors.NotFound):
    def __init__(self, flavor_id: str, key: str) -> None:
        super().__init__(f"Flavor {flavor_id} has no extra specs with key {key}.")


class FlavorAccessNotFound(errors.NotFound):
    def __init__(self, flavor_id: str, project_id: str) -> None:
        super().__init__(f"Flavor access not found for {flavor_id} / {project_id} combination.")


class FlavorAccessExists(errors.Conflict):
    def __init__(self, flavor_id: str, project_id: str) -> None:
        super().__init__(
            f"Flavor access already exists for flavor {flavor_id} and project {project_id} combination."
        )


class KeypairNotFound(errors.NotFound):
    def __init__(self, name: str, user_id: str) -> None:
        super().__init__(f"Keypair {name} not found for user {user_id}")


class KeypairExists(errors.Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Key pair '{name}' already exists.")


class ImageNotUsable(errors.BadReference):
    """The image cannot make this server."""


class NetworkNotUsable(errors.BadReference):
    """The networks of a request cannot be had."""


class NetworkAmbiguous(errors.Conflict):
    message = "Multiple possible networks found, use a Network ID to be more specific."


class PortInUse(errors.Conflict):
    def __init__(self, port_id: str) -> None:
        super().__init__(f"Port {port_id} is still in use.")


class ServerIsLocked(errors.Conflict):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} is locked")


class WrongState(errors.Conflict):
    """The server is not in a state that allows this; says which part of the state is in the way."""

    def __init__(self, server_id: str, action: str, attribute: str, state: str | None) -> None:
        super().__init__(f"Cannot '{action}' instance {server_id} while it is in {attribute} {state}")
        self.attribute, self.state = attribute, state


class ServerNotReady(errors.Conflict):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} is not ready")


class NoValidHost(errors.NacreError):
    """No host can take the server; the detail names for each host what spoke against it."""

    def __init__(self, reason: str, *, detail: str | None = None) -> None:
        super().__init__(f"No valid host was found. {reason}", detail=detail)


class NoRoomInPlace(errors.NacreError):
    """The host of a server has no room for its new size; another one may have."""


class HostRefused(errors.NacreError):
    """A host took the server and could not make it so."""


class ServerSuperseded(errors.Conflict):
    """What was to be done with the server is not wanted any more."""


class MetadataItemNotFound(errors.NotFound):
    message = "Metadata item was not found"


class TagNotFound(errors.NotFound):
    def __init__(self, server_id: str, tag: str) -> None:
        super().__init__(f"Server {server_id} has no tag '{tag}'")


class ActionNotFound(errors.NotFound):
    def __init__(self, request_id: str) -> None:
        super().__init__(f"Action {request_id} not found")


class InterfaceNotFound(errors.NotFound):
    def __init__(self, server_id: str, port_id: str) -> None:
        super().__init__(f"Instance {server_id} does not have a port with id {port_id}")


class GroupNotFound(errors.BadReference):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Instance group {group_id} could not be found.")


class CannotResize(errors.BadRequest):
    """The new size cannot be had, whatever the state of the server."""


class MigrationNotFound(errors.NotFound):
    """There is no such migration, or it is over."""


class MigrationNotFoundForServer(errors.NotFound):
    def __init__(self, number: int, server_id: str) -> None:
        super().__init__(f"Migration {number} not found for instance {server_id}")


class WrongMigrationState(errors.BadRequest):
    def __init__(self, number: int, server_id: str, state: str, action: str) -> None:
        super().__init__(
            f"Migration {number} state of instance {server_id} is {state}. "
            f"Cannot {action} while the migration is in this state."
        )


class CannotMigrate(errors.BadRequest):
    """The server cannot go where it is to go; says why not."""


class HostStillUp(errors.BadRequest):
    def __init__(self, host: str) -> None:
        super().__init__(f"Compute service of {host} is still in use.")


class EvacuationHostNotFound(errors.NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Compute host {host} not found.")


class KeyNameInvalid(errors.BadReference):
    message = "Invalid key_name provided."


class BadZone(errors.BadReference):
    def __init__(self, zone: str) -> None:
        super().__init__("The requested availability zone is not available", detail=f"zone {zone}")


class HostUnknown(errors.BadReference):
    def __init__(self, host: str) -> None:
        super().__init__(f"Compute host {host} could not be found.")


class ServerGroupNotFound(errors.NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Instance group {group_id} could not be found.")


class AggregateNotFound(errors.NotFound):
    def __init__(self, aggregate_id: str) -> None:
        super().__init__(f"Aggregate {aggregate_id} could not be found.")


class AggregateExists(errors.Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Aggregate {name} already exists.")


class HostNotFound(errors.NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Compute host {host} could not be found.")


class HypervisorNotFound(errors.NotFound):
    def __init__(self, hypervisor_id: str) -> None:
        super().__init__(f"Hypervisor with ID '{hypervisor_id}' could not be found.")


class ServiceNotFound(errors.NotFound):
    def __init__(self, service_id: str) -> None:
        super().__init__(f"Service {service_id} could not be found.")


class BinaryNotFound(errors.NotFound):
    def __init__(self, host: str, binary: str) -> None:
        super().__init__(f"Could not find binary {binary} on host {host}.")


class ConsoleUnavailable(errors.BadRequest):
    def __init__(self, kind: str) -> None:
        super().__init__(f"Unavailable console type {kind}.")


class ConsoleTokenInvalid(errors.NotFound):
    message = "The console token is not valid: it is unknown, has expired, or was used."
