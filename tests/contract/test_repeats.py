"""Every route that makes something makes it once for one Idempotency-Key, whatever happened to the answer.

The routes come from the manifests: a new one fails here until it has an example below, and until it is
known how its answer is told again when it was lost (by a GET, by the route's own `tell_again`, because
there is nothing to tell; or not at all, which must be allowed by name).
"""

import base64
import itertools
import re

import pytest
from sqlalchemy import func, select

from nacre.kernel.db.kernel_tables import answers
from nacre.kernel.http.repeats import column_made
from nacre.kernel.http.routing import PUBLIC
from nacre.services import manifests
from nacre.services.network import rpc
from nacre.services.network.app import reports

numbers = itertools.count(1)


def name():
    return f"thing-{next(numbers)}"


class World:
    """What must be there before the things of the examples can be made; made by whoever asks first."""

    def __init__(self, admin):
        self.admin, self.user_id, self.project_id = admin, admin.user_id, admin.project_id

    def make(self, api, path, body, **options):
        answer = self.admin.post(api, path, body, **options)
        assert answer.status < 300, answer
        body = answer.json
        return next(iter(body.values())) if len(body) == 1 else body

    @property
    def network(self):
        return self.make("network", "/v2.0/networks", {"network": {"name": name()}})["id"]

    @property
    def external(self):
        body = {"network": {"name": name(), "router:external": True}}
        network_id = self.make("network", "/v2.0/networks", body)["id"]
        self.subnet(network_id)
        return network_id

    def subnet(self, network_id):
        body = {"network_id": network_id, "ip_version": 4, "cidr": f"10.77.{next(numbers) % 250}.0/24"}
        return self.make("network", "/v2.0/subnets", {"subnet": body})["id"]

    @property
    def port(self):
        return self.make("network", "/v2.0/ports", {"port": {"network_id": self.network}})

    @property
    def network_host(self):
        """The name of a host that carries networks."""
        service, _ = self.admin.cloud.api("network")
        report = rpc.HostReport(
            host="a-host", revision=0, driver="simulated", started_at="", capabilities=("vxlan",)
        )
        reports.hear_host(service.background_context(), report)
        return "a-host"

    @property
    def security_group(self):
        return self.make("network", "/v2.0/security-groups", {"security_group": {"name": name()}})["id"]

    @property
    def forwarded(self):
        """A floating IP and a port that it can reach."""
        external, inner = self.external, self.network
        subnet = self.subnet(inner)
        router = self.make(
            "network",
            "/v2.0/routers",
            {"router": {"name": name(), "external_gateway_info": {"network_id": external}}},
        )["id"]
        path = f"/v2.0/routers/{router}/add_router_interface"
        assert self.admin.put("network", path, {"subnet_id": subnet}).status == 200
        port = self.make("network", "/v2.0/ports", {"port": {"network_id": inner}})
        floating = {"floatingip": {"floating_network_id": external}}
        return self.make("network", "/v2.0/floatingips", floating)["id"], port

    @property
    def flavor(self):
        body = {"flavor": {"name": name(), "ram": 64, "vcpus": 1, "disk": 0}}
        return self.make("compute", "/v2.1/flavors", body)["id"]

    @property
    def image(self):
        body = {"name": name(), "disk_format": "raw", "container_format": "bare"}
        image_id = self.make("image", "/v2/images", body)["id"]
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/v2/images/{image_id}/file"
        assert self.admin.put("image", path, raw=b"\1" * 1024, headers=headers).status == 204
        return image_id

    @property
    def provider(self):
        return self.make("placement", "/resource_providers", {"name": name()}, version="1.20")["uuid"]

    @property
    def service(self):
        return self.make("identity", "/v3/services", {"service": {"type": name()}})["id"]

    @property
    def namespace(self):
        return self.make("image", "/v2/metadefs/namespaces", {"namespace": name()})["namespace"]

    @property
    def role(self):
        return next(
            r["id"] for r in self.admin.get("identity", "/v3/roles").json["roles"] if r["name"] == "member"
        )

    @property
    def registered(self):
        """A service with a registered limit."""
        service, resource = self.service, name()
        one = {"service_id": service, "resource_name": resource, "default_limit": 5}
        assert (
            self.admin.post("identity", "/v3/registered_limits", {"registered_limits": [one]}).status == 201
        )
        return {"service_id": service, "resource_name": resource, "resource_limit": 3}


