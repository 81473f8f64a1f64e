"""What must be true of a cloud at rest, whatever it has been through: nothing is lost, nothing is left over.

`take` asks every service, reads the jobs in their databases and looks at what the hosts keep; `problems` says
in words where two of them disagree.  It knows nothing of how the cloud came there, so that any test may use it
once the cloud has come to rest (no `active_jobs`).  For a simulated cloud, whose hosts keep their machines in files.
"""

import contextlib
import functools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nacre.cloud.client import CloudClient
from nacre.kernel.db import Database, Page
from nacre.kernel.tasks import Job, jobs

PAGE = 1000
SERVER_VERSION = "2.90"
COMPUTE = "compute:"
#: A server's status, and the states in which its host may have it; None: the host has nothing of it.
ON_HOST = {
    "ACTIVE": {"running"},
    "SHUTOFF": {"shutdown", "crashed"},
    "PAUSED": {"paused"},
    "SUSPENDED": {"suspended"},
    "RESCUE": {"running"},
    "VERIFY_RESIZE": {"running", "shutdown"},
    "ERROR": {None, "running", "shutdown", "paused", "suspended", "crashed"},
}
ROUTER_PORTS = {"network:router_gateway", "network:router_interface"}
IMAGE_AT_REST = {"queued", "uploading", "active", "deactivated"}


@dataclass(frozen=True)
class Census:
    """A cloud at one moment.  Everything is as the APIs show it, by id."""

    servers: dict[str, dict]
    ports: dict[str, dict]
    floating_ips: dict[str, dict]
    routers: dict[str, dict]
    images: dict[str, dict]
    providers: dict[str, str]
    "Name → id."
    allocations: dict[str, dict[str, dict[str, int]]]
    "Consumer → provider's id → resource → amount."
    quotas: dict[str, dict[str, int]]
    "Project → what its quotas count as used."
    jobs: list[tuple[str, Job]]
    "Those that are active, with their service's name; reconcilers are not among them."
    machines: dict[str, dict[str, dict]]
    "Host → server → what the simulated driver keeps."
    records: dict[str, dict[str, dict]]
    "Host → server → what the host's agent keeps."
    migrations: list[dict]
    "Those that are not over: finished and not confirmed, done and not cleaned up."
    files: set[str]
    "Everything else below the hosts' directories that is about single servers, and all data of images."

    def names(self) -> Counter:
        """What there is, to be compared with another time: kinds with their numbers."""
        return Counter(
            servers=len(self.servers), ports=len(self.ports), floating_ips=len(self.floating_ips),
            routers=len(self.routers), images=len(self.images), allocations=len(self.allocations),
            files=len(self.files), machines=sum(map(len, self.machines.values())),
            records=sum(map(len, self.records.values())),
        )  # fmt: skip


# --- looking ----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=16)
def _database(path: Path) -> Database:
    return Database(f"sqlite:///{path}")


def active_jobs(state: Path) -> list[tuple[str, Job]]:
    """Return what is being worked on or waits, with the service's name."""
    paths = sorted((state / "db").glob("*.sqlite"))
    return jobs_in({path.stem: _database(path) for path in paths})


def jobs_in(databases: Mapping[str, Database]) -> list[tuple[str, Job]]:
    """Return the same of a cloud whose services have these databases."""
    found = []
    for service, database in databases.items():
        if database.read(jobs.are_kept):
            active = database.read(jobs.page, Page(limit=PAGE), {"active": True})
            found += [(service, job) for job in active if not (job.resource or "").startswith("reconciler/")]
    return found


def take(admin: CloudClient, state: Path) -> Census:
    """Look at everything of a cloud with one state directory.  `admin` must be an administrator."""
    hosts = {path.name: path for path in sorted((state / "hosts").iterdir())}
    return look(admin, active_jobs(state), hosts, state / "images")


