"""Conditions of routers and floating IPs."""

from nacre.kernel import errors


class RouterInUse(errors.Conflict):
    def __init__(self, router_id: str, reason: str = "still has ports") -> None:
        super().__init__(f"Router {router_id} {reason}")


class RouterInterfaceNotFound(errors.NotFound):
    def __init__(self, router_id: str, port_id: str) -> None:
        super().__init__(f"Router {router_id} does not have an interface with id {port_id}")


class RouterInterfaceNotFoundForSubnet(errors.NotFound):
    def __init__(self, router_id: str, subnet_id: str) -> None:
        super().__init__(f"Router {router_id} has no interface on subnet {subnet_id}")


class SubnetMismatchForPort(errors.BadRequest):
    def __init__(self, port_id: str, subnet_id: str) -> None:
        super().__init__(f"Subnet on port {port_id} does not match the requested subnet {subnet_id}")


class RouterInterfaceInUseByFloatingIP(errors.Conflict):
    def __init__(self, router_id: str, subnet_id: str) -> None:
        super().__init__(
            f"Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is "
            "required by one or more floating IPs."
        )


class RouterInterfaceInUseByRoute(errors.Conflict):
    def __init__(self, router_id: str, subnet_id: str) -> None:
        super().__init__(
            f"Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is "
            "required by one or more routes."
        )


class RouterExternalGatewayInUseByFloatingIp(errors.Conflict):
    def __init__(self, router_id: str, network_id: str) -> None:
        super().__init__(
            f"Gateway cannot be updated for router {router_id}, since a gateway to external network "
            f"{network_id} is required by one or more floating IPs."
        )


class InvalidRoutes(errors.BadRequest):
    def __init__(self, routes: object, reason: str) -> None:
        super().__init__(f"Invalid format for routes: {routes}, {reason}")


class RoutesExhausted(errors.BadRequest):
    def __init__(self, router_id: str, quota: int) -> None:
        super().__init__(
            f"Unable to complete operation for {router_id}. The number of routes exceeds the maximum {quota}."
        )


class ExternalGatewayForFloatingIPNotFound(errors.NotFound):
    def __init__(self, subnet_id: str, network_id: str, port_id: str) -> None:
        super().__init__(
            f"External network {network_id} is not reachable from subnet {subnet_id}. Therefore, cannot "
            f"associate Port {port_id} with a Floating IP."
        )


class FloatingIPPortAlreadyAssociated(errors.Conflict):
    def __init__(self, floatingip_id: str, address: str, port_id: str, fixed: str, network_id: str) -> None:
        super().__init__(
            f"Cannot associate floating IP {address} ({floatingip_id}) with port {port_id} using fixed IP "
            f"{fixed}, as that fixed IP already has a floating IP on external network {network_id}."
        )


class PortForwardingExists(errors.Conflict):
    message = "A duplicate port forwarding entry with same attributes already exists."


class FloatingIpInUseByPortForwarding(errors.Conflict):
    def __init__(self, address: str) -> None:
        super().__init__(f"Floating IP {address} is already used by port forwardings.")