def forwarding(w):
    floating, port = w.forwarded
    inside = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"]}
    body = {"protocol": "tcp", "external_port": 80, "internal_port": 80, **inside}
    return {"floatingip_id": floating}, {"port_forwarding": body}


def limits(w):
    return {}, {"limits": [{**w.registered, "project_id": w.project_id}]}


#: API and path → (values in the path, body) of something that can be made; `w` is a World.
EXAMPLES = {
    "identity /v3/domains": lambda w: ({}, {"domain": {"name": name()}}),
    "identity /v3/projects": lambda w: ({}, {"project": {"name": name()}}),
    "identity /v3/users": lambda w: ({}, {"user": {"name": name(), "password": "secret-of-a-user"}}),
    "identity /v3/groups": lambda w: ({}, {"group": {"name": name()}}),
    "identity /v3/roles": lambda w: ({}, {"role": {"name": name()}}),
    "identity /v3/regions": lambda w: ({}, {"region": {"description": name()}}),
    "identity /v3/services": lambda w: ({}, {"service": {"type": name()}}),
    "identity /v3/endpoints": lambda w: (
        {}, {"endpoint": {"service_id": w.service, "interface": "public", "url": "http://192.0.2.1/"}},
    ),
    "identity /v3/OS-EP-FILTER/endpoint_groups": lambda w: (
        {}, {"endpoint_group": {"name": name(), "filters": {"interface": "public"}}},
    ),
    "identity /v3/policies": lambda w: ({}, {"policy": {"type": "text/plain", "blob": "{}"}}),
    "identity /v3/credentials": lambda w: (
        {}, {"credential": {"type": "totp", "blob": name(), "user_id": w.user_id}},
    ),
    "identity /v3/users/{user_id}/application_credentials": lambda w: (
        {"user_id": w.user_id}, {"application_credential": {"name": name()}},
    ),
    "identity /v3/OS-TRUST/trusts": lambda w: (
        {},
        {"trust": {
            "trustor_user_id": w.user_id, "trustee_user_id": w.user_id, "impersonation": False,
            "project_id": w.project_id, "roles": [{"id": w.role}],
        }},
    ),
    "identity /v3/registered_limits": lambda w: (
        {}, {"registered_limits": [{"service_id": w.service, "resource_name": name(), "default_limit": 5}]},
    ),
    "identity /v3/limits": limits,
    "identity /v3/OS-OAUTH1/consumers": lambda w: ({}, {"consumer": {"description": name()}}),
    "identity /v3/OS-NACRE/join_tokens": lambda w: ({}, {"join_token": {"host": name()}}),
    "placement /resource_providers": lambda w: ({}, {"name": name()}),
    "placement /resource_providers/{uuid}/inventories": lambda w: (
        {"uuid": w.provider}, {"resource_class": "VCPU", "total": 4, "resource_provider_generation": 0},
    ),
    "placement /resource_classes": lambda w: ({}, {"name": f"CUSTOM_{name().upper().replace('-', '_')}"}),
    "image /v2/images": lambda w: ({}, {"name": name()}),
    "image /v2/images/{image_id}/members": lambda w: (
        {"image_id": w.make("image", "/v2/images", {"name": name(), "visibility": "shared"})["id"]},
        {"member": w.project_id},
    ),
    "image /v2/metadefs/namespaces": lambda w: ({}, {"namespace": name()}),
    "image /v2/metadefs/namespaces/{namespace_name}/objects": lambda w: (
        {"namespace_name": w.namespace}, {"name": name()},
    ),
    "image /v2/metadefs/namespaces/{namespace_name}/properties": lambda w: (
        {"namespace_name": w.namespace}, {"name": name(), "title": "T", "type": "string"},
    ),
    "network /v2.0/networks": lambda w: ({}, {"network": {"name": name()}}),
    "network /v2.0/subnets": lambda w: (
        {}, {"subnet": {"network_id": w.network, "ip_version": 4, "cidr": "10.78.0.0/24"}},
    ),
    "network /v2.0/ports": lambda w: ({}, {"port": {"network_id": w.network}}),
    "network /v2.0/ports/{id}/bindings": lambda w: ({"id": w.port["id"]}, {"binding": {"host": w.network_host}}),
    "network /v2.0/security-groups": lambda w: ({}, {"security_group": {"name": name()}}),
    "network /v2.0/security-group-rules": lambda w: (
        {}, {"security_group_rule": {"security_group_id": w.security_group, "direction": "ingress"}},
    ),
    "network /v2.0/routers": lambda w: ({}, {"router": {"name": name()}}),
    "network /v2.0/floatingips": lambda w: ({}, {"floatingip": {"floating_network_id": w.external}}),
    "network /v2.0/floatingips/{floatingip_id}/port_forwardings": forwarding,
    "network /v2.0/subnetpools": lambda w: ({}, {"subnetpool": {"name": name(), "prefixes": ["10.0.0.0/8"]}}),
    "network /v2.0/address-scopes": lambda w: ({}, {"address_scope": {"name": name(), "ip_version": 4}}),
    "network /v2.0/address-groups": lambda w: ({}, {"address_group": {"name": name(), "addresses": []}}),
    "network /v2.0/rbac-policies": lambda w: (
        {},
        {"rbac_policy": {
            "object_type": "network", "object_id": w.network, "action": "access_as_shared",
            "target_tenant": w.project_id,
        }},
    ),
    "compute /v2.1/flavors": lambda w: ({}, {"flavor": {"name": name(), "ram": 64, "vcpus": 1, "disk": 0}}),
    "compute /v2.1/os-keypairs": lambda w: ({}, {"keypair": {"name": name(), "type": "ssh", "public_key": KEY}}),
    "compute /v2.1/servers": lambda w: (
        {},
        {"server": {"name": name(), "flavorRef": w.flavor, "imageRef": w.image, "networks": "none"}},
    ),
    "compute /v2.1/os-server-groups": lambda w: ({}, {"server_group": {"name": name(), "policy": "affinity"}}),
    "compute /v2.1/os-aggregates": lambda w: ({}, {"aggregate": {"name": name()}}),
}  # fmt: skip

