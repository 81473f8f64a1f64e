"""Conditions of subnets, address pools and addresses."""

from nacre.kernel import errors


class SubnetInUse(errors.Conflict):
    def __init__(self, subnet_id: str, reason: str | None = None) -> None:
        reason = reason or "One or more ports have an IP allocation from this subnet"
        super().__init__(f"Unable to complete operation on subnet {subnet_id}: {reason}.")


class OverlappingAllocationPools(errors.Conflict):
    def __init__(self, first: str, second: str, cidr: str) -> None:
        super().__init__(f"Found overlapping allocation pools: {first} {second} for subnet {cidr}.")


class OutOfBoundsAllocationPool(errors.BadRequest):
    def __init__(self, pool: str, cidr: str) -> None:
        super().__init__(f"The allocation pool {pool} spans beyond the subnet cidr {cidr}.")


class InvalidAllocationPool(errors.BadRequest):
    def __init__(self, pool: str) -> None:
        super().__init__(f"The allocation pool {pool} is not valid.")


class GatewayConflictWithAllocationPools(errors.Conflict):
    def __init__(self, gateway: str, pool: str) -> None:
        super().__init__(f"Gateway ip {gateway} conflicts with allocation pool {pool}.")


class GatewayIpInUse(errors.Conflict):
    def __init__(self, gateway: str, port_id: str) -> None:
        super().__init__(f"Current gateway ip {gateway} already in use by port {port_id}. Unable to update.")


class InvalidIpForSubnet(errors.BadRequest):
    def __init__(self, address: str) -> None:
        super().__init__(f"IP address {address} is not a valid IP for the specified subnet.")


class InvalidIpForNetwork(errors.BadRequest):
    def __init__(self, address: str) -> None:
        super().__init__(
            f"IP address {address} is not a valid IP for any of the subnets on the specified network."
        )


class AllocationOnAutoAddressSubnet(errors.BadRequest):
    def __init__(self, address: str, subnet_id: str) -> None:
        super().__init__(
            f"IPv6 address {address} can not be directly assigned to a port on subnet {subnet_id} as the "
            "subnet is configured for automatic addresses"
        )


class IpAddressInUse(errors.Conflict):
    def __init__(self, address: str, network_id: str) -> None:
        super().__init__(
            f"Unable to complete operation for network {network_id}. The IP address {address} is in use."
        )


class IpAddressAlreadyAllocated(errors.Conflict):
    def __init__(self, address: str, subnet_id: str) -> None:
        super().__init__(f"IP address {address} already allocated in subnet {subnet_id}")


class IpAddressGenerationFailure(errors.Conflict):
    def __init__(self, network_id: str) -> None:
        super().__init__(f"No more IP addresses available on network {network_id}.")


class ExternalIpAddressExhausted(errors.BadRequest):
    def __init__(self, network_id: str) -> None:
        super().__init__(f"Unable to find any IP address on external network {network_id}.")


class SubnetPoolInUse(errors.Conflict):
    def __init__(self, pool_id: str) -> None:
        super().__init__(
            f"Unable to complete operation on subnet pool {pool_id}. There are one or more subnets that "
            "were allocated from it."
        )


class SubnetAllocationError(errors.Conflict):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Failed to allocate subnet: {reason}.")


class SubnetPoolQuotaExceeded(errors.Conflict):
    message = "Per-tenant subnet pool prefix quota exceeded."


class AddressScopeInUse(errors.Conflict):
    def __init__(self, scope_id: str) -> None:
        super().__init__(
            f"Unable to complete operation on address scope {scope_id}. There are one or more subnet pools "
            "in use on the address scope"
        )


class AddressScopePrefixConflict(errors.Conflict):
    message = (
        "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."
    )


class IllegalSubnetPoolPrefixUpdate(errors.BadRequest):
    message = "Illegal update to prefixes: a prefix from which a subnet was allocated may not be taken away."
