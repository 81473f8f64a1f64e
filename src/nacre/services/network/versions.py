"""What the API can do beyond the first v2.0: its extensions.

Networking has no microversions.  Clients look for an extension's alias and use what it stands for; so an entry
here is a promise, and is added together with what it promises.
"""

import msgspec

SINCE = "2026-01-01T00:00:00-00:00"


class Extension(msgspec.Struct, frozen=True):
    """One promise, by the alias that clients know."""

    alias: str
    name: str
    description: str
    updated: str = SINCE


def _table(rows: dict[str, tuple[str, str]]) -> tuple[Extension, ...]:
    return tuple(Extension(alias, name, text) for alias, (name, text) in sorted(rows.items()))


EXTENSIONS = _table(
    {
        "address-group": ("Address groups", "Named lists of ranges that security group rules refer to."),
        "address-scope": ("Address scopes", "Subnet pools whose ranges never overlap."),
        "agent": ("Agents", "Hosts' network agents, and whether they live."),
        "allowed-address-pairs": ("Allowed address pairs", "Further addresses that a port may use."),
        "auto-allocated-topology": ("Ready-made networks", "A network, subnet and router for who has none."),
        "availability_zone": ("Availability zones", "Zones in which agents run."),
        "binding": ("Port binding", "Which host carries a port, and how it is plugged there."),
        "binding-extended": ("Further hosts of ports", "A port may be ready on a host before it goes there."),
        "default-subnetpools": ("Default subnet pools", "A subnet takes its range from the default pool."),
        "dhcp_agent_scheduler": ("DHCP placement", "Which agents run DHCP for which networks."),
        "dns-integration": ("Names of ports", "A port's name is told to its guest and to its neighbours."),
        "empty-string-filtering": ("Filters by nothing", "An empty filter value finds empty attributes."),
        "ext-gw-mode": ("Gateway modes", "Whether a router translates addresses on its way out."),
        "external-net": ("External networks", "Networks that lead out of the cloud."),
        "extra_dhcp_opt": ("Extra DHCP options", "What a port's guest is told besides its address."),
        "extraroute": ("Extra routes", "Routes of a router beyond those of its legs."),
        "extraroute-atomic": ("Single extra routes", "Add and remove single routes of a router."),
        "filter-validation": ("Checked filters", "A filter by an unknown attribute is refused."),
        "fip-port-details": ("Ports of floating IPs", "A floating IP shows the port that it leads to."),
        "floating-ip-port-forwarding": ("Forwarded ports", "Single ports of floating IPs lead to servers."),
        "floating-ip-port-forwarding-description": ("Notes on forwarded ports", "They can be described."),
        "ip-substring-filtering": ("Parts of addresses", "Find ports by a part of their address."),
        "l3_agent_scheduler": ("Router placement", "Which agents run which routers."),
        "net-mtu": ("MTU", "The largest packet of a network."),
        "net-mtu-writable": ("MTU of choice", "A network's MTU can be chosen and changed."),
        "network-ip-availability": ("Free addresses", "How many addresses of a network are taken."),
        "network_availability_zone": ("Zones of networks", "In which zones a network is served."),
        "pagination": ("Pages", "Lists come in pages, with links."),
        "port-mac-address-regenerate": ("New MAC addresses", "A port's MAC address can be made anew."),
        "port-security": ("Port security", "Whether a port may send as itself only."),
        "project-id": ("project_id", "Projects are named project_id as well as tenant_id."),
        "provider": ("Provider networks", "Of what a network is made: kind, wire and segment."),
        "quota-check-limit": ("Checked quotas", "A limit below what is used can be refused."),
        "quota_details": ("Quota details", "How much of each limit is used."),
        "quotas": ("Quotas", "How much a project may have."),
        "rbac-address-group": ("Shared address groups", "Share address groups with projects."),
        "rbac-address-scope": ("Shared address scopes", "Share address scopes with projects."),
        "rbac-policies": ("Sharing", "Share networks with single projects or with all."),
        "rbac-security-groups": ("Shared security groups", "Share security groups with projects."),
        "rbac-subnetpool": ("Shared subnet pools", "Share subnet pools with projects."),
        "revision-if-match": ("Conditional changes", "Change a thing only if it is as it was seen."),
        "router": ("Routers", "Routers between networks, and floating IPs."),
        "router_availability_zone": ("Zones of routers", "In which zones a router runs."),
        "security-group": ("Security groups", "What may pass to and from ports."),
        "security-groups-normalized-cidr": ("Normal ranges", "Rules show ranges without host bits."),
        "security-groups-remote-address-group": ("Rules by address groups", "Rules name address groups."),
        "security-groups-rules-belongs-to-default-sg": ("Default rules", "Which rules are default groups'."),
        "security-groups-shared-filtering": ("Find shared groups", "Find security groups by sharing."),
        "service-type": ("Service providers", "Who provides further services; nobody does yet."),
        "sorting": ("Sorting", "Lists can be sorted by most attributes."),
        "standard-attr-description": ("Descriptions", "Everything has a description."),
        "standard-attr-revisions": ("Revisions", "Everything counts its changes."),
        "standard-attr-tag": ("Tags", "Everything can be tagged."),
        "standard-attr-timestamp": ("Times", "When everything was made and last changed."),
        "stateful-security-group": ("Stateless groups", "Security groups that track no connections."),
        "subnet-external-network": ("Outside subnets", "Subnets of external networks can be seen."),
        "subnet-service-types": ("Subnets for services", "Subnets whose addresses are for some ports."),
        "subnet_allocation": ("Subnet pools", "Subnets take their ranges from pools."),
        "tag": ("Tags of networks", "Networks can be tagged; what came first of standard-attr-tag."),
        "tag-creation": ("Tags from the start", "Things can be tagged when they are made."),
        "tag-ext": ("Tags of more", "Subnets, ports, routers and subnet pools can be tagged."),
    }
)
