"""Conditions of the network service that a caller can tell apart.

The class names are part of the API: clients find them as `type` in an error's body, and tests of
OpenStack compare some of the sentences.
"""

from nacre.kernel import errors


class NetworkNotFound(errors.NotFound):
    def __init__(self, network_id: str) -> None:
        super().__init__(f"Network {network_id} could not be found.")


class SubnetNotFound(errors.NotFound):
    def __init__(self, subnet_id: str) -> None:
        super().__init__(f"Subnet {subnet_id} could not be found.")


class PortNotFound(errors.NotFound):
    def __init__(self, port_id: str) -> None:
        super().__init__(f"Port {port_id} could not be found.")


class RouterNotFound(errors.NotFound):
    def __init__(self, router_id: str) -> None:
        super().__init__(f"Router {router_id} could not be found")


class FloatingIPNotFound(errors.NotFound):
    def __init__(self, floatingip_id: str) -> None:
        super().__init__(f"Floating IP {floatingip_id} could not be found")


class PortForwardingNotFound(errors.NotFound):
    def __init__(self, forwarding_id: str) -> None:
        super().__init__(f"Port Forwarding {forwarding_id} could not be found.")


class SecurityGroupNotFound(errors.NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Security group {group_id} does not exist")


class SecurityGroupRuleNotFound(errors.NotFound):
    def __init__(self, rule_id: str) -> None:
        super().__init__(f"Security group rule {rule_id} does not exist")


class AddressGroupNotFound(errors.NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Address group {group_id} could not be found.")


class SubnetPoolNotFound(errors.NotFound):
    def __init__(self, pool_id: str) -> None:
        super().__init__(f"Subnet pool {pool_id} could not be found.")


class AddressScopeNotFound(errors.NotFound):
    def __init__(self, scope_id: str) -> None:
        super().__init__(f"Address scope {scope_id} could not be found")


class RbacPolicyNotFound(errors.NotFound):
    def __init__(self, policy_id: str) -> None:
        super().__init__(f"RBAC policy of type network with ID {policy_id} not found")


class AgentNotFound(errors.NotFound):
    def __init__(self, agent_id: str) -> None:
        super().__init__(f"Agent {agent_id} could not be found.")


class ExtensionNotFound(errors.NotFound):
    def __init__(self, alias: str) -> None:
        super().__init__(f"Extension with alias {alias} does not exist")


class TagNotFound(errors.NotFound):
    def __init__(self, tag: str) -> None:
        super().__init__(f"Tag {tag} could not be found.")


class TagResourceNotFound(errors.NotFound):
    def __init__(self, resource: str, resource_id: str) -> None:
        super().__init__(f"Resource {resource} {resource_id} could not be found.")


# --- any resource ---------------------------------------------------------------------------------------


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


# --- networks and segments ------------------------------------------------------------------------------


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


# --- subnets and addresses --------------------------------------------------------------------------------


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


# --- ports ------------------------------------------------------------------------------------------------


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


# --- security groups --------------------------------------------------------------------------------------


class SecurityGroupInUse(errors.Conflict):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Security Group {group_id} in use.")


class SecurityGroupCannotRemoveDefault(errors.Conflict):
    message = "Insufficient rights for removing default security group."


class SecurityGroupCannotUpdateDefault(errors.Conflict):
    message = "Updating default security group not allowed."


class SecurityGroupDefaultAlreadyExists(errors.Conflict):
    message = "Default security group already exists."


class SecurityGroupRuleExists(errors.Conflict):
    def __init__(self, rule_id: str) -> None:
        super().__init__(f"Security group rule already exists. Rule id is {rule_id}.")


class SecurityGroupInvalidPortRange(errors.BadRequest):
    message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidPortValue(errors.BadRequest):
    def __init__(self, port: int) -> None:
        super().__init__(f"Invalid value for port {port}")


class SecurityGroupInvalidIcmpValue(errors.BadRequest):
    def __init__(self, field: str, attribute: str, value: int) -> None:
        super().__init__(f"Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255.")


class SecurityGroupMissingIcmpType(errors.BadRequest):
    def __init__(self, value: int) -> None:
        super().__init__(
            f"ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."
        )


class SecurityGroupRuleInvalidProtocol(errors.BadRequest):
    def __init__(self, protocol: str) -> None:
        super().__init__(
            f"Security group rule protocol {protocol} not supported. Only protocol values "
            "known by name and integer representations [0 to 255] are supported."
        )


class SecurityGroupProtocolRequiredWithPorts(errors.BadRequest):
    message = "Must also specify protocol if port range is given."


class SecurityGroupInvalidProtocolForPortRange(errors.BadRequest):
    def __init__(self, protocol: str) -> None:
        super().__init__(
            f"Invalid protocol {protocol} for port range, only supported for TCP, UDP, UDPLITE, SCTP and "
            "DCCP."
        )


class SecurityGroupRemoteGroupAndRemoteIpPrefix(errors.BadRequest):
    message = "Only remote_ip_prefix or remote_group_id may be provided."


class SecurityGroupRuleParameterConflict(errors.BadRequest):
    def __init__(self, ethertype: str, cidr: str) -> None:
        super().__init__(f"Conflicting value ethertype {ethertype} for CIDR {cidr}")


class SecurityGroupEthertypeConflictWithProtocol(errors.BadRequest):
    def __init__(self, ethertype: str, protocol: str) -> None:
        super().__init__(f"Invalid ethertype {ethertype} for protocol {protocol}.")


class AddressGroupInUse(errors.Conflict):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Address group {group_id} is in use on one or more security group rules.")


class AddressesAlreadyExist(errors.BadRequest):
    def __init__(self, addresses: list[str], group_id: str) -> None:
        super().__init__(f"Addresses {addresses} already exist in the address group {group_id}.")


class AddressesNotFound(errors.NotFound):
    def __init__(self, addresses: list[str], group_id: str) -> None:
        super().__init__(f"Addresses {addresses} not found in the address group {group_id}.")


# --- routers and floating IPs -----------------------------------------------------------------------------


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


# --- agents -----------------------------------------------------------------------------------------------


class NetworkHostedByDHCPAgent(errors.Conflict):
    def __init__(self, network_id: str, agent_id: str) -> None:
        super().__init__(f"The network {network_id} has been already hosted by the DHCP Agent {agent_id}.")


class NetworkNotHostedByDhcpAgent(errors.Conflict):
    def __init__(self, network_id: str, agent_id: str) -> None:
        super().__init__(f"The network {network_id} is not hosted by the DHCP agent {agent_id}.")


class RouterNotHostedByL3Agent(errors.Conflict):
    def __init__(self, router_id: str, agent_id: str) -> None:
        super().__init__(f"The router {router_id} is not hosted by L3 agent {agent_id}.")


class InvalidAgent(errors.Conflict):
    def __init__(self, kind: str, agent_id: str) -> None:
        super().__init__(f"Agent {agent_id} is not a {kind} or has been disabled")

    @property
    def code(self) -> str:
        return "InvalidDHCPAgent" if "DHCP" in self.message else "InvalidL3Agent"


class AutoAllocationFailure(errors.BadRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Deployment error: {reason}.")
