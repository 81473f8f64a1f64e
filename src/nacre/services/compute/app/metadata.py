"""What a guest may read about itself: the tree that a config drive holds and the metadata service serves.

The formats are OpenStack's (meta_data.json, network_data.json, vendor_data.json) and EC2's, as cloud-init
reads them.  Both ways of reading use the functions here, so a guest sees the same thing whichever it
asks.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.db import labels, nics, servers
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import Address, SubnetCopy

VERSIONS = (
    "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22",
    "2018-08-27", "2020-10-14", "latest",
)  # fmt: skip
EC2_VERSIONS = ("2009-04-04", "latest")
SEED_BYTES = 512


class Guest(msgspec.Struct, frozen=True):
    """A server as its own guest may see it."""

    server: Server
    nics: list[Nic]
    metadata: dict[str, str]
    domain: str

    @property
    def hostname(self) -> str:
        """The guest's full name."""
        name = self.server.hostname
        return name if "." in name or not self.domain else f"{name}.{self.domain}"


def guest(ctx: Context, server_id: str) -> Guest:
    """Read what a guest may see of itself; raises ServerNotFound."""

    def read(tx: Transaction) -> Guest:
        return Guest(
            server=servers.get(tx, server_id),
            nics=nics.of_server(tx, server_id),
            metadata=labels.metadata(tx, server_id),
            domain=ctx.config.dhcp_domain,
        )

    return ctx.db.read(read)


# --- OpenStack's format -----------------------------------------------------------------------------


def meta_data(guest: Guest, *, with_password: bool = False) -> dict[str, Any]:
    """Return meta_data.json; the administrator's password only where nobody else can read it."""
    server = guest.server
    data: dict[str, Any] = {
        "uuid": server.id,
        "name": server.name,
        "hostname": guest.hostname,
        "launch_index": server.launch_index,
        "availability_zone": server.zone or "",
        "project_id": server.project_id,
        "meta": guest.metadata,
        "devices": [
            {"type": "nic", "bus": "none", "address": "none", "mac": nic.mac_address, "tags": [nic.tag]}
            for nic in guest.nics
            if nic.tag
        ],
        "dedicated_cpus": [],
        "random_seed": base64.b64encode(os.urandom(SEED_BYTES)).decode(),
    }
    if server.public_key:
        data["public_keys"] = {server.key_name: server.public_key}
        data["keys"] = [{"name": server.key_name, "type": server.key_type, "data": server.public_key}]
    if server.injected_files:
        data["files"] = [
            {"path": path, "content_path": f"/content/{place:04d}"}
            for place, path in enumerate(server.injected_files)
        ]
    if with_password and server.admin_password:
        data["admin_pass"] = server.admin_password
    return data


def user_data(guest: Guest) -> bytes | None:
    """Return what the user gave the guest to run or read, decoded."""
    return base64.b64decode(guest.server.user_data) if guest.server.user_data else None


def contents(guest: Guest) -> dict[str, bytes]:
    """Return the injected files under the names that meta_data.json calls them by."""
    files = guest.server.injected_files or {}
    return {f"{place:04d}": base64.b64decode(text) for place, text in enumerate(files.values())}


def network_data(guest: Guest) -> dict[str, Any]:
    """Return network_data.json: cards, addresses, and name servers."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, str]] = []
    for nic in guest.nics:
        link = nic.tap_device or f"tap{nic.port_id[:11]}"
        links.append(
            {
                "id": link,
                "vif_id": nic.port_id,
                "type": "tap",
                "mtu": nic.mtu,
                "ethernet_mac_address": nic.mac_address,
            }
        )
        subnets = {subnet.id: subnet for subnet in nic.subnets}
        for address in nic.addresses:
            subnet = subnets.get(address.subnet_id or "")
            if subnet is None:
                continue
            networks.append(_network(f"network{len(networks)}", link, nic, address, subnet))
            services += [{"type": "dns", "address": server} for server in subnet.dns]
    unique = list({service["address"]: service for service in services}.values())
    return {"links": links, "networks": networks, "services": unique}


def _network(id: str, link: str, nic: Nic, address: Address, subnet: SubnetCopy) -> dict[str, Any]:
    family = f"ipv{address.version}"
    shown: dict[str, Any] = {"id": id, "link": link, "network_id": nic.network_id}
    if subnet.version == 4 and subnet.dhcp:
        return {**shown, "type": "ipv4_dhcp"}
    if subnet.ipv6_address_mode == "slaac":
        return {**shown, "type": "ipv6_slaac"}
    if subnet.ipv6_address_mode is not None:
        return {**shown, "type": f"ipv6_{subnet.ipv6_address_mode}"}
    net = ipaddress.ip_network(subnet.cidr)
    routes = [_route(destination, gateway) for destination, gateway in subnet.routes]
    if subnet.gateway:
        routes.insert(0, _route("0.0.0.0/0" if net.version == 4 else "::/0", subnet.gateway))
    return {
        **shown,
        "type": family,
        "ip_address": address.address,
        "netmask": str(net.netmask),
        "routes": routes,
        "services": [{"type": "dns", "address": server} for server in subnet.dns],
    }


def _route(destination: str, gateway: str) -> dict[str, str]:
    net = ipaddress.ip_network(destination, strict=False)
    return {"network": str(net.network_address), "netmask": str(net.netmask), "gateway": gateway}


# --- EC2's format -----------------------------------------------------------------------------------


def ec2(guest: Guest) -> dict[str, Any]:
    """Return EC2's meta-data as a tree: lists are directories, everything else a leaf."""
    server = guest.server
    fixed = [address.address for nic in guest.nics for address in nic.addresses if address.version == 4]
    floating = [
        each
        for nic in guest.nics
        for address in nic.addresses
        for each in address.floating
        if address.version == 4
    ]
    tree: dict[str, Any] = {
        "ami-id": _ec2_id("ami", server.image_id),
        "ami-launch-index": str(server.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": "vda", "root": server.root_device or "/dev/vda"},
        "hostname": guest.hostname,
        "instance-action": "none",
        "instance-id": _ec2_id("i", server.id),
        "instance-type": server.flavor.name,
        "local-hostname": guest.hostname,
        "local-ipv4": fixed[0] if fixed else "",
        "placement": {"availability-zone": server.zone or ""},
        "public-hostname": guest.hostname,
        "public-ipv4": floating[0] if floating else "",
        "reservation-id": server.reservation_id,
        "security-groups": "\n".join(sorted({group for nic in guest.nics for group in nic.security_groups})),
    }
    if server.public_key:
        tree["public-keys"] = {"0": {"_name": f"0={server.key_name}", "openssh-key": server.public_key}}
    return tree


def _ec2_id(kind: str, id: str | None) -> str:
    return f"{kind}-{id.replace('-', '')[:8]}" if id else ""


# --- the config drive -------------------------------------------------------------------------------


def config_drive(guest: Guest) -> dict[str, bytes]:
    """Return what a config drive holds: path → content."""
    meta = msgspec.json.encode(meta_data(guest, with_password=True))
    given = user_data(guest)
    files = {
        "openstack/latest/meta_data.json": meta,
        "openstack/latest/network_data.json": msgspec.json.encode(network_data(guest)),
        "openstack/latest/vendor_data.json": b"{}",
        "openstack/latest/vendor_data2.json": b"{}",
        "ec2/latest/meta-data.json": msgspec.json.encode(ec2(guest)),
    }
    if given is not None:
        files["openstack/latest/user_data"] = files["ec2/latest/user-data"] = given
    for name, content in contents(guest).items():
        files[f"openstack/content/{name}"] = content
    return files
