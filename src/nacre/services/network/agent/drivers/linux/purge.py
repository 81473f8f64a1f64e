"""Remove all traces of one data plane from the machine, found by its names alone."""

import shutil

from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.drivers.linux.dnsmasq import end_processes
from nacre.services.network.agent.drivers.linux.links import Link, open_links
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

DIRECTORIES = ("dhcp", "routers")
ALIASES = ("network ", "port ", "dhcp ", "router ", "machine ")
PREFIXES = ("br-", "vx-", "vl-")
DOOMED = 0x6E61
"""The group into which links are put to be deleted at one stroke: the kernel pauses after each deletion."""


def purge(settings: LinuxSettings) -> None:
    """Remove processes, then interfaces, then namespaces, then files."""
    owned = [name for name, _, _ in names.owned_namespaces(settings.namespace, namespaces.present())]
    for directory in DIRECTORIES:
        end_processes(f"{settings.state_dir / directory}/")
    if namespaces.exists(settings.namespace):
        with open_links(settings.namespace) as links:
            doomed = [link for link in links.all().values() if _is_ours(link)]
            for link in doomed:
                links.change(link, group=DOOMED)
        if doomed:
            namespaces.command(["ip", "link", "delete", "group", str(DOOMED)], inside=settings.namespace)
    for name in (*owned, names.probe_namespace(settings.namespace), settings.namespace):
        namespaces.remove(name)
    for directory in DIRECTORIES:
        shutil.rmtree(settings.state_dir / directory, ignore_errors=True)


def _is_ours(link: Link) -> bool:
    """Tell whether a link was made by us; a wire that the operator lent us was not."""
    return link.alias.startswith(ALIASES) or link.name.startswith(PREFIXES)
