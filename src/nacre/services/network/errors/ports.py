"""Conditions of ports."""

from nacre.kernel import errors


class PortInUse(errors.Conflict):
    def __init__(self, port_id: str, network_id: str, device_id: str) -> None:
        super().__init__(
            f"Unable to complete operation on port {port_id} for network {network_id}. "
            f"Port already has an attached device {device_id}."
        )


class PortIdInUse(errors.Conflict):
    def __init__(self, port_id: str) -> None:
        super().__init__(f"Port {port_id} exists already.")


class MacAddressInUse(errors.Conflict):
    def __init__(self, mac: str, network_id: str) -> None:
        super().__init__(
            f"Unable to complete operation for network {network_id}. The mac address {mac} is in use."
        )


class MacAddressGenerationFailure(errors.Unavailable):
    def __init__(self, network_id: str) -> None:
        super().__init__(f"Unable to generate unique mac on network {network_id}.")


class PortBound(errors.Conflict):
    def __init__(self, port_id: str, vif_type: str, old_mac: str, new_mac: str) -> None:
        super().__init__(
            f"Unable to complete operation on port {port_id}, port is already bound, port type: {vif_type}, "
            f"old_mac {old_mac}, new_mac {new_mac}."
        )


class PortBindingNotFound(errors.NotFound):
    def __init__(self, port_id: str, host: str) -> None:
        super().__init__(f"Binding for port {port_id} for host {host} could not be found.")


class PortBindingAlreadyExists(errors.Conflict):
    def __init__(self, port_id: str, host: str) -> None:
        super().__init__(f"Binding for port {port_id} on host {host} already exists.")


class PortBindingAlreadyActive(errors.Conflict):
    def __init__(self, port_id: str, host: str) -> None:
        super().__init__(f"Binding for port {port_id} on host {host} is already active.")


class PortBindingError(errors.BadRequest):
    """A host cannot carry a port's network.  (neutron: 500, which to a caller would be an outage.)"""

    def __init__(self, port_id: str, host: str, reason: str) -> None:
        super().__init__(f"Binding for port {port_id} on host {host} could not be created. {reason}")


class ServicePortInUse(errors.Conflict):
    def __init__(self, port_id: str, reason: str) -> None:
        super().__init__(f"Port {port_id} cannot be deleted directly via the port API: {reason}.")


class PortSecurityAndIPRequiredForSecurityGroups(errors.BadRequest):
    message = (
        "Port security must be enabled and port must have an IP address in order to use security groups."
    )


class PortSecurityPortHasSecurityGroup(errors.Conflict):
    message = (
        "Port has security group associated. Cannot disable port security or IP address until security "
        "group is removed."
    )


class AddressPairAndPortSecurityRequired(errors.Conflict):
    message = "Port Security must be enabled in order to have allowed address pairs on a port."


class AddressPairsExhausted(errors.BadRequest):
    def __init__(self, quota: int) -> None:
        super().__init__(f"The number of allowed address pair exceeds the maximum {quota}.")

    @property
    def code(self) -> str:
        return "AllowedAddressPairExhausted"


class DuplicateAddressPairInRequest(errors.BadRequest):
    def __init__(self, mac: str, address: str) -> None:
        super().__init__(f"Request contains duplicate address pair: mac_address {mac} ip_address {address}.")
