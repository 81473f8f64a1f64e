"""Who may do what to networks, ports and the rest: neutron's rule names with its present defaults.

One rule stands for an operation (`create_port`), further ones for attributes that are guarded more
closely (`create_port:binding:host_id`, `create_port:fixed_ips:ip_address`).  An attribute's rule is
asked when the request names the attribute; `api/rights.py` does that by these very names.

Besides what all services have, a rule may say `field:<resources>:<attribute>=<value>` or `…=~<regex>`,
about the target; FIELD_CHECK below reads that.
"""

import re
from collections.abc import Mapping
from typing import Any

from nacre.kernel.policy import Rule

RULES_BY_NAME: dict[str, Rule] = {}

ADMIN = "rule:admin_only"
SERVICE = "rule:service_api"
MEMBER = "(role:member and project_id:%(project_id)s)"
READER = "(role:reader and project_id:%(project_id)s)"
NET_OWNER_MEMBER = "(role:member and rule:network_owner)"
NET_OWNER_READER = "(role:reader and rule:network_owner)"
PARENT_MEMBER = "(role:member and rule:ext_parent_owner)"
PARENT_READER = "(role:reader and rule:ext_parent_owner)"
GROUP_READER = "(role:reader and rule:sg_owner)"


def any_of(*parts: str) -> str:
    """Return the rule that is satisfied by any of its parts."""
    return " or ".join(parts)


ADMIN_OR_MEMBER = any_of(ADMIN, MEMBER)
ADMIN_OR_READER = any_of(ADMIN, READER)
ADMIN_OR_SERVICE = any_of(ADMIN, SERVICE)


def rule(name: str, default: str, description: str) -> Rule:
    """Declare a rule."""
    declared = RULES_BY_NAME[name] = Rule(name, default, description)
    return declared


def attributes(operation: str, default: str, names: tuple[str, ...]) -> None:
    """Declare the rules of an operation's guarded attributes."""
    for name in names:
        rule(f"{operation}:{name}", default, f"Name the attribute {name} in {operation}.")


# --- building blocks, under the names that operators' files use ------------------------------------------

rule("context_is_admin", "role:admin", "The caller may see and do everything.")
rule("service_api", "role:service", "The caller is another service of the cloud.")
rule("owner", "tenant_id:%(tenant_id)s", "The caller's project owns the thing.")
rule("admin_or_owner", "rule:context_is_admin or rule:owner", "Either.")
rule("context_is_advsvc", "role:advsvc", "The caller is an advanced service.")
rule("admin_or_network_owner", "rule:context_is_admin or rule:network_owner", "Either.")
rule("admin_owner_or_network_owner", "rule:owner or rule:admin_or_network_owner", "Any.")
rule("network_owner", "tenant_id:%(network:tenant_id)s", "The caller's project owns the thing's network.")
rule("admin_only", "rule:context_is_admin", "Administrators.")
rule("regular_user", "", "Anybody.")
rule("shared", "field:networks:shared=True", "The network is shared.")
rule("external", "field:networks:router:external=True", "The network is external.")
rule("default", "rule:admin_or_owner", "What has no rule of its own.")
rule("ext_parent_owner", "tenant_id:%(ext_parent:tenant_id)s", "The caller's project owns the parent.")
rule("sg_owner", "tenant_id:%(security_group:tenant_id)s", "The caller's project owns the security group.")
rule("network_device", "field:port:device_owner=~^network:", "The port is the network's own.")
rule("shared_pool", "field:subnetpools:shared=True", "The subnet pool is shared.")
rule("shared_scope", "field:address_scopes:shared=True", "The address scope is shared.")
rule("shared_group", "field:security_groups:shared=True", "The security group is shared.")
rule(
    "restrict_wildcard",
    "(not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*) or rule:admin_only",
    "Sharing with everybody is for administrators.",
)

# --- networks ---------------------------------------------------------------------------------------------

PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")

