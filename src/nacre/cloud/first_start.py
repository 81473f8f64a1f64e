"""What a new cloud is furnished with, so that a newcomer can boot a server at once.

Flavors, a test image, an external and a private network with a router between, a security group
that lets ping and SSH in, and a key pair.  Everything is made through the public APIs and only if
it is not there yet, so that a first start that was interrupted is simply completed by the next.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from nacre.cloud.client import CloudClient
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory, write_private

Progress = Callable[[str], None]

#: name: virtual CPUs, memory in MB, disk in GB
FLAVORS = {
    "m1.nano": (1, 128, 1),
    "m1.tiny": (1, 512, 1),
    "m1.small": (1, 2048, 20),
    "m1.medium": (2, 4096, 40),
    "m1.large": (4, 8192, 80),
    "m1.xlarge": (8, 16384, 160),
}
IMAGE = "tiny"
EXTERNAL, PRIVATE, ROUTER, GROUP, KEY = "public", "private", "router", "ssh", "demo"
PHYSICAL_NETWORK = "public"
POOL = "default"
#: The addresses of networks that are made unasked (`--nic auto`): room for 16,384 of them.
POOL_PREFIX, POOL_SUBNET_BITS = "10.64.0.0/10", 24


def furnish(
    admin: CloudClient,
    demo: CloudClient,
    settings: Settings,
    state: StateDirectory,
    image: Callable[[], Path],
    progress: Progress,
) -> None:
    """Make what is missing; may run again at any time."""
    progress("making the demo project")
    make_demo_user(admin, state.secrets().demo_password)
    progress("making flavors")
    make_flavors(admin)
    progress("making networks")
    external = make_external_network(admin, settings.external_cidr)
    make_subnet_pool(admin)
    make_private_network(demo, settings.private_cidr, external)
    make_security_group(demo)
    make_key_pair(demo, state)
    make_image(admin, image, progress)


def make_demo_user(admin: CloudClient, password: str) -> None:
    """Make the demo project and its user, with the role that members have."""
    project = admin.find("identity", "/projects", "projects", "demo")
    if project is None:
        body = {"name": "demo", "domain_id": "default", "description": "Everybody's playground"}
        project = admin.post("identity", "/projects", {"project": body})["project"]
    user = admin.find("identity", "/users", "users", "demo")
    if user is None:
        body = {"name": "demo", "domain_id": "default", "password": password}
        body["default_project_id"] = project["id"]
        user = admin.post("identity", "/users", {"user": body})["user"]
    role = admin.find("identity", "/roles", "roles", "member")
    admin.put("identity", f"/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", None)


def make_flavors(admin: CloudClient) -> None:
    """Make the flavors."""
    present = {flavor["name"] for flavor in admin.get("compute", "/flavors")["flavors"]}
    for name, (vcpus, memory_mb, disk_gb) in FLAVORS.items():
        if name not in present:
            body = {"name": name, "vcpus": vcpus, "ram": memory_mb, "disk": disk_gb}
            admin.post("compute", "/flavors", {"flavor": body})


def make_external_network(admin: CloudClient, cidr: str) -> str:
    """Make the network of floating IPs; return its id."""
    found = admin.find("network", "/v2.0/networks", "networks", EXTERNAL)
    if found is None:
        body = {
            "name": EXTERNAL,
            "router:external": True,
            "is_default": True,
            "provider:network_type": "flat",
            "provider:physical_network": PHYSICAL_NETWORK,
        }
        found = admin.post("network", "/v2.0/networks", {"network": body})["network"]
    if not found["subnets"]:
        network = ipaddress.ip_network(cidr)
        body = {
            "name": EXTERNAL,
            "network_id": found["id"],
            "ip_version": network.version,
            "cidr": cidr,
            "gateway_ip": str(network[1]),
            "allocation_pools": [{"start": str(network[10]), "end": str(network[-6])}],
            "enable_dhcp": False,
        }
        admin.post("network", "/v2.0/subnets", {"subnet": body})
    return str(found["id"])


def make_subnet_pool(admin: CloudClient) -> None:
    """Make the pool of addresses for networks whose owners do not want to choose any."""
    if not admin.get("network", "/v2.0/subnetpools", is_default=True, ip_version=4)["subnetpools"]:
        body = {
            "name": POOL,
            "prefixes": [POOL_PREFIX],
            "default_prefixlen": POOL_SUBNET_BITS,
            "shared": True,
            "is_default": True,
        }
        admin.post("network", "/v2.0/subnetpools", {"subnetpool": body})


def make_private_network(demo: CloudClient, cidr: str, external_id: str) -> None:
    """Make the demo project's network and its router to the outside."""
    network = demo.find("network", "/v2.0/networks", "networks", PRIVATE)
    if network is None:
        network = demo.post("network", "/v2.0/networks", {"network": {"name": PRIVATE}})["network"]
    subnet = demo.find("network", "/v2.0/subnets", "subnets", PRIVATE)
    if subnet is None:
        body = {"name": PRIVATE, "network_id": network["id"], "ip_version": 4, "cidr": cidr}
        subnet = demo.post("network", "/v2.0/subnets", {"subnet": body})["subnet"]
    router = demo.find("network", "/v2.0/routers", "routers", ROUTER)
    if router is None:
        body = {"name": ROUTER, "external_gateway_info": {"network_id": external_id}}
        router = demo.post("network", "/v2.0/routers", {"router": body})["router"]
    legs = demo.get("network", "/v2.0/ports", device_id=router["id"], network_id=network["id"])["ports"]
    if not legs:
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        demo.put("network", path, {"subnet_id": subnet["id"]})