KEY = "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\3\1\0\1").decode() + " a@b"

#: What cannot be told again: a repetition after a death learns that it was done (410), and it is not done twice.
LOST = {
    "identity /v3/users/{user_id}/credentials/OS-EC2": "its id follows from its access key",
    "identity /v3/ec2tokens": "writes nothing",
    "identity /v3/s3tokens": "writes nothing",
    "placement /allocations": "guarded by generations",
    "image /v2/images/{image_id}/import": "an empty answer after work was begun",
    "image /v2/tasks": "always refuses",
    "image /v2/metadefs/namespaces/{namespace_name}/tags/{name}": "made under a name of the caller's choice",
    "image /v2/metadefs/namespaces/{namespace_name}/resource_types": "an association without an address",
    "image /v2/images/{image_id}/nacre-tickets": "writes nothing",
    "network /v2.0/agents/{id}/dhcp-networks": "an association",
    "network /v2.0/agents/{id}/l3-routers": "an association",
    "compute /v2.1/flavors/{flavor_id}/action addTenantAccess": "an association",
    "compute /v2.1/flavors/{flavor_id}/action removeTenantAccess": "an association",
    "compute /v2.1/servers/{server_id}/action os-getConsoleOutput": "writes nothing",
    "compute /v2.1/servers/{server_id}/action createImage": "the image is named in the answer only",
    "compute /v2.1/servers/{server_id}/action createBackup": "the image is named in the answer only",
    "compute /v2.1/servers/{server_id}/action rebuild": "answers with a password",
    "compute /v2.1/servers/{server_id}/action rescue": "answers with a password",
    "compute /v2.1/servers/{server_id}/action evacuate": "answers with a password",
    "compute /v2.1/servers/{server_id}/os-interface": "the attachment is a job's",
    "compute /v2.1/os-aggregates/{aggregate_id}/action add_host": "an association",
    "compute /v2.1/os-aggregates/{aggregate_id}/action remove_host": "an association",
    "compute /v2.1/images/{image_id}/metadata": "is the image service's",
    "compute /v2.1/os-security-groups": "is the network service's",
    "compute /v2.1/os-security-group-rules": "is the network service's",
    "compute /v2.1/os-floating-ips": "is the network service's",
}


class Known:
    """A service as far as `column_made` must know it."""

    def __init__(self, manifest):
        self.manifest = manifest


POSTS = [
    (Known(manifest), api, operation, f"{api.name} {operation.path} {operation.action or ''}".strip())
    for manifest in manifests()
    for api in manifest.apis
    for group in api.routes
    for operation in group.operations
    if operation.method == "POST" and operation.policy is not PUBLIC and not operation.stream
]  # fmt: skip
MAKING = [
    pytest.param(service, api, operation, id=f"{title} {operation.since or ''}".strip())
    for service, api, operation, title in POSTS
    if column_made(service, operation) is not None
]