def look(
    admin: CloudClient, active: list[tuple[str, Job]], hosts: Mapping[str, Path], images_kept_in: Path
) -> Census:
    """Look at everything; `hosts` are the directories in which the hosts keep what they have."""
    servers = _all(admin, "compute", "/servers/detail", "servers", version=SERVER_VERSION, all_tenants=1)
    ports = _all(admin, "network", "/v2.0/ports", "ports")
    floating_ips = _all(admin, "network", "/v2.0/floatingips", "floatingips")
    routers = _all(admin, "network", "/v2.0/routers", "routers")
    images = {image["id"]: image for image in admin.get("image", "/v2/images", limit=PAGE)["images"]}
    providers, allocations = {}, defaultdict(dict)
    for provider in admin.get("placement", "/resource_providers")["resource_providers"]:
        providers[provider["name"]] = provider["uuid"]
        held = admin.get("placement", f"/resource_providers/{provider['uuid']}/allocations")["allocations"]
        for consumer, each in held.items():
            allocations[consumer][provider["uuid"]] = each["resources"]
    projects = {project["id"] for project in admin.get("identity", "/projects")["projects"]}
    machines, records, files = _of_hosts(hosts)
    files |= {
        f"images/{path.relative_to(images_kept_in)}" for path in images_kept_in.rglob("*") if path.is_file()
    }
    return Census(
        servers, ports, floating_ips, routers, images, providers, dict(allocations),
        {project: _used(admin, project) for project in projects},
        active, machines, records, _migrations(admin), files,
    )  # fmt: skip


def _migrations(admin):
    """Return those for whose sake something is kept and held on the host that a server left."""
    found = []
    for status in ("finished", "done"):
        query = {"version": "2.59", "limit": PAGE, "status": status}
        found += admin.get("compute", "/os-migrations", **query)["migrations"]
    return [each for each in found if each["source_compute"] != each["dest_compute"]]


def _all(admin, service, path, key, *, version=None, **query):
    found, marker = {}, {}
    while True:
        body = admin.get(service, path, version=version, limit=PAGE, **query, **marker)
        found |= {row["id"]: row for row in body[key]}
        if len(body[key]) < PAGE:
            return found
        marker = {"marker": body[key][-1]["id"]}


def _used(admin, project):
    compute = admin.get("compute", f"/os-quota-sets/{project}/detail")["quota_set"]
    network = admin.get("network", f"/v2.0/quotas/{project}/details.json")["quota"]
    used = {name: compute[name]["in_use"] for name in ("instances", "cores", "ram")}
    return used | {name: network[name]["used"] for name in ("port", "floatingip")}


def _of_hosts(hosts):
    machines, records, files = {}, {}, set()
    for name, host in hosts.items():
        compute = host / "compute"
        machines[name] = _read(compute / "machines")
        records[name] = _read(compute / "records")
        files |= {
            f"{name}/{path.relative_to(host)}"
            for kept in ("machines", "records", "snapshots", "consoles")
            for path in (compute / kept).rglob("*")
            if path.suffix != ".json"
        }
    return machines, records, files


def _read(directory):
    found = {}
    for path in directory.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # it was just removed
            found[path.stem] = json.loads(path.read_bytes())
    return found


# --- judging ----------------------------------------------------------------------------------------


def problems(census: Census) -> list[str]:
    """Say where two parts of a cloud at rest disagree; an empty list is a cloud in order."""
    return [
        *_of_jobs(census),
        *(words for server in census.servers.values() for words in _of_server(census, server)),
        *_of_ports(census),
        *_of_fixed_ips(census),
        *_of_routers(census),
        *_of_floating_ips(census),
        *_of_leftovers(census),
        *_of_quotas(census),
        *_of_images(census),
    ]


def _of_jobs(census):
    for service, job in census.jobs:
        yield f"job {job.id} of {service} ({job.kind} of {job.resource}) is {job.state}: {job.waits_for or job.error}"