def make_security_group(demo: CloudClient) -> None:
    """Make a group that lets ping and SSH in."""
    group = demo.find("network", "/v2.0/security-groups", "security_groups", GROUP)
    if group is None:
        body = {"name": GROUP, "description": "ping and SSH from everywhere"}
        group = demo.post("network", "/v2.0/security-groups", {"security_group": body})["security_group"]
    present = {rule["protocol"] for rule in group["security_group_rules"]}
    for protocol, port in (("icmp", None), ("tcp", 22)):
        if protocol not in present:
            rule: dict[str, Any] = {
                "security_group_id": group["id"],
                "direction": "ingress",
                "ethertype": "IPv4",
                "protocol": protocol,
                "port_range_min": port,
                "port_range_max": port,
            }
            demo.post("network", "/v2.0/security-group-rules", {"security_group_rule": rule})


def make_key_pair(demo: CloudClient, state: StateDirectory) -> None:
    """Make the demo user's key pair; the private half stays in the state directory."""
    private, public = state.keys / "demo.pem", state.keys / "demo.pub"
    if not public.exists():
        key = ed25519.Ed25519PrivateKey.generate()
        write_private(
            private,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ),
        )
        write_private(
            public,
            key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        )
    pairs = demo.get("compute", "/os-keypairs")["keypairs"]
    if all(pair["keypair"]["name"] != KEY for pair in pairs):
        body = {"name": KEY, "public_key": public.read_text()}
        demo.post("compute", "/os-keypairs", {"keypair": body})


def make_image(admin: CloudClient, image: Callable[[], Path], progress: Progress) -> None:
    """Upload the test image; `image` builds it if it must."""
    found = [i for i in admin.get("image", "/v2/images", name=IMAGE)["images"] if i["name"] == IMAGE]
    for unfinished in (one for one in found if one["status"] != "active"):
        admin.delete("image", f"/v2/images/{unfinished['id']}")
    if any(one["status"] == "active" for one in found):
        return
    file = image()
    progress("uploading the test image")
    body = {
        "name": IMAGE,
        "disk_format": "qcow2" if file.suffix == ".qcow2" else "raw",
        "container_format": "bare",
        "visibility": "public",
        "min_ram": 96,
        "os_distro": "tiny",
        "hw_rng_model": "virtio",
    }
    made = admin.post("image", "/v2/images", body)
    admin.upload("image", f"/v2/images/{made['id']}/file", file)
