"""What does not exist, or is not for the caller to see."""

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
