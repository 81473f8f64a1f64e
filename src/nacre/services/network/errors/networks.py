"""Conditions of networks, their segments, and who shares them."""

from nacre.kernel import errors


class NetworkInUse(errors.Conflict):
    def __init__(self, network_id: str, reason: str | None = None) -> None:
        reason = reason or "There are one or more ports still in use on the network"
        super().__init__(f"Unable to complete operation on network {network_id}. {reason}.")


class NoNetworkAvailable(errors.Unavailable):
    message = "Unable to create the network. No tenant network is available for allocation."
    status = 503


class VlanIdInUse(errors.Conflict):
    def __init__(self, vlan_id: int, physical_network: str) -> None:
        super().__init__(
            f"Unable to create the network. The VLAN {vlan_id} on physical network {physical_network} is in "
            "use."
        )


class TunnelIdInUse(errors.Conflict):
    def __init__(self, tunnel_id: int) -> None:
        super().__init__(f"Unable to create the network. The tunnel ID {tunnel_id} is in use.")


class FlatNetworkInUse(errors.Conflict):
    def __init__(self, physical_network: str) -> None:
        super().__init__(f"Unable to create the flat network. Physical network {physical_network} is in use.")


class InvalidSharedSetting(errors.Conflict):
    def __init__(self, network: str) -> None:
        super().__init__(
            f"Unable to reconfigure sharing settings for network {network}. Multiple tenants are using it."
        )


class ExternalNetworkInUse(errors.Conflict):
    def __init__(self, network_id: str) -> None:
        super().__init__(
            f"External network {network_id} cannot be updated to be made non-external, since it has "
            "existing gateway ports."
        )


class DefaultExternalNetworkExists(errors.BadRequest):
    def __init__(self, network_id: str) -> None:
        super().__init__(f"A default external network already exists: {network_id}.")


class RbacPolicyInUse(errors.Conflict):
    def __init__(self, object_id: str, details: str) -> None:
        super().__init__(
            f"RBAC policy on object {object_id} cannot be removed because other objects depend on it.\n"
            f"Details: {details}"
        )


class DuplicateRbacPolicy(errors.Conflict):
    message = "An RBAC policy already exists with those values."