CREATE_NETWORK = rule("create_network", ADMIN_OR_MEMBER, "Make a network.")
attributes("create_network", ADMIN, ("shared", "router:external", "is_default", "segments", *PROVIDER))
attributes("create_network", ADMIN_OR_MEMBER, ("port_security_enabled",))
GET_NETWORK = rule(
    "get_network",
    any_of(ADMIN_OR_READER, "rule:shared", "rule:external", "rule:context_is_advsvc", SERVICE),
    "See a network.",
)
GET_NETWORK_PROVIDER = rule("get_network:provider:network_type", ADMIN_OR_SERVICE, "See a network's kind.")
GET_NETWORK_WIRE = rule("get_network:provider:physical_network", ADMIN_OR_SERVICE, "See a network's wire.")
GET_NETWORK_SEGMENT = rule(
    "get_network:provider:segmentation_id", ADMIN_OR_SERVICE, "See a network's segmentation id."
)
UPDATE_NETWORK = rule("update_network", ADMIN_OR_MEMBER, "Change a network.")
attributes("update_network", ADMIN, ("shared", "router:external", "is_default", "segments", *PROVIDER))
attributes("update_network", ADMIN_OR_MEMBER, ("port_security_enabled",))
DELETE_NETWORK = rule("delete_network", ADMIN_OR_MEMBER, "Delete a network.")

# --- subnets ----------------------------------------------------------------------------------------------

SUBNET_WRITERS = any_of(ADMIN_OR_MEMBER, NET_OWNER_MEMBER)
CREATE_SUBNET = rule("create_subnet", any_of(ADMIN, NET_OWNER_MEMBER), "Make a subnet.")
attributes("create_subnet", ADMIN, ("segment_id", "service_types"))
GET_SUBNET = rule(
    "get_subnet",
    any_of(ADMIN_OR_READER, NET_OWNER_READER, "rule:shared", "rule:external", SERVICE),
    "See a subnet.",
)
UPDATE_SUBNET = rule("update_subnet", SUBNET_WRITERS, "Change a subnet.")
attributes("update_subnet", ADMIN, ("segment_id", "service_types"))
DELETE_SUBNET = rule("delete_subnet", SUBNET_WRITERS, "Delete a subnet.")

# --- ports ------------------------------------------------------------------------------------------------

PORT_ADVANCED = any_of("rule:context_is_advsvc", ADMIN_OR_SERVICE, NET_OWNER_MEMBER)
PORT_SHARED = any_of(PORT_ADVANCED, "rule:shared")
PORT_OWNERS = any_of(ADMIN_OR_SERVICE, MEMBER, "rule:context_is_advsvc")

CREATE_PORT = rule("create_port", PORT_OWNERS, "Make a port.")
attributes("create_port", ADMIN_OR_SERVICE, ("id", "binding:host_id"))
attributes("create_port", ADMIN_OR_SERVICE, ("binding:profile",))
attributes("create_port", PORT_OWNERS, ("device_id", "binding:vnic_type"))
attributes("create_port", any_of("not rule:network_device", PORT_ADVANCED), ("device_owner",))
attributes("create_port", PORT_ADVANCED, ("mac_address", "fixed_ips:ip_address", "port_security_enabled"))
attributes("create_port", PORT_SHARED, ("fixed_ips", "fixed_ips:subnet_id"))
attributes(
    "create_port",
    any_of(ADMIN_OR_SERVICE, NET_OWNER_MEMBER),
    ("allowed_address_pairs", "allowed_address_pairs:mac_address", "allowed_address_pairs:ip_address"),
)
GET_PORT = rule(
    "get_port",
    any_of(ADMIN_OR_SERVICE, READER, NET_OWNER_READER, "rule:context_is_advsvc"),
    "See a port.",
)
GET_PORT_HOST = rule("get_port:binding:host_id", ADMIN_OR_SERVICE, "See where a port is bound.")
GET_PORT_VIF_TYPE = rule("get_port:binding:vif_type", ADMIN_OR_SERVICE, "See how a port is plugged.")
GET_PORT_VIF_DETAILS = rule("get_port:binding:vif_details", ADMIN_OR_SERVICE, "See how a port is plugged.")
GET_PORT_PROFILE = rule("get_port:binding:profile", ADMIN_OR_SERVICE, "See what a port's binding asks.")
UPDATE_PORT = rule("update_port", PORT_OWNERS, "Change a port.")
attributes("update_port", ADMIN_OR_SERVICE, ("binding:host_id", "binding:profile"))
attributes("update_port", any_of(PORT_OWNERS), ("device_id", "binding:vnic_type"))
attributes("update_port", any_of("not rule:network_device", PORT_ADVANCED), ("device_owner",))
attributes("update_port", any_of(ADMIN_OR_SERVICE, "rule:context_is_advsvc"), ("mac_address",))
attributes("update_port", PORT_ADVANCED, ("fixed_ips:ip_address", "port_security_enabled"))
attributes("update_port", any_of(PORT_SHARED, MEMBER), ("fixed_ips", "fixed_ips:subnet_id"))
attributes(
    "update_port",
    any_of(ADMIN_OR_SERVICE, NET_OWNER_MEMBER),
    ("allowed_address_pairs", "allowed_address_pairs:mac_address", "allowed_address_pairs:ip_address"),
)
DELETE_PORT = rule("delete_port", any_of(PORT_OWNERS, NET_OWNER_MEMBER), "Delete a port.")

