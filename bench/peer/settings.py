"""The peer's configuration files: what must be said, and the release's defaults for all else.

Departures from the defaults are those without which nothing could be measured on one machine: no quotas, no agents
for networks (one row says that an agent is alive), notifications off.
"""

import shutil
from collections.abc import Mapping

from peer import places

Sections = Mapping[str, Mapping[str, object]]

MEMCACHED = f"{places.ADDRESS}:{places.MEMCACHED_PORT}"
CACHE = {"enabled": "true", "backend": "oslo_cache.memcache_pool", "memcache_servers": MEMCACHED}
QUIET = {"driver": "noop"}
PASTE = {"glance": "glance-api-paste.ini", "nova": "api-paste.ini", "neutron": "api-paste.ini"}


def write() -> None:
    """Write all files; again writes the same."""
    for service in places.API_PORTS:
        (places.ETC / service).mkdir(exist_ok=True)
        (places.STATE / service / "lock").mkdir(parents=True, exist_ok=True)
    for service, name in PASTE.items():
        shutil.copyfile(places.VENV / "etc" / service / name, places.ETC / service / name)
    _write("keystone/keystone.conf", keystone())
    _write("placement/placement.conf", placement())
    _write("glance/glance-api.conf", glance())
    _write("nova/nova.conf", nova())
    # A host's agent must not know the databases.
    hidden = ("database", "api_database")
    _write("nova/nova-cpu.conf", {name: keys for name, keys in nova().items() if name not in hidden})
    _write("neutron/neutron.conf", neutron())
    _write("neutron/ml2_conf.ini", ml2())


def account(user: str) -> dict[str, object]:
    """Return how a service logs in."""
    return {
        "auth_type": "password",
        "auth_url": places.AUTH_URL,
        "www_authenticate_uri": places.AUTH_URL,
        "username": user,
        "password": places.PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": places.REGION,
    }


def tokens(user: str) -> dict[str, object]:
    """Return how a service checks tokens: with memcached in between."""
    service = {"service_token_roles_required": "true", "service_token_roles": "service"}
    return {**account(user), "memcached_servers": MEMCACHED, **service}


def locks(service: str) -> dict[str, object]:
    """Return where a service keeps its locks."""
    return {"lock_path": places.STATE / service / "lock"}


def keystone() -> Sections:
    """Fernet tokens, bcrypt of 12 rounds (the default), memcached."""
    keys = places.ETC / "keystone"
    return {
        "DEFAULT": {"max_token_size": 500},
        "database": {"connection": places.database_url("keystone")},
        "cache": CACHE,
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": keys / "fernet-keys"},
        "credential": {"key_repository": keys / "credential-keys"},
        "oslo_concurrency": locks("keystone"),
        "oslo_messaging_notifications": QUIET,
    }


def placement() -> Sections:
    """Nothing but where things are."""
    return {
        "placement_database": {"connection": places.database_url("placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": tokens("placement"),
    }


def glance() -> Sections:
    """A store of files, with the default hashing."""
    state = places.STATE / "glance"
    for name in ("images", "staging", "tasks"):
        (state / name).mkdir(parents=True, exist_ok=True)
    return {
        "DEFAULT": {
            "enabled_backends": "file:file",
            "enabled_import_methods": "[glance-direct,web-download,copy-image]",
            "worker_self_reference_url": places.api_url("glance"),
        },
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": state / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": state / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": state / "tasks"},
        "database": {"connection": places.database_url("glance")},
        "paste_deploy": {"flavor": "keystone", "config_file": places.ETC / "glance" / PASTE["glance"]},
        "keystone_authtoken": tokens("glance"),
        "oslo_concurrency": locks("glance"),
        "oslo_messaging_notifications": QUIET,
    }


def nova() -> Sections:
    """The fake driver whose host keeps its name over a restart; no quotas; two workers each."""
    state = places.STATE / "nova"
    return {
        "DEFAULT": {
            "transport_url": places.BROKER_URL,
            "compute_driver": "fake.FakeDriverWithoutFakeNodes",
            "host": places.HOST,
            "my_ip": places.ADDRESS,
            "state_path": state,
            "instances_path": state / "instances",
        },
        "api_database": {"connection": places.database_url("nova_api")},
        "database": {"connection": places.database_url("nova")},
        "api": {"auth_strategy": "keystone", "max_limit": 10000},
        "wsgi": {"api_paste_config": places.ETC / "nova" / PASTE["nova"]},
        "conductor": {"workers": places.API_WORKERS},
        "scheduler": {"workers": places.API_WORKERS},
        "cache": CACHE,
        "vnc": {"enabled": "false"},
        "quota": dict.fromkeys(("instances", "cores", "ram", "server_groups"), -1),
        "glance": {"api_servers": places.api_url("glance")},
        "keystone_authtoken": tokens("nova"),
        "placement": account("nova"),
        "neutron": account("nova"),
        "service_user": {**account("nova"), "send_service_user_token": "true"},
        "oslo_concurrency": locks("nova"),
        "oslo_messaging_notifications": QUIET,
    }


def neutron() -> Sections:
    """The API, its RPC server and its periodic workers; an agent counts as alive for weeks."""
    unlimited = ("network", "subnet", "port", "router", "security_group", "security_group_rule")
    return {
        "DEFAULT": {
            "transport_url": places.BROKER_URL,
            "core_plugin": "ml2",
            "service_plugins": "router",
            "api_paste_config": places.ETC / "neutron" / PASTE["neutron"],
            "state_path": places.STATE / "neutron",
            "agent_down_time": 2_000_000,
            "rpc_workers": 1,
        },
        "database": {"connection": places.database_url("neutron")},
        "quotas": {f"quota_{noun}": -1 for noun in unlimited},
        "keystone_authtoken": tokens("neutron"),
        "nova": account("neutron"),
        "placement": account("neutron"),
        "oslo_concurrency": locks("neutron"),
        "oslo_messaging_notifications": QUIET,
    }


def ml2() -> Sections:
    """Open vSwitch and VXLAN, bound along the ordinary way."""
    return {
        "ml2": {
            "type_drivers": "flat,vlan,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "openvswitch",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "physnet1"},
        "ml2_type_vxlan": {"vni_ranges": "1:100000"},
        "securitygroup": {"enable_security_group": "true"},
    }


def _write(name: str, sections: Sections) -> None:
    lines = []
    for section, keys in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in keys.items()), ""]
    (places.ETC / name).write_text("\n".join(lines))
