"""Conditions of security groups and address groups."""

from nacre.kernel import errors


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