GET_BINDING = rule("get_port_binding", ADMIN_OR_SERVICE, "See the hosts to which a port is bound.")
CREATE_BINDING = rule("create_port_binding", ADMIN_OR_SERVICE, "Bind a port to a further host.")
DELETE_BINDING = rule("delete_port_binding", ADMIN_OR_SERVICE, "Unbind a port from a further host.")
ACTIVATE_BINDING = rule("activate", ADMIN_OR_SERVICE, "Have another of its hosts carry a port.")

# --- security groups --------------------------------------------------------------------------------------

CREATE_GROUP = rule("create_security_group", ADMIN_OR_MEMBER, "Make a security group.")
GET_GROUP = rule(
    "get_security_group", any_of(ADMIN_OR_READER, "rule:shared_group", SERVICE), "See a security group."
)
UPDATE_GROUP = rule("update_security_group", ADMIN_OR_MEMBER, "Change a security group.")
DELETE_GROUP = rule("delete_security_group", ADMIN_OR_MEMBER, "Delete a security group.")
CREATE_GROUP_RULE = rule("create_security_group_rule", ADMIN_OR_MEMBER, "Make a rule of a security group.")
GET_GROUP_RULE = rule(
    "get_security_group_rule", any_of(ADMIN_OR_READER, GROUP_READER), "See a rule of a security group."
)
DELETE_GROUP_RULE = rule("delete_security_group_rule", ADMIN_OR_MEMBER, "Delete a rule of a security group.")

CREATE_ADDRESS_GROUP = rule("create_address_group", ADMIN_OR_MEMBER, "Make an address group.")
GET_ADDRESS_GROUP = rule(
    "get_address_group", any_of(ADMIN_OR_READER, "rule:shared_group"), "See an address group."
)
UPDATE_ADDRESS_GROUP = rule("update_address_group", ADMIN_OR_MEMBER, "Change an address group.")
DELETE_ADDRESS_GROUP = rule("delete_address_group", ADMIN_OR_MEMBER, "Delete an address group.")

# --- routers ----------------------------------------------------------------------------------------------

GATEWAY_ADMIN = ("external_gateway_info:enable_snat", "external_gateway_info:external_fixed_ips")

CREATE_ROUTER = rule("create_router", ADMIN_OR_MEMBER, "Make a router.")
attributes("create_router", ADMIN, ("distributed", "ha", *GATEWAY_ADMIN))
attributes("create_router", ADMIN_OR_MEMBER, ("external_gateway_info", "external_gateway_info:network_id"))
GET_ROUTER = rule("get_router", ADMIN_OR_READER, "See a router.")
GET_ROUTER_DISTRIBUTED = rule("get_router:distributed", ADMIN, "See whether a router is distributed.")
GET_ROUTER_HA = rule("get_router:ha", ADMIN, "See whether a router is highly available.")
UPDATE_ROUTER = rule("update_router", ADMIN_OR_MEMBER, "Change a router.")
attributes("update_router", ADMIN, ("distributed", "ha", *GATEWAY_ADMIN))
attributes("update_router", ADMIN_OR_MEMBER, ("external_gateway_info", "external_gateway_info:network_id"))
DELETE_ROUTER = rule("delete_router", ADMIN_OR_MEMBER, "Delete a router.")
ADD_ROUTER_INTERFACE = rule("add_router_interface", ADMIN_OR_MEMBER, "Connect a router to a subnet.")
REMOVE_ROUTER_INTERFACE = rule("remove_router_interface", ADMIN_OR_MEMBER, "Disconnect a router.")
ADD_EXTRAROUTES = rule("add_extraroutes", ADMIN_OR_MEMBER, "Add routes to a router.")
REMOVE_EXTRAROUTES = rule("remove_extraroutes", ADMIN_OR_MEMBER, "Remove routes from a router.")