def _of_server(census, server):
    name, status, host = f"server {server['name']!r}", server["status"], server["OS-EXT-SRV-ATTR:host"]
    if server["OS-EXT-STS:task_state"] is not None:
        yield f"{name} ({status}) is said to be {server['OS-EXT-STS:task_state']}, and nobody works on it"
    if status not in ON_HOST:
        yield f"{name} rests as {status}"
        return
    if status == "ERROR" and not server.get("fault", {}).get("message"):
        yield f"{name} is in ERROR and does not say why"
    places = [each for each, machines in census.machines.items() if server["id"] in machines]
    left = {each["source_compute"] for each in census.migrations if each["instance_uuid"] == server["id"]}
    if places and [each for each in places if each not in left] != [host]:
        yield f"{name} is of host {host} and is found on {places}"
    machine = census.machines.get(host, {}).get(server["id"])
    if (machine and machine["state"]) not in ON_HOST[status]:
        yield f"{name} is {status}, and its host has it {machine['state'] if machine else 'not at all'}"
    record = census.records.get(host, {}).get(server["id"])
    if machine and record is None:
        yield f"{name} is on host {host}, whose agent does not know it"
    if record and record["pending"]:
        yield f"host {host} has not finished {[each['verb'] for each in record['pending']]} of {name}"
    ports = {each["id"]: each for each in census.ports.values() if each["device_id"] == server["id"]}
    if machine and status != "ERROR" and set(machine["nics"]) != ports.keys():
        yield f"{name} has ports {sorted(ports)}, and its host plugged in {sorted(machine['nics'])}"
    if machine and status != "ERROR" and machine["vcpus"] != server["flavor"]["vcpus"]:
        yield f"{name} has {server['flavor']['vcpus']} CPUs on paper and {machine['vcpus']} on its host"
    yield from _of_addresses(census, name, server, ports)
    yield from _of_allocation(census, name, server)


def _of_addresses(census, name, server, ports):
    shown = {
        (each["OS-EXT-IPS-MAC:mac_addr"], each["addr"])
        for net in server["addresses"].values()
        for each in net
    }
    there = {(port["mac_address"], ip["ip_address"]) for port in ports.values() for ip in port["fixed_ips"]}
    for each in census.floating_ips.values():
        if each["port_id"] in ports:
            there.add((ports[each["port_id"]]["mac_address"], each["floating_ip_address"]))
    if shown != there:
        yield f"{name} shows the addresses {sorted(shown)}; its ports have {sorted(there)}"


def _of_allocation(census, name, server):
    held = census.allocations.get(server["id"], {})
    host, flavor = server["OS-EXT-SRV-ATTR:host"], server["flavor"]
    if host is None:
        if held:
            yield f"{name} has no host and holds {held}"
        return
    wanted = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": flavor["disk"]}
    (provider,) = [uuid for each, uuid in census.providers.items() if each == host]
    if held.keys() != {provider}:
        yield f"{name} is on {host} and holds {held}"
    elif server["status"] == "VERIFY_RESIZE":
        short = {each for each, amount in wanted.items() if held[provider].get(each, 0) < amount}
        if short:
            yield f"{name} holds {held[provider]}, less than its new size {wanted}"
    elif held[provider] != wanted:
        yield f"{name} holds {held[provider]} for a flavor of {wanted}"


def _of_ports(census):
    for port in census.ports.values():
        name = f"port {port['name'] or port['id']}"
        if port["device_owner"].startswith(COMPUTE):
            server = census.servers.get(port["device_id"])
            if server is None:
                yield f"{name} belongs to server {port['device_id']}, which does not exist"
            elif port["binding:host_id"] != (server["OS-EXT-SRV-ATTR:host"] or ""):
                yield f"{name} is bound to {port['binding:host_id']!r}, unlike its server {server['name']!r}"
        elif not port["device_owner"]:
            if port["device_id"]:
                yield f"{name} has no owner and the device {port['device_id']}"
            if port["binding:host_id"]:
                yield f"{name} belongs to nobody and is bound to {port['binding:host_id']}"


