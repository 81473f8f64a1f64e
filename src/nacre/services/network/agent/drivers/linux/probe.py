"""What this machine's kernel and packages can do, found by trying it in a namespace that is thrown away."""

import shutil
from collections.abc import Callable
from pathlib import Path

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import names, namespaces, nft
from nacre.services.network.agent.drivers.linux.links import Links, open_links

BRIDGE_CONNTRACK = """
add table bridge probe
add chain bridge probe forward { type filter hook forward priority 0; }
add rule bridge probe forward ct state established accept
"""
NAT = """
add table ip probe
add chain ip probe postrouting { type nat hook postrouting priority srcnat; }
add rule ip probe postrouting masquerade
"""
INET_CONNTRACK = """
add table inet probe
add chain inet probe forward { type filter hook forward priority 0; }
add rule inet probe forward ct state established accept
"""
PROGRAMS = {
    "dnsmasq": "no DHCP, DNS and router advertisements for guests",
    "conntrack": "connections under way outlive the security group rule that allowed them",
}


class Probe:
    """The outcome: words for what works, and what is missing."""

    def __init__(self, namespace: str) -> None:
        self.words: list[str] = ["flat", "local"]
        self.missing: list[rpc.MissingFacility] = []
        self.bridge_conntrack = False
        probe = names.probe_namespace(namespace)
        namespaces.ensure(probe)
        try:
            with open_links(probe) as links:
                self._try_links(links)
            self._try_nft(probe)
        finally:
            namespaces.remove(probe)
        for program, consequence in PROGRAMS.items():
            if shutil.which(program) is None:
                self._miss(program, consequence)
        if shutil.which("dnsmasq"):
            self.words.append("dhcp")
        self.words.append("metadata")

    def _try_links(self, links: Links) -> None:
        links.add("parent", "bridge")
        parent = links.get("parent")
        attempts: dict[str, tuple[Callable[[], object], str]] = {
            "vxlan": (
                lambda: links.add("vx", "vxlan", vxlan_id=1, vxlan_port=4789),
                "no networks across hosts",
            ),
            "vlan": (
                lambda: links.add("vl", "vlan", link=parent.index, vlan_id=2),
                "no VLAN networks (kernel module 8021q)",
            ),
            "tun": (lambda: links.add("tap", "tuntap", mode="tap"), "no interfaces for guests"),
        }
        for word, (attempt, consequence) in attempts.items():
            try:
                with _kernel_errors():
                    attempt()
            except DriverError:
                self._miss("8021q" if word == "vlan" else word, consequence)
            else:
                self.words.append(word)

    def _try_nft(self, probe: str) -> None:
        if nft.accepts(probe, NAT):
            self.words += ["routers", "floating-ips"]
        else:
            self._miss("nft_nat", "no address translation, so no floating IPs and no way out")
        self.bridge_conntrack = nft.accepts(probe, BRIDGE_CONNTRACK)
        lent = Path("/proc/sys/net/bridge").is_dir() and nft.accepts(probe, INET_CONNTRACK)
        if self.bridge_conntrack or lent:
            self.words.append("security-groups")
        else:
            self._miss("nf_conntrack_bridge", "no stateful security groups")
        if not self.bridge_conntrack and lent:
            self._miss(
                "nf_conntrack_bridge", "nothing is lost: br_netfilter stands in, at some cost in speed"
            )

    def _miss(self, name: str, consequence: str) -> None:
        self.missing.append(rpc.MissingFacility(name=name, consequence=consequence))


class _kernel_errors:
    """Turn the kernel's refusal into a DriverError, here where it is an answer and no failure."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from pyroute2.netlink.exceptions import NetlinkError

        if isinstance(error, NetlinkError | OSError):
            raise DriverError(str(error)) from error