CREATE_FLOATING_IP = rule("create_floatingip", ADMIN_OR_MEMBER, "Take a floating IP.")
attributes("create_floatingip", ADMIN, ("floating_ip_address",))
GET_FLOATING_IP = rule("get_floatingip", any_of(ADMIN_OR_READER, SERVICE), "See a floating IP.")
UPDATE_FLOATING_IP = rule("update_floatingip", ADMIN_OR_MEMBER, "Lead a floating IP elsewhere.")
DELETE_FLOATING_IP = rule("delete_floatingip", ADMIN_OR_MEMBER, "Give a floating IP back.")
CREATE_FORWARDING = rule(
    "create_floatingip_port_forwarding", any_of(ADMIN_OR_MEMBER, PARENT_MEMBER), "Forward a port."
)
GET_FORWARDING = rule(
    "get_floatingip_port_forwarding", any_of(ADMIN_OR_READER, PARENT_READER), "See a forwarded port."
)
UPDATE_FORWARDING = rule(
    "update_floatingip_port_forwarding", any_of(ADMIN_OR_MEMBER, PARENT_MEMBER), "Change a forwarded port."
)
DELETE_FORWARDING = rule(
    "delete_floatingip_port_forwarding", any_of(ADMIN_OR_MEMBER, PARENT_MEMBER), "Stop forwarding a port."
)

# --- address plans and sharing ----------------------------------------------------------------------------

CREATE_SUBNET_POOL = rule("create_subnetpool", ADMIN_OR_MEMBER, "Make a subnet pool.")
attributes("create_subnetpool", ADMIN, ("shared", "is_default"))
GET_SUBNET_POOL = rule("get_subnetpool", any_of(ADMIN_OR_READER, "rule:shared_pool"), "See a subnet pool.")
UPDATE_SUBNET_POOL = rule("update_subnetpool", ADMIN_OR_MEMBER, "Change a subnet pool.")
attributes("update_subnetpool", ADMIN, ("is_default",))
DELETE_SUBNET_POOL = rule("delete_subnetpool", ADMIN_OR_MEMBER, "Delete a subnet pool.")
ADD_PREFIXES = rule("add_prefixes", ADMIN_OR_MEMBER, "Add prefixes to a subnet pool.")
REMOVE_PREFIXES = rule("remove_prefixes", ADMIN_OR_MEMBER, "Remove prefixes from a subnet pool.")
CREATE_SCOPE = rule("create_address_scope", ADMIN_OR_MEMBER, "Make an address scope.")
attributes("create_address_scope", ADMIN, ("shared",))
GET_SCOPE = rule("get_address_scope", any_of(ADMIN_OR_READER, "rule:shared_scope"), "See an address scope.")
UPDATE_SCOPE = rule("update_address_scope", ADMIN_OR_MEMBER, "Change an address scope.")
attributes("update_address_scope", ADMIN, ("shared",))
DELETE_SCOPE = rule("delete_address_scope", ADMIN_OR_MEMBER, "Delete an address scope.")
CREATE_RBAC = rule("create_rbac_policy", ADMIN_OR_MEMBER, "Share something with a project.")
attributes("create_rbac_policy", "rule:restrict_wildcard", ("target_tenant",))
GET_RBAC = rule("get_rbac_policy", ADMIN_OR_READER, "See what is shared.")
UPDATE_RBAC = rule("update_rbac_policy", ADMIN_OR_MEMBER, "Change with whom something is shared.")
attributes("update_rbac_policy", f"({MEMBER} and rule:restrict_wildcard) or {ADMIN}", ("target_tenant",))
DELETE_RBAC = rule("delete_rbac_policy", ADMIN_OR_MEMBER, "Stop sharing something.")