def has_address(api, operation):
    pattern = re.compile(re.escape(operation.path) + r"/\{\w+\*?\}")
    return any(
        other.method == "GET" and pattern.fullmatch(other.path)
        for group in api.routes
        for other in group.operations
    )


def test_it_is_known_how_each_lost_answer_is_told_again():
    untold = {
        title
        for service, api, operation, title in POSTS
        if operation.tell_again is None
        and not operation.answers_nothing
        and "rest*" not in title
        and not (column_made(service, operation) is not None and has_address(api, operation))
    }
    assert untold == {title for title in untold if title in LOST}, untold - set(LOST)


def test_there_is_an_example_for_each_route_that_makes_something():
    titles = {title for service, _, operation, title in POSTS if column_made(service, operation) is not None}
    assert titles == set(EXAMPLES)


def count(cloud, api_name, column):
    service, _ = cloud.api(api_name)
    return service.db.read(lambda tx: tx.scalar(select(func.count()).select_from(column.table)))


def essence(body):
    """Return what identifies a made thing in an answer: its id, or its name."""
    inner = body or {}
    wrapped = [value for key, value in inner.items() if isinstance(value, dict | list) and key != "links"]
    if "id" not in inner and "name" not in inner and wrapped:
        inner = wrapped[0][0] if isinstance(wrapped[0], list) else wrapped[0]
    known = ("id", "uuid", "host", "namespace", "member_id", "name", "resource_provider_generation")
    return next((inner[key] for key in known if key in inner), None)


@pytest.mark.parametrize(("service", "api", "operation"), MAKING)
def test_one_key_makes_one_thing(cloud, admin, service, api, operation):
    values, body = EXAMPLES[f"{api.name} {operation.path}"](World(admin))
    path = operation.path.format(**values)
    column = column_made(service, operation)
    version = str(operation.until or api.versions.maximum) if api.versions else None
    key = {"Idempotency-Key": name()}

    def post(**more):
        return admin.post(api.name, path, body, version=version, headers=key | more)

    before = count(cloud, api.name, column)
    first = post()
    assert first.status in (200, 201, 202), first
    made = count(cloud, api.name, column)
    assert made > before
    again = post()
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers.get("location") == first.headers.get("location")
    forget_the_answer(cloud, api.name)
    told = post()
    assert told.status == first.status, told
    assert told.headers["idempotent-replayed"] == "true"
    assert essence(told.json) == essence(first.json)
    assert post().body == told.body
    assert count(cloud, api.name, column) == made
    refused = admin.post(api.name, path, [body], version=version, headers=key)
    assert refused.status in (400, 422), refused


def forget_the_answer(cloud, api_name):
    """Do as if whoever carried out the last request had died before answering."""
    service, _ = cloud.api(api_name)

    def forget(tx):
        newest = tx.scalar(select(answers.c.id).order_by(answers.c.created_at.desc()).limit(1))
        tx.update(answers, newest, {"status": None, "answer": None, "process_id": None})

    service.db.run(forget)


def test_secrets_are_told_once_and_kept_sealed(cloud, admin):
    """Key pairs, application credentials and passwords come again from the sealed answer only."""
    world = World(admin)
    requests = {
        "private_key": ("compute", "/v2.1/os-keypairs", {"keypair": {"name": name(), "type": "ssh"}}, "2.80"),
        "secret": (
            "identity",
            f"/v3/users/{admin.user_id}/application_credentials",
            {"application_credential": {"name": name()}},
            None,
        ),
        "adminPass": (
            "compute",
            "/v2.1/servers",
            {
                "server": {
                    "name": name(),
                    "flavorRef": world.flavor,
                    "imageRef": world.image,
                    "networks": "none",
                }
            },
            "2.90",
        ),
    }
    for member, (api, path, body, version) in requests.items():
        key = {"Idempotency-Key": name()}
        answer = [
            next(iter(admin.post(api, path, body, headers=key, version=version).json.values()))
            for _ in range(2)
        ]
        secret = answer[0][member]
        assert answer[1][member] == secret
        service, _ = cloud.api(api)
        rows = service.db.read(lambda tx: list(tx.execute(select(answers))))
        assert rows
        for row in rows:
            stored = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
            assert secret.encode()[:20] not in stored
        forget_the_answer(cloud, api)
        told = admin.post(api, path, body, headers=key, version=version)
        assert told.status in (200, 201, 202)
        assert member not in next(iter(told.json.values()))