def _of_fixed_ips(census):
    given = Counter(
        (ip["subnet_id"], ip["ip_address"]) for port in census.ports.values() for ip in port["fixed_ips"]
    )
    for (subnet, address), count in given.items():
        if count > 1:
            yield f"{count} ports have the address {address} of subnet {subnet}"


def _of_routers(census):
    for port in census.ports.values():
        if port["device_owner"] in ROUTER_PORTS and port["device_id"] not in census.routers:
            yield f"port {port['id']} belongs to router {port['device_id']}, which does not exist"
    gateways = Counter(
        port["device_id"]
        for port in census.ports.values()
        if port["device_owner"] == "network:router_gateway"
    )
    for router in census.routers.values():
        wanted = 1 if router["external_gateway_info"] else 0
        if gateways[router["id"]] != wanted:
            yield f"router {router['name']!r} has {gateways[router['id']]} gateways instead of {wanted}"


def _of_floating_ips(census):
    for each in census.floating_ips.values():
        name, port = f"floating IP {each['floating_ip_address']}", census.ports.get(each["port_id"])
        if each["port_id"] is None:
            if each["router_id"] or each["fixed_ip_address"]:
                yield f"{name} leads nowhere, and by router {each['router_id']}"
        elif port is None:
            yield f"{name} leads to port {each['port_id']}, which does not exist"
        elif each["fixed_ip_address"] not in {ip["ip_address"] for ip in port["fixed_ips"]}:
            yield f"{name} leads to {each['fixed_ip_address']}, which port {port['id']} does not have"
        elif each["router_id"] not in census.routers:
            yield f"{name} leads through router {each['router_id']}, which does not exist"


def _of_leftovers(census):
    by_uuid = {each["uuid"]: each for each in census.migrations}
    for uuid, migration in by_uuid.items():
        source = census.providers[migration["source_compute"]]
        if census.allocations.get(uuid, {}).keys() != {source}:
            yield f"migration {uuid} from {migration['source_compute']} holds {census.allocations.get(uuid)}"
    for consumer in census.allocations.keys() - census.servers.keys() - by_uuid.keys():
        yield f"{consumer} does not exist and holds {census.allocations[consumer]}"
    for what, places in (("machine", census.machines), ("record", census.records)):
        for host, found in places.items():
            for server_id in found.keys() - census.servers.keys():
                yield f"host {host} has a {what} of {server_id}, which does not exist"
    for file in census.files:
        if not file.startswith("images/") and not any(server_id in file for server_id in census.servers):
            yield f"{file} was left behind"


def _of_quotas(census):
    for project, used in census.quotas.items():
        servers = [each for each in census.servers.values() if each["tenant_id"] == project]
        ports = [each for each in census.ports.values() if each["project_id"] == project]
        floating = [each for each in census.floating_ips.values() if each["project_id"] == project]
        there = {"instances": len(servers), "port": len(ports), "floatingip": len(floating)}
        if not any(each["status"] == "VERIFY_RESIZE" for each in servers):  # counted with the larger size
            there["cores"] = sum(each["flavor"]["vcpus"] for each in servers)
            there["ram"] = sum(each["flavor"]["ram"] for each in servers)
        wrong = {each: (used[each], count) for each, count in there.items() if used[each] != count}
        if wrong:
            yield f"the quotas of project {project} count (used, there): {wrong}"


def _of_images(census):
    for image in census.images.values():
        if image["status"] not in IMAGE_AT_REST:
            yield f"image {image['name']!r} rests as {image['status']}"
    active = {image["id"] for image in census.images.values() if image["status"] in ("active", "deactivated")}
    data = Counter(Path(file).name.partition(".")[0] for file in census.files if file.startswith("images/"))
    for image_id in active:
        if data[image_id] != 1:
            yield f"image {image_id} is active and has {data[image_id]} files"
    for image_id in data.keys() - active:
        yield f"{data[image_id]} files are left of image {image_id}"