# --- the cloud --------------------------------------------------------------------------------------------

GET_QUOTA = rule("get_quota", ADMIN_OR_READER, "See a project's limits.")
LIST_QUOTAS = rule("get_quotas", ADMIN, "See all limits that were set.")
UPDATE_QUOTA = rule("update_quota", ADMIN, "Set a project's limits.")
DELETE_QUOTA = rule("delete_quota", ADMIN, "Return a project to the default limits.")
GET_AGENT = rule("get_agent", ADMIN, "See agents.")
UPDATE_AGENT = rule("update_agent", ADMIN, "Change an agent.")
DELETE_AGENT = rule("delete_agent", ADMIN, "Forget an agent.")
CREATE_DHCP_NETWORK = rule("create_dhcp-network", ADMIN, "Give a network to a DHCP agent.")
GET_DHCP_NETWORKS = rule("get_dhcp-networks", ADMIN, "See a DHCP agent's networks.")
DELETE_DHCP_NETWORK = rule("delete_dhcp-network", ADMIN, "Take a network from a DHCP agent.")
GET_DHCP_AGENTS = rule("get_dhcp-agents", ADMIN, "See a network's DHCP agents.")
CREATE_L3_ROUTER = rule("create_l3-router", ADMIN, "Give a router to an L3 agent.")
GET_L3_ROUTERS = rule("get_l3-routers", ADMIN, "See an L3 agent's routers.")
DELETE_L3_ROUTER = rule("delete_l3-router", ADMIN, "Take a router from an L3 agent.")
GET_L3_AGENTS = rule("get_l3-agents", ADMIN, "See a router's L3 agents.")
GET_ZONE = rule("get_availability_zone", "rule:regular_user", "See availability zones.")
GET_PROVIDER = rule("get_service_provider", "rule:regular_user", "See service providers.")
GET_AVAILABILITY = rule("get_network_ip_availability", ADMIN, "See how many addresses are taken.")
GET_TOPOLOGY = rule(
    "get_auto_allocated_topology", any_of(ADMIN_OR_READER, SERVICE), "Get a ready-made network."
)
DELETE_TOPOLOGY = rule("delete_auto_allocated_topology", ADMIN_OR_MEMBER, "Delete a ready-made network.")
GET_EXTENSIONS = rule("get_extensions", "rule:regular_user", "See what this API can do.")


TAGGED = (
    "networks", "subnets", "ports", "routers", "floatingips", "security_groups", "subnetpools",
)  # fmt: skip
TAG_WORDS = {
    "get": ADMIN_OR_READER,
    "create": ADMIN_OR_MEMBER,
    "update": ADMIN_OR_MEMBER,
    "delete": ADMIN_OR_MEMBER,
}
for _resource in TAGGED:
    for _word, _default in TAG_WORDS.items():
        rule(f"{_word}_{_resource}_tags", _default, f"{_word.capitalize()} tags of {_resource}.")

# --- nacre's own ------------------------------------------------------------------------------------------

FINDINGS_SEE = rule("nacre_findings:list", ADMIN, "See the drift that sweeps found.")
FINDINGS_HEAL = rule("nacre_findings:heal", ADMIN, "Begin sweeps, and heal what they left.")

RULES = tuple(RULES_BY_NAME.values())


def field_check(match: str) -> Any:
    """Return the decision of a `field:` check, whose text after the colon is `resources:attribute=value`."""
    path, _, value = match.partition("=")
    attribute = path.partition(":")[2]
    if value.startswith("~"):
        pattern = re.compile(value[1:])
        return lambda credentials, target: bool(pattern.match(str(target.get(attribute, ""))))

    def decision(credentials: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
        return str(target.get(attribute)) == value

    return decision


POLICY_KINDS = {"field": field_check}
